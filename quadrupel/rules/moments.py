"""Answers that stay for a while, and the search for the day on which something turns."""

import bisect
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

FIRST, LAST = date(1600, 1, 1).toordinal(), date(2999, 12, 31).toordinal()
"""The days that are looked at."""

FOREVER = LAST + 1

Answer = bool | None


class Moment(NamedTuple):
    """The answer of a condition on a day, and the day before which it stays the same."""

    answer: Answer
    until: int


def opposite(moment: Moment) -> Moment:
    """The moment of what is not so."""
    return Moment(None if moment.answer is None else not moment.answer, moment.until)


def known(moment: Moment) -> Moment:
    """The moment of whether there is an answer."""
    return Moment(moment.answer is not None, moment.until)


def day_after(day: int | None) -> int:
    """The day after one that may be missing, which never comes."""
    return FOREVER if day is None else day + 1


def first_day(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first day from `low` on which something holds that then holds for good; else `high`."""
    step = 1
    while low + step < high and not holds(low + step - 1):
        low, step = low + step, step * 2
    end = min(low + step, high)
    return low + bisect.bisect_left(range(low, end), x=True, key=holds)


def next_other(value: Callable[..., Any], inputs: Sequence[Any], today: int, end: int) -> int:
    """The first day before `end` on which what moves one way has moved or fails, else `end`."""
    now = value(today, *inputs)

    def turned(day: int) -> bool:
        try:
            return bool(value(day, *inputs) != now)
        except ArithmeticError:
            return True

    return first_day(turned, today + 1, end)
