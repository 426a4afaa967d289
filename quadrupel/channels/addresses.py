"""Contacts at the door: what others say of a user's addresses, in the form in which it is kept.

No refusal repeats what was given: it is personal, and refusals reach logs.
"""

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from functools import cache

import phonenumbers
from email_validator import EmailNotValidError

from quadrupel.channels.email import read_address
from quadrupel.core.contacts import Contact
from quadrupel.core.errors import InputRefused

MAX_CONSENTS = 16

CONSENT = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""The name of a channel that a user can agree to."""

_PHONE = re.compile(r"\+[0-9 ()./-]{1,31}")
_NOT_IANA = frozenset({"localtime", "Factory"})
"""Files that stand beside the zones, and mean something else on every machine."""


def read_contact(
    user_id: str,
    *,
    email: str | None,
    phone: str | None,
    language: str | None,
    time_zone: str | None,
    consents: Mapping[str, bool],
    languages: Sequence[str],
) -> Contact:
    """The contact in its canonical form; None: the user has none of it.

    Raises InputRefused: `wrong-email`, `wrong-phone`, `unknown-language`, `unknown-time-zone`,
    `wrong-contact`.
    """
    if language is not None and language not in languages:
        raise InputRefused("unknown-language", f"the languages are {', '.join(languages)}")
    if len(consents) > MAX_CONSENTS or not all(map(CONSENT.fullmatch, consents)):
        raise InputRefused("wrong-contact", "consents are by channel, like email")
    return Contact(
        user_id,
        email=None if email is None else read_email(email),
        phone=None if phone is None else read_phone(phone),
        language=language,
        time_zone=None if time_zone is None else read_time_zone(time_zone),
        consents=consents,
    )


def read_email(text: str) -> str:
    """An e-mail address; InputRefused (`wrong-email`) if mail cannot be sent to it."""
    try:
        return read_address(text).normalized
    except EmailNotValidError as error:
        raise InputRefused("wrong-email", "email is not an address mail can be sent to") from error


def read_phone(text: str) -> str:
    """A telephone number in the form of E.164, `+79123456789`.

    It is written with + and the code of its country; blanks, brackets, dots, slashes and hyphens
    may stand in it. Raises InputRefused (`wrong-phone`) unless the country's numbering plan has
    such numbers.
    """
    if _PHONE.fullmatch(text):
        try:
            number = phonenumbers.parse(text)
        except phonenumbers.NumberParseException:
            pass
        else:
            if phonenumbers.is_valid_number(number):
                return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    raise InputRefused("wrong-phone", "phone is not a number with + and the code of its country")


def read_time_zone(text: str) -> str:
    """A name of the IANA database, `Europe/Moscow`; else InputRefused (`unknown-time-zone`)."""
    if text not in _time_zones():
        raise InputRefused("unknown-time-zone", "time_zone is a name like Europe/Moscow")
    return text


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones() - _NOT_IANA)
