"""Places on the bus, and up to which of them the events of one user were judged.

The bus delivers a partition in order, so whatever lies up to such a place was judged before,
whatever became of it. What is remembered is no more than has to be: the place of an event that was
added up, or that repeats one which is remembered. Once the identity that both share is forgotten,
nothing else tells that the bus delivers them again. Every other event comes to the same again by
itself.
"""

from collections.abc import Mapping, MutableMapping
from datetime import datetime
from typing import NamedTuple

from quadrupel.core.marks import Mark, microseconds

Reached = Mapping[int, tuple[int, int]]
"""By partition: when the bus took what lies up to there (microseconds since 1970), the offset."""


class Place(NamedTuple):
    """Where the bus has an event: when it took it, and at which offset of which partition."""

    at: datetime
    offset: int
    partition: int

    def mark(self) -> Mark:
        """The place as a mark."""
        return microseconds(self.at), self.offset, 0


def is_reached(place: Place, reached: Reached) -> bool:
    """Whether the event of that place was judged before.

    Offset and time must both say so: in a new topic offsets start anew, and no event may be lost.
    """
    before = reached.get(place.partition)
    return before is not None and place.offset <= before[1] and microseconds(place.at) <= before[0]


def reach(place: Place, reached: MutableMapping[int, tuple[int, int]]) -> None:
    """Remember a place that was not reached before.

    In one topic neither part of it goes back, though the clock of another broker is behind.
    """
    at, offset, partition = place
    taken, before = microseconds(at), reached.get(partition)
    if before is not None and offset > before[1] and taken < before[0]:
        taken = before[0]
    reached[partition] = (taken, offset)
