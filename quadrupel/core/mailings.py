"""Mailings: one message to everyone of an audience, started, watched and stopped by an operator."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from quadrupel.core.errors import InputRefused

EPISODE = "once"
"""The episode of every message of a mailing: nobody gets a mailing twice."""
MAX_RATE = 10_000
MAX_CHUNK = 500

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}[a-z0-9]")


class MailingState(StrEnum):
    """planned: nothing sent yet. sending: somebody queues it, or died doing so. done: all queued.

    paused: it goes on where it stopped. cancelled: never again, and what waited was taken back.
    """

    PLANNED = "planned"
    SENDING = "sending"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a mailing is for: one of a rule's id, an expression, or a list of users kept with it."""

    rule: str | None = None
    expression: str | None = None
    users: bool = False

    def __str__(self) -> str:
        if self.rule is not None:
            return f"rule {self.rule}"
        return self.expression if self.expression is not None else "a list of users"


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing. `rate`: messages per second, at most; `as_of`: the day the audience is found for.

    `cursor` is the last user who is done with, None before the first; `queued` messages went out.
    """

    name: str
    audience: Audience
    channel: str
    template: str
    rate: int
    state: MailingState
    as_of: date
    audience_size: int
    cursor: str | None
    queued: int
    created_at: datetime
    updated_at: datetime

    @property
    def origin(self) -> str:
        """The origin of its messages."""
        return origin(self.name)


def origin(name: str) -> str:
    """The origin of the messages of the mailing of that name."""
    return f"mailing:{name}"


def check_name(name: str) -> str:
    """The name itself; InputRefused (`bad-name`) if no mailing can have it."""
    if not _NAME.fullmatch(name):
        raise InputRefused(
            "bad-name",
            f"a mailing's name is 2 to 64 of a-z 0-9 _ -, and begins and ends with a letter or"
            f" digit: {name[:80]!a}",
        )
    return name


class MailingPace:
    """Holds a rate: says how long to wait before the next chunk. Times are seconds of a clock.

    `rate` may be changed, and holds from the next chunk on.
    """

    def __init__(self, rate: int, now: float) -> None:
        self.rate = rate
        self._next = now

    @property
    def chunk(self) -> int:
        """How many messages are queued at a time: a second's worth at most."""
        return min(self.rate, MAX_CHUNK)

    def wait(self, count: int, now: float) -> float:
        """Seconds to wait after `count` messages went out; time lost before is not caught up."""
        self._next = max(self._next, now - count / self.rate) + count / self.rate
        return max(0.0, self._next - now)
