"""The deadlines of verdicts that only turn on days that can be told, by columns.

Most rules are so: their conditions compare the day with what stays. Such a verdict can only change
on one of these days, so it is asked on each one that is to come: the first on which it is another
than today is its deadline. Seasons, and windows of time, are for other readings.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple

import polars as pl

from quadrupel.rules.columnar import Span, bare, column_name, columns
from quadrupel.rules.columnar_functions import EPOCH
from quadrupel.rules.columnar_parts import Part, conditional, junction
from quadrupel.rules.columnar_text import ColumnWriter, Tables
from quadrupel.rules.crossing import crossing, stays, turns_on_days
from quadrupel.rules.moments import FIRST, FOREVER
from quadrupel.rules.tree import And, Compare, If, IsKnown, Node, Not, Or, children

MAX_DAYS = 12
"""A predicate that turns on more days is not read here: on each one it is asked about all."""

ANY_DAY = date(2000, 1, 1).toordinal()
TODAY = "this day"
NEVER = pl.repeat(None, pl.len(), dtype=pl.Int32)

Answer = Callable[[pl.Expr], Part]
"""What a condition answers on a day (since 1970)."""


class CrossingDeadlines:
    """Reads the deadlines of those predicates, of some by name, that only turn on such days.

    A frame must have their inputs as columns. Calendar functions are looked up in `tables`.
    """

    def __init__(self, trees: Mapping[str, Node], tables: Tables) -> None:
        self._parts = Parts(ColumnWriter(ANY_DAY, tables, column_name, ordinary=True))
        found = {
            name: _read(name, tree, self._parts)
            for name, tree in trees.items()
            if turns_on_days(tree)
        }
        self._read = {name: read for name, read in found.items() if read is not None}
        self._inputs = {name: {each.name for each in columns([trees[name]])} for name in self._read}
        needed = columns(trees[name] for name in self._read)
        self._bare = [bare(column) for column in needed]
        self._span = Span(needed)

    def of(
        self, frame: pl.DataFrame, today: date, names: Iterable[str]
    ) -> tuple[set[str], pl.Series]:
        """The names of those that are read, and the first deadline of their verdicts, by users.

        It is an ordinal, null where they all hold for ever.
        """
        day = pl.repeat(today.toordinal() - EPOCH, pl.len(), dtype=pl.Int32).alias(TODAY)
        values = frame.select(day, *self._bare)
        told: set[str] = set()
        if FIRST <= today.toordinal() < FOREVER - 1:
            beyond = self._span.beyond(values)
            told = {
                each for each in names if each in self._read and not self._inputs[each] & beyond
            }
        asked = [self._read[name] for name in told]
        parts = {name: self._parts.named[name] for each in asked for name in each.parts}
        first = pl.min_horizontal(NEVER, *(each.due for each in asked))
        # Not by one lazy query: to optimise it takes longer than what it saves.
        answered = values.with_columns(**parts).with_columns(each.now for each in asked)
        return told, answered.select(first + EPOCH).to_series()


class _Reading(NamedTuple):
    """A predicate by columns: those that it needs, what it answers today, and its deadline."""

    parts: Collection[str]
    now: pl.Expr
    due: pl.Expr


def _read(name: str, tree: Node, parts: "Parts") -> _Reading | None:
    """The reading of a predicate, None if it turns on too many days or can fail."""
    condition = Condition(parts)
    answer = condition.of(tree)
    if condition.can_fail or len(condition.days) > MAX_DAYS:
        return None
    today, now = pl.col(TODAY), pl.col(f"{name} on {TODAY}")
    turns = [
        pl.when((day > today) & (day < FOREVER - EPOCH) & answer(day).value.ne_missing(now)).then(
            day
        )
        for day in map(pl.col, condition.days)
    ]
    return _Reading(
        parts=(*condition.days, *condition.still),
        now=answer(today).value.alias(f"{name} on {TODAY}"),
        due=pl.min_horizontal(NEVER, *turns),
    )


class Parts:
    """What does not depend on today, as named columns: predicates that have the same share it."""

    def __init__(self, writer: ColumnWriter) -> None:
        self._writer = writer
        self._names: dict[Node, str] = {}
        self.named: dict[str, pl.Expr] = {}

    def of(self, node: Node) -> tuple[str, bool]:
        """The name of the column of a node, and whether it can fail for ordinary inputs."""
        part = self._writer.write(node)
        name = self._names.setdefault(node, f"part {len(self._names)}")
        self.named[name] = part.value
        return name, part.error is not None


class Condition:
    """Makes a condition a function of the day, and gathers the parts that it is made of."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.days: dict[str, None] = {}
        self.still: dict[str, None] = {}
        self.can_fail = False

    def of(self, node: Node) -> Answer:
        """What a condition answers on a day; it is one that turns on days."""
        if stays(node):
            still = Part(pl.col(self.part(node)))
            return lambda _: still
        if isinstance(node, Compare):
            return self._comparison(node)
        below = [self.of(each) for each in children(node)]
        match node:
            case And() | Or():
                return lambda day: junction(node, [each(day) for each in below])
            case Not():
                return lambda day: Part(below[0](day).value.not_())
            case If():
                return lambda day: conditional(*(each(day) for each in below))
            case IsKnown():
                return lambda day: Part(below[0](day).value.is_not_null())
            case _:
                raise TypeError(f"{type(node).__name__} is no condition that turns on days")

    def _comparison(self, node: Compare) -> Answer:
        crosses = crossing(node)
        if crosses is None:
            raise ValueError("a comparison that turns on days that cannot be told")
        operator = crosses.operator
        if operator in (">=", "<"):
            turns = self._day(crosses.reaches)
            return lambda day: Part(day >= turns if operator == ">=" else day < turns)
        beyond = self._day(crosses.passes)
        if operator in (">", "<="):
            return lambda day: Part(day >= beyond if operator == ">" else day < beyond)
        reaches = self._day(crosses.reaches)
        if operator == "==":
            return lambda day: Part((day >= reaches) & (day < beyond))
        return lambda day: Part((day < reaches) | (day >= beyond))

    def part(self, node: Node) -> str:
        """The name of the column of a node that does not depend on today."""
        return self._part(node, self.still)

    @property
    def columns(self) -> list[pl.Expr]:
        """The columns of all parts, named."""
        return [self._parts.named[name].alias(name) for name in (*self.days, *self.still)]

    def _day(self, node: Node) -> pl.Expr:
        return pl.col(self._part(node, self.days))

    def _part(self, node: Node, kept: dict[str, None]) -> str:
        name, can_fail = self._parts.of(node)
        self.can_fail = self.can_fail or can_fail
        kept[name] = None
        return name
