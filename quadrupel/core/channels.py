"""Channels: what is handed over, what may come of it, and what that makes of the message."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from quadrupel.core.contacts import Contact
from quadrupel.core.messages import Message, MessageState, next_attempt

LONGEST_DELIVERY = timedelta(minutes=3)
"""Longer than a mail server may take for all commands of a delivery, each up to its own limit."""
LONGEST_RETRY_AFTER = timedelta(days=1)
MAX_ERROR = 500
"""The characters of a channel's answer that are kept."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message as handed to its channel. `recorded_at` and `handed_over_at` are aware.

    `contact` is None for channels that need no address. `kind` is what the user may refuse along
    with the message (see `quadrupel.core.refusals`); None: it cannot be refused.
    """

    message: Message
    contact: Contact | None
    recorded_at: datetime
    handed_over_at: datetime
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel took the message and answers for it from now on."""


@dataclass(frozen=True, slots=True)
class RefusedForNow:
    """The channel did not take the message; it may later, not before `retry_after` if given."""

    reason: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class RefusedForGood:
    """The channel will never take this message, nor any for its address if `about_address`."""

    reason: str
    about_address: bool = False


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The connection was lost after the message and before the answer: it may have been taken."""

    reason: str


Outcome = Delivered | RefusedForNow | RefusedForGood | Uncertain


class Channel(Protocol):
    """Hands messages over: e-mail and webhooks. Used by one event loop.

    `concurrency` is how many deliveries at a time are worth starting.
    """

    concurrency: int

    async def deliver(self, envelope: Envelope) -> Outcome:
        """Hand over one message and say what came of it, within LONGEST_DELIVERY.

        Raises ChannelUnavailable when the channel as a whole is away or refuses everybody, and
        InputRefused for a message that cannot be written by the templates here; the message was
        then certainly not taken. Safe to call concurrently, and to cancel.
        """

    async def close(self) -> None:
        """Close the connections. The channel opens new ones when used again."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a delivery makes of its message."""

    state: MessageState
    error: str | None = None
    next_attempt_at: datetime | None = None


def kept(answer: str) -> str:
    """A channel's answer as it is kept: cut, and without what no table takes.

    Servers answer in whatever they take for text: the bytes of other encodings, a NUL.
    """
    return answer.encode("utf-8", "replace").decode().replace("\0", "?")[:MAX_ERROR]


def settle(outcome: Outcome, attempts: int, now: datetime) -> Settlement:
    """The message's state after its `attempts`-th attempt (from 1) came out as it did."""
    match outcome:
        case Delivered():
            return Settlement(MessageState.SENT)
        case Uncertain(reason):
            return Settlement(MessageState.UNKNOWN, kept(reason))
        case RefusedForGood(reason):
            return Settlement(MessageState.FAILED, kept(reason))
        case RefusedForNow(reason, retry_after):
            again = next_attempt(attempts, now)
            if again is None:
                given_up = f"given up after {attempts} attempts: {reason}"
                return Settlement(MessageState.FAILED, kept(given_up))
            if retry_after is not None:
                again = max(again, now + min(retry_after, LONGEST_RETRY_AFTER))
            return Settlement(MessageState.RETRY, kept(reason), again)
