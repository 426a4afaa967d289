"""The deadlines of verdicts that depend on seasons, by columns, as far as they come soon.

A season stays for a while: the next anniversary until that day, the first of the month until the
last. While all seasons of a rule stay, it only turns on days that can be told, and is read as in
`columnar_crossing`. So the days ahead are looked at span by span, from where one season ends to
where the next one does; up to a day on which a part of an `and` is still false there is nothing to
look for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import polars as pl

from quadrupel.rules.columnar_conditions import MAX_DAYS, TODAY, Condition, Parts, Reading, Readings
from quadrupel.rules.columnar_functions import EPOCH, Days, anniversary_from
from quadrupel.rules.columnar_text import (
    FIRST_ORDINARY,
    LAST_ORDINARY,
    Tables,
    calendar,
)
from quadrupel.rules.crossing import crossing, turns_on_days
from quadrupel.rules.motion import depends
from quadrupel.rules.operations import value_of
from quadrupel.rules.tree import (
    And,
    Call,
    Compare,
    Constant,
    Input,
    Kind,
    Node,
    Today,
    children,
    over,
    walk,
)

SPANS = 2
"""How many are looked at: of a verdict that stays for longer nothing is said."""

_FIRST, _LAST = date(1900, 1, 1).toordinal() - EPOCH, date(2100, 12, 31).toordinal() - EPOCH
"""The days on which a span may begin or end."""


class SeasonDeadlines:
    """Reads the deadlines of those predicates, of some by name, that depend on seasons.

    A frame must have their inputs as columns. Calendar functions are looked up in `tables`.
    """

    def __init__(self, trees: Mapping[str, Node], tables: Tables) -> None:
        self._readings = Readings(trees, tables, _read)

    def of(self, frame: pl.DataFrame, today: date, names: Iterable[str]) -> pl.DataFrame:
        """The deadlines of each user, as ordinals, null where none was found.

        A column for each of the predicates that are read.
        """
        is_looked_at = _FIRST <= today.toordinal() - EPOCH <= _LAST
        values, due = self._readings.of(frame, today, names if is_looked_at else ())
        return values.select((each + EPOCH).alias(name) for name, each in due.items())


class _Season(NamedTuple):
    """A season: its value on a day, an ordinary one, and the last day on which it has that.

    Where the value would be none of the days that are looked at, it has no last day that is not
    over.
    """

    node: Node
    value: Callable[[pl.Expr], pl.Expr]
    last_day: Callable[[pl.Expr], pl.Expr]


def _read(name: str, tree: Node, parts: Parts) -> Reading | None:
    """The reading of a predicate that depends on seasons; None if it does not, or on more."""
    found = dict.fromkeys(filter(_is_season, walk(tree)), Input("", Kind.DATE))
    if not found or not turns_on_days(_with(tree, found)):
        return None
    same = Condition(parts)
    seasons = [_season(node, same) for node in found]
    awaited = [pl.col(same.part(day)) for day in _awaited(tree)]
    steps, turns = [same.columns], []
    start, now, can_fail = pl.col(TODAY), f"{name} on {TODAY}", same.can_fail
    for number in range(SPANS):
        begin, until = f"{name} from {number}", f"{name} until {number}"
        names = [f"{name} in {place} of {number}" for place in range(len(seasons))]
        inputs = {each.node: Input(at, Kind.DATE) for each, at in zip(seasons, names, strict=True)}
        condition = Condition(parts)
        answer = condition.of(_with(tree, inputs))
        can_fail = can_fail or condition.can_fail or len(condition.days) > MAX_DAYS
        lasts = [each.last_day(pl.col(at)) for each, at in zip(seasons, names, strict=True)]
        asked = [answer(pl.col(TODAY)).value.alias(now)] if number == 0 else []
        steps += [
            [start.alias(begin)],
            [each.value(pl.col(begin)).alias(at) for each, at in zip(seasons, names, strict=True)],
            condition.columns,
            [pl.min_horizontal(lasts).alias(until), *asked],
        ]
        for day in map(pl.col, (begin, *condition.days)):
            is_ahead = (day > pl.col(TODAY)) & day.is_between(pl.col(begin), pl.col(until))
            is_other = pl.col(now).ne_missing(answer(day).value)
            turns.append(pl.when(is_ahead & is_other).then(day))
        following = pl.max_horizontal(pl.col(until) + 1, *awaited)
        goes_on = (pl.col(until) >= pl.col(begin)) & (following <= _LAST)
        start = pl.when(goes_on).then(following)
    return None if can_fail else Reading(steps, pl.min_horizontal(turns))


def _is_season(node: Node) -> bool:
    match node:
        case Call("anniversary", (day,)):
            return not depends(day)
        case Call("start_of_month", (Today(),)):
            return True
        case _:
            return False


def _season(node: Node, same: Condition) -> _Season:
    (subject,) = children(node)
    if isinstance(subject, Today):
        return _Season(
            node,
            lambda begin: begin.cast(pl.Date).dt.month_start().to_physical(),
            lambda value: value.cast(pl.Date).dt.month_end().to_physical(),
        )
    if isinstance(subject, Constant):
        table = _anniversaries(value_of(subject) - EPOCH)
        return _Season(node, lambda begin: pl.lit(table).gather(begin - _FIRST), _if_looked_at)
    day = pl.col(same.part(subject))
    place = _ordinary(day) if isinstance(subject, Input) else Days.of(day)
    return _Season(node, lambda begin: _anniversary(_ordinary(begin), place), _if_looked_at)


@lru_cache(maxsize=32)  # of 300 KB each
def _anniversaries(day: int) -> pl.Series:
    """The next anniversary of a day (since 1970), from each of the days on which a span may begin.

    It is the same for all users.
    """
    begins = pl.int_range(_FIRST, _LAST + 1, dtype=pl.Int32)
    return pl.select(_anniversary(_ordinary(begins), Days.of(pl.lit(day, pl.Int32)))).to_series()


def _anniversary(begin: Days, day: Days) -> pl.Expr:
    """The first anniversary of a day from another one on, or the last ordinary day."""
    return anniversary_from(begin, day).value.clip(upper_bound=LAST_ORDINARY - EPOCH)


def _if_looked_at(value: pl.Expr) -> pl.Expr:
    """The day itself, or one that is over."""
    return pl.when(value > _LAST).then(_FIRST - 1).otherwise(value)


def _ordinary(day: pl.Expr) -> Days:
    """An ordinary day with its places, which are looked up."""
    low = FIRST_ORDINARY - EPOCH
    table = calendar(low, LAST_ORDINARY - EPOCH)
    month, of_month = (pl.lit(table[name]).gather(day - low) for name in ("month", "of_month"))
    return Days(day, month, of_month)


def _awaited(tree: Node) -> Iterator[Node]:
    """The days, as nodes, before which the predicate is false."""
    if isinstance(tree, And):
        for part in tree.parts:
            yield from _awaited(part)
    elif isinstance(tree, Compare) and (crosses := crossing(tree)) is not None:
        if crosses.operator == ">=":
            yield crosses.reaches
        elif crosses.operator == ">":
            yield crosses.passes


def _with(tree: Node, values: Mapping[Node, Node]) -> Node:
    """The tree with other nodes for its seasons."""
    if tree in values:
        return values[tree]
    return over(tree, tuple(_with(child, values) for child in children(tree)))
