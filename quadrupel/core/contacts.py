"""Contacts: where a user may be reached, in which language, and with whose consent."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

EMAIL = "email"
"""The channel, and the consent, of e-mail."""


@dataclass(frozen=True, slots=True)
class Contact:
    """How one user is reached. `consents` holds the answer per channel; no entry: none given.

    `phone` is in the form of E.164 (`+79123456789`), `time_zone` a name of the IANA database.
    """

    user_id: str
    email: str | None = None
    language: str | None = None
    consents: Mapping[str, bool] = field(default_factory=dict)
    phone: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that was refused for good: it is not written to until the user has another."""

    user_id: str
    channel: str
    address_hash: bytes
    reason: str


def address_hash(address: str) -> bytes:
    """SHA-256 of the address, so that a suppression outlives no address."""
    return hashlib.sha256(address.encode()).digest()


def obstacle(
    channel: str,
    contact: Contact | None,
    suppression: Suppression | None,
    *,
    refused: bool = False,
) -> str | None:
    """Why the user may not be written to through the channel; None: nothing is in the way.

    `refused`: the user refused such messages (see `quadrupel.core.refusals`).

    A webhook belongs to a system, which looks after the consent of its users itself.
    """
    if channel != EMAIL:
        return None
    if contact is None or not contact.email:
        return "no address"
    if not contact.consents.get(EMAIL, False):
        return "no consent"
    if refused:
        return "the citizen refused these e-mails"
    if suppression is not None and suppression.address_hash == address_hash(contact.email):
        return f"the address was refused before: {suppression.reason}"
    return None
