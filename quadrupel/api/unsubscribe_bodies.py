"""The bodies of `POST /v1/unsubscribe/{token}`: forms with one field, which says what is chosen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from quadrupel.core.errors import InputRefused

FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"
MEDIA_TYPES = (FORM, PARTS)
MAX_BODY = 2048

_BOUNDARY = re.compile(r';[ \t]*boundary=(?:"([^"]{1,70})"|([^\s";]{1,70}))[ \t]*(?:;|$)', re.I)
_DISPOSITION = re.compile(
    r'content-disposition:[ \t]*form-data[ \t]*;[ \t]*name=("?)(?P<name>[a-z-]+)\1[ \t]*', re.I
)


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
    """The field of a form in parts that has one (RFC 7578). ValueError for what is not ASCII.

    The parser of the standard library is for e-mails: some headers it cannot take, and long ones
    keep it busy for minutes.
    """
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return None
    text = "\n" + body.decode("ascii").replace("\r\n", "\n")
    _, *parts = text.split(f"\n--{boundary[1] or boundary[2]}")
    if len(parts) != 2 or not parts[1].startswith("--"):
        return None
    head, _, value = parts[0].partition("\n\n")
    padding, *headers = head.split("\n")
    said = [each for each in headers if each.lower().startswith("content-disposition")]
    named = _DISPOSITION.fullmatch(said[0]) if len(said) == 1 and not padding.strip() else None
    return (named["name"], value) if named else None
