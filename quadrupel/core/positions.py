"""Where an event is on the bus, and up to which event something was worked out.

A user's events are in one partition of their topic, in order. So one position says which of them
are contained in an evaluation, or in what is published: all up to it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Position(NamedTuple):
    """Where a message is in its topic."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Cause:
    """The latest event behind an evaluation: where it is, and when the bus took it (aware).

    The user's events before it in its partition are behind the evaluation too.
    """

    partition: int
    offset: int
    arrived_at: datetime

    def __post_init__(self) -> None:
        if not (0 <= self.partition < 2**31 and 0 <= self.offset < 2**63):
            raise ValueError(f"there is no position {self.partition}/{self.offset}")
        if self.arrived_at.tzinfo is None:
            raise ValueError(f"the time of arrival {self.arrived_at} has no offset")

    @property
    def position(self) -> Position:
        """Where the event is."""
        return Position(self.partition, self.offset)


def latest(one: Cause | None, other: Cause | None) -> Cause | None:
    """The later cause of two, by offset; by arrival if their partitions differ; None is before all.

    Partitions differ only where someone writes the events of one user to several.
    """
    if one is None or other is None:
        return one or other
    if one.partition == other.partition:
        return one if one.offset >= other.offset else other
    return one if one.arrived_at >= other.arrived_at else other


def contains(contained: Position | None, asked: Position) -> bool:
    """Whether what contains everything up to `contained` contains the event at `asked`.

    Of another partition nothing is known, which counts as no.
    """
    return (
        contained is not None
        and contained.partition == asked.partition
        and contained.offset >= asked.offset
    )
