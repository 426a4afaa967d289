"""Which database server a read of the API asks first, and how old a replica's answer is.

The age is not that of the last commit that was replayed, which says nothing on a quiet primary. The
primary tells its place in the WAL now and again; a replica that has replayed it has all that was
committed when it was told.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import TypeAlias

from quadrupel.store.replica import Mark, Standing

KEPT = 128
"""How many places of the primary are remembered: a replica further behind only grows older."""


class Source(StrEnum):
    """Where a read is answered from."""

    PRIMARY = "primary"
    REPLICA = "replica"


class State(IntEnum):
    """How a server does: it answers, failed a question lately, or is known not to answer."""

    UP = 0
    DOUBTED = 1
    AWAY = 2


Place: TypeAlias = Mark | Standing | None
"""What a server tells of its place; None: it answers, and does not tell, or may not."""


def order(states: Mapping[Source, State], behind: float | None, near: float) -> Sequence[Source]:
    """The servers to ask, the first one first; empty: none is known to answer.

    The replica goes first unless it is more than `near` seconds behind (None: nobody can tell). A
    server that is doubted goes last, one that is away is not asked.
    """
    is_near = behind is None or behind <= near
    wanted = (Source.REPLICA, Source.PRIMARY) if is_near else (Source.PRIMARY, Source.REPLICA)
    asked = [each for each in wanted if states.get(each, State.AWAY) is not State.AWAY]
    return sorted(asked, key=lambda each: states[each])


def newest_first(states: Mapping[Source, State]) -> Sequence[Source]:
    """The servers to ask for what may not be old: the replica second, also if the primary failed.

    One that is away is not asked.
    """
    asked = (Source.PRIMARY, Source.REPLICA)
    return [each for each in asked if states.get(each, State.AWAY) is not State.AWAY]


class ReplicaAge:
    """Since when a replica may lack something, as far as both servers told. Times in seconds."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, Mark | None]] = deque(maxlen=KEPT)
        self._complete_at: float | None = None

    def primary_told(self, mark: Mark | None, asked_at: float) -> None:
        """The primary was asked for its place at that time, and told it."""
        self._marks.append((asked_at, mark))

    def replica_told(self, place: Place, asked_at: float) -> None:
        """The replica was asked for its place at that time, and told it.

        While nothing was heard of a primary yet, the last commit that it replayed is all there is.
        """
        reached = [at for at, mark in self._marks if _has(place, mark)]
        if reached:
            self._complete_at = max(reached[-1], self._complete_at or reached[-1])
        elif self._complete_at is None and isinstance(place, Standing):
            self._complete_at = asked_at - (place.seconds or 0.0)

    def seconds(self, now: float) -> float | None:
        """How long ago the replica was last known to have everything; None: it is not known yet."""
        return None if self._complete_at is None else max(0.0, now - self._complete_at)


def _has(place: Place, mark: Mark | None) -> bool:
    """Whether a server has all that the primary had committed at its mark.

    One that tells nothing to compare, as behind a logical replication, is taken at its word. One
    that was promoted has a history of its own; so has one that follows another primary.
    """
    if place is None or mark is None or place.system != mark.system:
        return True
    if place.timeline != mark.timeline:
        return False
    return (place.replayed if isinstance(place, Standing) else place.place) >= mark.place
