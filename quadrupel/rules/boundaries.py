"""Boundary cases: what a rule says on the days around which its comparisons change.

From every example and every comparison of days, the nearest day is searched on which the
comparison answers otherwise; the day before it, the day and the day after it are read. The cases
expect nothing, since only the author knows what is right, but they show where the verdict changes,
so that an off-by-one is seen; and none of them may be an error.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from quadrupel.core.verdicts import Verdict
from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.row import Values, predicate_reading
from quadrupel.rules.rule import Example, Rule
from quadrupel.rules.tree import Call, Compare, Input, Kind, Node, Today, walk

FARTHEST = 2**15
"""How many days from an example a boundary is searched: some 90 years."""

TODAY = "today"

_DAY = timedelta(days=1)
_Verdict = Callable[[date], Verdict]


@dataclass(frozen=True, slots=True)
class Boundary:
    """Three days in a row, around the one on which the two sides of a comparison meet.

    `varied` is "today" or the attribute that has these days; everything else is as in the example.
    """

    rule: Rule
    comparison: Compare
    example: Example
    varied: str
    days: tuple[date, date, date]
    verdicts: tuple[Verdict, Verdict, Verdict]

    @property
    def fails(self) -> bool:
        """Whether the rule has no answer on one of the days."""
        return Verdict.ERROR in self.verdicts

    def changes(self) -> Iterator[tuple[date, Verdict, Verdict]]:
        """The days on which the verdict is another than the day before, with both verdicts."""
        for day, before, after in zip(
            self.days[1:], self.verdicts, self.verdicts[1:], strict=False
        ):
            if before is not after:
                yield day, before, after


def boundaries(rule: Rule) -> list[Boundary]:
    """The boundary cases of a rule, each once, in the order of comparisons and examples."""
    verdict = predicate_reading(rule.predicate)
    found: dict[object, Boundary] = {}
    for comparison in dict.fromkeys(
        node for node in walk(rule.predicate.tree) if isinstance(node, Compare)
    ):
        for example in rule.examples:
            varied = _varied(comparison, example)
            if varied is None:
                continue
            for day in _meetings(comparison, example, varied):
                around = (day - _DAY, day, day + _DAY)
                cases = [_moved(example, varied, each) for each in around]
                first, second, third = (verdict(values, today) for values, today in cases)
                boundary = Boundary(
                    rule, comparison, example, varied, around, (first, second, third)
                )
                found.setdefault((comparison, varied, repr(cases)), boundary)
    return list(found.values())


def _varied(comparison: Compare, example: Example) -> str | None:
    """What is moved to meet the boundary: today, or else an attribute with a day; None: nothing."""
    nodes = list(walk(comparison))
    if any(map(_asks_today, nodes)):
        return TODAY
    names = (node.name for node in nodes if isinstance(node, Input) and node.kind is Kind.DATE)
    return next((name for name in names if name in example.values), None)


def _asks_today(node: Node) -> bool:
    return isinstance(node, Today) or (isinstance(node, Call) and FUNCTIONS[node.function].of_today)


def _moved(example: Example, varied: str, day: date) -> tuple[Values, date]:
    if varied == TODAY:
        return example.values, day
    return {**example.values, varied: day}, example.today


def _meetings(comparison: Compare, example: Example, varied: str) -> Iterator[date]:
    """The nearest days, in both directions, on which the two sides meet."""
    ordered = comparison.operator not in ("==", "!=") or comparison.left.kind in (
        Kind.TEXT,
        Kind.BOOLEAN,
    )
    searched = comparison if ordered else dataclasses.replace(comparison, operator="<=")
    changes = _reading(searched, example, varied)
    meets = _reading(dataclasses.replace(comparison, operator="=="), example, varied)
    start = example.today if varied == TODAY else example.values[varied]
    if not isinstance(start, date):
        return
    for direction in (-_DAY, _DAY):
        other = _first_other(changes, start, direction)
        if other is None or not date.min + 2 * _DAY < other < date.max - 2 * _DAY:
            continue
        later = other if direction > timedelta() else other + _DAY
        yield later - _DAY if meets(later) is not Verdict.MATCH else later


def _reading(comparison: Compare, example: Example, varied: str) -> _Verdict:
    """What a comparison alone says of the example on a day; ERROR beyond the calendar."""
    verdict = predicate_reading(Predicate(comparison, ""))
    return lambda day: verdict(*_moved(example, varied, day))


def _first_other(verdict: _Verdict, start: date, direction: timedelta) -> date | None:
    """The first day from `start` on with another answer: steps that double, then halving."""
    here = verdict(start)
    if here not in (Verdict.MATCH, Verdict.NO_MATCH):
        return None
    near, far = 0, 1
    while _answer(verdict, start, far * direction) is here:
        near, far = far, 2 * far
        if far > FARTHEST:
            return None
    if _answer(verdict, start, far * direction) in (Verdict.ERROR, Verdict.UNKNOWN):
        return None
    while far - near > 1:
        middle = (near + far) // 2
        if _answer(verdict, start, middle * direction) is here:
            near = middle
        else:
            far = middle
    return start + far * direction


def _answer(verdict: _Verdict, start: date, offset: timedelta) -> Verdict:
    try:
        return verdict(start + offset)
    except OverflowError:
        return Verdict.ERROR
