"""The deadline reading: the first day on which a verdict can change though the profile does not.

Between two days on which something turns, a predicate keeps its value. The reading finds the next
such day by looking at each comparison: where one side moves one way as days pass and the other
does not (or moves the other way), it turns on a day found by bisection; everything else that
depends on today may turn tomorrow. An `and` that is false holds as long as its longest-lived false
part, one that is true as long as its shortest-lived part. On a day so found the predicate is asked
again, and the search goes on from there while the verdict is the same: so a deadline is exact,
unless nothing was settled within MAX_STEPS, and then it is early, never late.

Only days before the year 3000 are looked at: a verdict that holds until then holds for ever.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

from quadrupel.core.values import Value
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.moments import FIRST, FOREVER
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.tree import Node
from quadrupel.rules.turning import Turnings
from quadrupel.rules.turning_inputs import Leaves
from quadrupel.rules.turning_limits import Turning

MAX_STEPS = 64
"""How many days on which something turns are looked at for one verdict."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a verdict holds: on every day before `day`; None is for ever.

    Where `exact`, the verdict is another one on `day`; otherwise it can be.
    """

    day: date | None
    exact: bool


class DeadlineReading:
    """Reads the deadlines of the rules of one set for one profile at a time."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._read = _Deadlines({rule.id: rule.predicate.tree for rule in rule_set.rules.values()})

    def of(self, rule: str, values: Mapping[str, Value], today: date) -> Deadline:
        """The deadline of one rule's verdict."""
        return self._read.of(rule, values, today)

    def earliest(self, values: Mapping[str, Value], today: date) -> date | None:
        """The first deadline of all verdicts, None when all hold for ever."""
        return self._read.earliest(values, today)


def predicate_deadline(predicate: Predicate) -> Callable[[Mapping[str, Value], date], Deadline]:
    """The deadline of one predicate's verdict on a profile and a day, as a function."""
    return partial(_Deadlines({"": predicate.tree}).of, "")


class _Deadlines:
    def __init__(self, trees: Mapping[str, Node]) -> None:
        self._turnings = Turnings()
        self._rules = {rule: self._turnings.of(tree) for rule, tree in trees.items()}
        self._load = self._turnings.loader()

    def of(self, rule: str, values: Mapping[str, Value], today: date) -> Deadline:
        leaves, start = self._load(values), today.toordinal()
        if not self._is_ordinary(leaves, start):
            return Deadline(_tomorrow(today), exact=False)
        day, exact = _next_change(self._rules[rule], leaves, start, FOREVER)
        return Deadline(_day(day), exact)

    def earliest(self, values: Mapping[str, Value], today: date) -> date | None:
        leaves, start = self._load(values), today.toordinal()
        if not self._is_ordinary(leaves, start):
            return _tomorrow(today)
        earliest = FOREVER
        for turning in self._rules.values():
            earliest = min(earliest, _next_change(turning, leaves, start, earliest)[0])
        return _day(earliest)

    def _is_ordinary(self, leaves: Leaves, start: int) -> bool:
        return FIRST <= start < FOREVER - 1 and self._turnings.are_ordinary(leaves)


def _next_change(turning: Turning, leaves: Leaves, start: int, enough: int) -> tuple[int, bool]:
    """The first day on which the verdict can change, and whether it does.

    Stops on a day that is `enough` or later: the caller does not want to know it better.
    """
    try:
        answer, day = turning(leaves, start)
    except ArithmeticError:
        return start + 1, False
    for _ in range(MAX_STEPS):
        if day >= enough:
            return day, day >= FOREVER
        try:
            later, until = turning(leaves, day)
        except ArithmeticError:
            return day, True
        if later is not answer:
            return day, True
        day = until
    return day, day >= FOREVER


def _day(day: int) -> date | None:
    return None if day >= FOREVER else date.fromordinal(day)


def _tomorrow(today: date) -> date | None:
    return None if today == date.max else date.fromordinal(today.toordinal() + 1)
