"""The bodies of `POST /v1/unsubscribe/{token}`: forms with one field, which says what is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from quadrupel.core.errors import InputRefused

FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"
MEDIA_TYPES = (FORM, PARTS)
MAX_BODY = 2048


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether the citizen refuses e-mails or wants them again: the link's kind, or everything."""

    refuse: bool
    everything: bool = False


CHOICES: Mapping[tuple[str, str], Choice] = {
    ("List-Unsubscribe", "One-Click"): Choice(refuse=True),
    ("refuse", "kind"): Choice(refuse=True),
    ("refuse", "all"): Choice(refuse=True, everything=True),
    ("allow", "kind"): Choice(refuse=False),
    ("allow", "all"): Choice(refuse=False, everything=True),
}
"""By the field of the form. The first is what mail providers send (RFC 8058)."""


def read_choice(body: bytes, media_type: str, content_type: str) -> Choice:
    """What the form says, of one of MEDIA_TYPES; `content_type` is the whole header.

    Raises InputRefused (`wrong-choice`) for anything else than one known field.
    """
    try:
        found = _part(body, content_type) if media_type == PARTS else _field(body)
    except ValueError:
        found = None
    choice = CHOICES.get(found) if found else None
    if choice is None:
        known = ", ".join("=".join(each) for each in CHOICES)
        raise InputRefused("wrong-choice", f"the form has one field, of these: {known}")
    return choice


def _field(body: bytes) -> tuple[str, str] | None:
    """The field of a form that has one. ValueError for what is no form."""
    fields = parse_qsl(
        body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict"
    )
    return fields[0] if len(fields) == 1 else None


def _part(body: bytes, content_type: str) -> tuple[str, str] | None:
    """The field of a form in parts that has one (RFC 7578)."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    parts = [] if form.defects else list(form.iter_parts())
    if len(parts) != 1 or parts[0].get_content_disposition() != "form-data":
        return None
    names = parts[0]["content-disposition"].params
    return (names["name"], str(parts[0].get_payload())) if names.keys() == {"name"} else None
