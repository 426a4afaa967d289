"""Turns: what is to be done for each of many, now and again, without doing it for all at once."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Member(Protocol):
    """Who has turns, as long as it is open."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""


Each = TypeVar("Each", bound=Member)


class Turns(Generic[Each]):
    """Gives every member its turn, evenly spread over the seconds that a round takes.

    The first turn of a member comes a round after it was added, or earlier where others come or go.
    One that is not open any more is forgotten where it would have had its turn.
    """

    def __init__(self) -> None:
        self._circle: deque[Each] = deque()
        self._owed = 0.0

    def add(self, member: Each) -> None:
        """Let it have turns."""
        self._circle.append(member)

    def take(self, elapsed: float, round_seconds: float) -> Iterator[Each]:
        """Those whose turn came in the `elapsed` seconds since this was asked for the last time."""
        members = len(self._circle)
        self._owed += members * elapsed / round_seconds
        for _ in range(members):
            if self._owed < 1:
                return
            member = self._circle.popleft()
            if member.is_open:
                self._owed -= 1
                self._circle.append(member)
                yield member
        self._owed %= 1  # each has had its turn, and nobody has two at once
