"""Conditions that turn on days that can be told, as functions of the day, by columns.

Deadlines by columns are made of them: `columnar_crossing` asks them on each of the days of a
predicate, `columnar_seasons` on those of a season and the next.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from itertools import chain
from typing import NamedTuple

import polars as pl

from quadrupel.rules.columnar import UNFORESEEN, OrdinaryInputs, column_name
from quadrupel.rules.columnar_functions import EPOCH
from quadrupel.rules.columnar_parts import Part, conditional, constant, junction
from quadrupel.rules.columnar_text import ColumnWriter, Tables
from quadrupel.rules.crossing import crossing, stays
from quadrupel.rules.operations import value_of
from quadrupel.rules.tree import And, Compare, Constant, If, IsKnown, Node, Not, Or, children

MAX_DAYS = 12
"""A predicate that turns on more days is not read by columns: on each one it is asked about all."""

TODAY = "this day"
"""The column of today, as every day in columns a number of days since 1970."""

_ANY_DAY = date(2000, 1, 1).toordinal()

Answer = Callable[[pl.Expr], Part]
"""What a condition answers on a day."""


class Reading(NamedTuple):
    """A predicate by columns: what is computed one step after the other, and the deadline."""

    steps: Sequence[Sequence[pl.Expr]]
    due: pl.Expr


class Readings:
    """The readings of those of some predicates, by name, that `read` gives one.

    It is told the name, the tree, and the parts that all of them share. Calendar functions are
    looked up in `tables`.
    """

    def __init__(
        self,
        trees: Mapping[str, Node],
        tables: Tables,
        read: Callable[[str, Node, "Parts"], Reading | None],
    ) -> None:
        parts = Parts(tables)
        self._read: dict[str, Reading] = {}
        for name, tree in trees.items():
            with suppress(*UNFORESEEN):  # what cannot be read by columns is read by rows
                reading = read(name, tree, parts)
                if reading is not None:
                    self._read[name] = reading
        self._inputs = OrdinaryInputs({name: trees[name] for name in self._read})

    def of(
        self, frame: pl.DataFrame, today: date, names: Iterable[str]
    ) -> tuple[pl.DataFrame, Mapping[str, pl.Expr]]:
        """All steps of the predicates that are read, computed; and by name what says its deadline.

        The frame has the inputs of all predicates as columns.
        """
        values, told = self._inputs.of(frame, names)
        day = pl.repeat(today.toordinal() - EPOCH, frame.height, dtype=pl.Int32, eager=True)
        values = pl.DataFrame([day.alias(TODAY), *values])
        # Not by one lazy query: to optimise it takes longer than what it saves.
        for step in zip(*(self._read[name].steps for name in told), strict=True):
            once = {each.meta.output_name(): each for each in chain.from_iterable(step)}
            values = values.with_columns(once.values())
        return values, {name: self._read[name].due for name in told}


class Parts:
    """What does not depend on today, as named columns: predicates that have the same share it."""

    def __init__(self, tables: Tables) -> None:
        self._writer = ColumnWriter(_ANY_DAY, tables, column_name, ordinary=True)
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
            still = self._still(node)
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
                return lambda day: conditional(node, *(each(day) for each in below))
            case IsKnown():
                return lambda day: Part(below[0](day).value.is_not_null())
            case _:
                raise TypeError(f"{type(node).__name__} is no condition that turns on days")

    def _still(self, node: Node) -> Part:
        if isinstance(node, Constant):
            return constant(node.kind, value_of(node))
        return Part(pl.col(self.part(node)))

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
