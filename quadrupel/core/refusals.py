"""Refusals: which messages a citizen does not want, told by the citizen and by nobody else."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

EVERYTHING = "*"
"""The kind of all messages of a channel."""
MAILINGS = "mailings"
"""The kind of all mailings."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One user wants no message of the kind through the channel: MAILINGS, EVERYTHING, `rule:ID`.

    Apart from the consent of a contact, which comes from other systems and is replaced by them.
    """

    user_id: str
    channel: str
    kind: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Wishes:
    """The kinds that a user refuses by a channel, and the user's language, if it is known."""

    refused: frozenset[str] = frozenset()
    language: str | None = None


def kind_of(origin: str) -> str:
    """What is refused along with a message of that origin: all mailings, or its rule's messages."""
    return MAILINGS if origin.startswith("mailing:") else origin


def is_refused(kind: str, refused: Collection[str]) -> bool:
    """Whether who refused these kinds gets no message of the kind."""
    return kind in refused or EVERYTHING in refused
