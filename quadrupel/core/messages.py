"""Messages: what is sent through a channel, once per episode, and when a refused one is retried."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class MessageState(StrEnum):
    """Where a message is on its way.

    pending: recorded, on the bus or about to be. sending: handed over at this moment. retry:
    refused for now, again at `next_attempt_at`. sent: the channel took it. unknown: a crash came
    between handing over and recording, an operator decides. failed: refused for good or too
    often. suppressed: the address is missing, not consented to, or was refused for good before, or
    the citizen refused such messages. cancelled: its mailing was cancelled.
    """

    PENDING = "pending"
    SENDING = "sending"
    RETRY = "retry"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What makes a message the same message: the primary key of `messages`.

    `origin` is `rule:ID` or `mailing:NAME`; `channel` is `email` or `webhook:ENDPOINT`.
    """

    user_id: str
    origin: str
    episode: str
    channel: str

    @property
    def digest(self) -> str:
        """32 hexadecimal digits, the same for the same key for ever: the id channels see."""
        text = "\0".join((self.user_id, self.origin, self.episode, self.channel))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Message:
    """A message as recorded: its template and the values (text forms) the template shows."""

    key: MessageKey
    template: str
    values: Mapping[str, str]


RETRY_DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800, 7200, 21600, 86400)
)
"""How long after each refused attempt the next one comes; after the last, the message failed."""


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """When to try again after `attempts` (at least 1) refused attempts; None: give up."""
    if attempts > len(RETRY_DELAYS):
        return None
    return now + RETRY_DELAYS[attempts - 1]
