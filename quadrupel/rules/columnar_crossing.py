"""The deadlines of verdicts that only turn on days that can be told, by columns.

Most rules are so: their conditions compare the day with what stays. Such a verdict can only change
on one of these days, so it is asked on each one that is to come: the first on which it is another
than today is its deadline. Seasons, and windows of time, are for other readings.
"""

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl

from quadrupel.rules.columnar_conditions import MAX_DAYS, TODAY, Condition, Parts, Reading, Readings
from quadrupel.rules.columnar_functions import EPOCH
from quadrupel.rules.columnar_text import Tables
from quadrupel.rules.crossing import turns_on_days
from quadrupel.rules.moments import FIRST, FOREVER
from quadrupel.rules.tree import Node

_NEVER = pl.repeat(None, pl.len(), dtype=pl.Int32)


class CrossingDeadlines:
    """Reads the deadlines of those predicates, of some by name, that only turn on such days.

    A frame must have their inputs as columns. Calendar functions are looked up in `tables`.
    """

    def __init__(self, trees: Mapping[str, Node], tables: Tables) -> None:
        self._readings = Readings(trees, tables, _read)

    def of(
        self, frame: pl.DataFrame, today: date, names: Iterable[str]
    ) -> tuple[set[str], pl.Series]:
        """The names of those that are read, and the first deadline of their verdicts, by users.

        It is an ordinal, null where they all hold for ever.
        """
        is_looked_at = FIRST <= today.toordinal() < FOREVER - 1
        values, due = self._readings.of(frame, today, names if is_looked_at else ())
        first = values.select(pl.min_horizontal(_NEVER, *due.values()) + EPOCH)
        return {*due}, first.to_series()


def _read(name: str, tree: Node, parts: Parts) -> Reading | None:
    """The reading of a predicate; None if it has seasons, too many days, or can fail."""
    if not turns_on_days(tree):
        return None
    condition = Condition(parts)
    answer = condition.of(tree)
    if condition.can_fail or len(condition.days) > MAX_DAYS:
        return None
    today, now = pl.col(TODAY), f"{name} on {TODAY}"
    turns = []
    for day in map(pl.col, condition.days):
        is_ahead = (day > today) & (day < FOREVER - EPOCH)
        is_other = pl.col(now).ne_missing(answer(day).value)
        turns.append(pl.when(is_ahead & is_other).then(day))
    steps = [condition.columns, [answer(today).value.alias(now)]]
    return Reading(steps, pl.min_horizontal(_NEVER, *turns))
