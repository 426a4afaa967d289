"""Windowed counts: how many events there were lately, kept as one number per day.

The window of a day holds that day and the days before it, as many as were declared. As days pass,
days leave it, so the count falls without any event. It has no upper end: what happened after the
day counts too, since a citizen's day can be behind that of an event, which is UTC's.
"""

from collections.abc import Iterable

DayCounts = tuple[tuple[int, int], ...]
"""Days (ordinals), ascending, each with how many events there were on it, at least one."""

NO_EVENTS: DayCounts = ()

MAX_WINDOW = 366
MAX_EVENTS = 10**9
"""How many events a windowed count holds, at most."""
MAX_DAYS = 2 * MAX_WINDOW
"""How many days with events a windowed count holds, at most."""

LAGGING_DAYS = 1
"""How many days a citizen's day can be behind the day of an arrival, which is UTC's."""

BITS = 32
"""How many bits of a packed day hold its number of events."""

_EPOCH = 719_163  # 1 January 1970 as an ordinal


def within(today: int, counts: DayCounts, window: int) -> DayCounts:
    """The days that are in the window of `today`, or after it."""
    return tuple([each for each in counts if each[0] > today - window])


def count_within(today: int, counts: DayCounts, window: int) -> int:
    """How many of the events are in the window of `today`, or after it."""
    return sum([number for day, number in counts if day > today - window])


def one_more(counts: DayCounts, day: int, arrived: int, window: int) -> DayCounts | None:
    """The counts after one more event, which happened on `day`; None where it changes nothing.

    A day that is in no window from the day before the arrival on is in none for good: such days
    are left out, and an event of such a day changes nothing.
    """
    last_gone = arrived - LAGGING_DAYS - window
    if day <= last_gone:
        return None
    kept = {each: number for each, number in counts if each > last_gone}
    kept[day] = kept.get(day, 0) + 1
    return tuple(sorted(kept.items()))


def fits(counts: DayCounts) -> bool:
    """Whether the counts are within MAX_EVENTS and MAX_DAYS."""
    return len(counts) <= MAX_DAYS and sum(number for _, number in counts) <= MAX_EVENTS


def pack(counts: DayCounts) -> list[int]:
    """The counts as 64-bit integers, one per day: days since 1970, then BITS for the number."""
    return [packed_day(day) + number for day, number in counts]


def unpack(packed: Iterable[int]) -> DayCounts:
    """The counts that `pack` packed."""
    return tuple([((each >> BITS) + _EPOCH, each & (1 << BITS) - 1) for each in packed])


def packed_day(day: int) -> int:
    """A bound among packed days: those of `day` and later are greater, those before it less."""
    return (day - _EPOCH) << BITS
