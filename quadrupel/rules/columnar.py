"""The columnar reading: the verdicts of all rules on a frame of profiles, by one Polars query.

Every part of a predicate becomes an expression, null where it is unknown, and where it can fail a
second expression that says for which profiles it did. What is known before the frame is computed
once: parts of today and constants are folded; a comparison of a function that moves one way with
a constant becomes a comparison of its argument, at a bound found by bisection; calendar functions
of one day are looked up in a table. The last two hold for ordinary values only (`ORDINARY`), so a
frame that has others is read by a second, slower query.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import polars as pl
import structlog

from quadrupel.core.profiles import Profile
from quadrupel.core.values import Value
from quadrupel.core.verdicts import Verdict
from quadrupel.core.windows import pack
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar_text import ORDINARY, ColumnWriter, Tables
from quadrupel.rules.python_text import Leaf
from quadrupel.rules.tree import Input, KeyedField, Kind, Node, walk

log = structlog.get_logger()

CODES: Mapping[Verdict, int] = {
    Verdict.NO_MATCH: 0,
    Verdict.MATCH: 1,
    Verdict.UNKNOWN: 2,
    Verdict.ERROR: 3,
}
"""How verdicts stand in the columns of an answer."""

VERDICTS: tuple[Verdict, ...] = tuple(CODES)
"""The verdicts by their code."""

UNFORESEEN = (Exception, pl.exceptions.PanicException)
"""What the query of a predicate may raise that no check has found."""

_TYPES: Mapping[Kind, pl.DataType] = {
    Kind.DATE: pl.Date(),
    Kind.DATETIME: pl.Datetime("us", "UTC"),
    Kind.INTEGER: pl.Int64(),
    Kind.DECIMAL: pl.Float64(),
    Kind.BOOLEAN: pl.Boolean(),
    Kind.TEXT: pl.String(),
    Kind.WINDOWED_COUNT: pl.List(pl.Int64()),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a frame of profiles must have: an attribute, or a field of a statistic's key.

    Named as rules write it, without `user.`. Null is missing. Decimals are floats, windowed counts
    lists as `quadrupel.core.windows.pack` makes them.
    """

    name: str
    leaf: Leaf
    type: pl.DataType


def columns(trees: Iterable[Node]) -> tuple[Column, ...]:
    """The columns that predicates read, each once, sorted by name."""
    found: dict[str, Column] = {}
    for tree in trees:
        for node in walk(tree):
            if isinstance(node, Leaf):
                found[column_name(node)] = Column(column_name(node), node, _TYPES[node.kind])
    return tuple(found[name] for name in sorted(found))


def column_name(leaf: Leaf) -> str:
    """The name of the column that holds an input: `born`, `orders["passport"].count`."""
    return leaf.name if isinstance(leaf, Input) else leaf.written


def frame_of(profiles: Iterable[Profile], needed: Iterable[Column]) -> pl.DataFrame:
    """A frame of profiles, in their order: `user_id` and the needed columns."""
    found = list(profiles)
    series = [pl.Series("user_id", [profile.user_id for profile in found], pl.String)]
    for column in needed:
        cells = [_cell(profile.values, column.leaf) for profile in found]
        series.append(pl.Series(column.name, cells, column.type))
    return pl.DataFrame(series)


def _cell(values: Mapping[str, Value], leaf: Leaf) -> Any:
    if isinstance(leaf, KeyedField):
        statistics = values.get(leaf.attribute)
        entry = statistics.get(leaf.key) if isinstance(statistics, Mapping) else None
        value = None if entry is None else getattr(entry, leaf.name)
    else:
        value = values.get(leaf.name)
        if isinstance(value, tuple):
            return pack(value)
    return value if value is None or leaf.kind is not Kind.DECIMAL else float(value)


class ColumnarReading:
    """Reads the rules of one set for a frame of profiles at a time.

    `columns` are what a frame must have. Safe for use by several threads.
    """

    def __init__(self, rule_set: RuleSet) -> None:
        trees = {rule.id: rule.predicate.tree for rule in rule_set.rules.values()}
        self._query = Query(trees)
        self.columns = self._query.columns

    def evaluate(self, frame: pl.DataFrame, today: date) -> pl.DataFrame:
        """The verdicts on the profiles of a frame, all on one day: a UInt8 of CODES per rule.

        The answer has the frame's rows and a column per rule id.
        """
        return self._query.evaluate(frame, today)


class Query:
    """Reads some predicates, by name, like ColumnarReading.

    One that cannot be read errs for all, and touches no other. Calendar functions are looked up in
    `tables`. Remembers what it prepared for the last day it was asked for.
    """

    def __init__(self, trees: Mapping[str, Node], tables: Tables | None = None) -> None:
        self._trees = trees
        self.columns = columns(trees.values())
        self._bare = [bare(column) for column in self.columns] or [pl.first()]
        self._span = Span(self.columns)
        self._tables = tables or Tables()
        self._prepared: tuple[date, dict[bool, list[pl.Expr]]] = (date.min, {})
        self._unreadable: set[str] = set()

    def evaluate(self, frame: pl.DataFrame, today: date) -> pl.DataFrame:
        """The verdicts on the profiles of a frame, a column per predicate."""
        values, expressions = self._prepare(frame, today)
        try:
            return _answers(values, expressions)
        except UNFORESEEN:  # by one of them, and then it is that one's error
            alone = [
                self._alone(values, *each) for each in zip(self._trees, expressions, strict=True)
            ]
            return pl.concat(alone, how="horizontal")

    def alone(
        self, frame: pl.DataFrame, today: date
    ) -> Iterator[tuple[str, Callable[[], pl.DataFrame]]]:
        """Each predicate's name, and what evaluates it without the others."""
        values, expressions = self._prepare(frame, today)
        for name, expression in zip(self._trees, expressions, strict=True):
            yield name, partial(self._alone, values, name, expression)

    def _alone(self, values: pl.DataFrame, name: str, expression: pl.Expr) -> pl.DataFrame:
        try:
            return _answers(values, [expression])
        except UNFORESEEN as error:
            return values.select(self._error(name, error))

    def _error(self, name: str, error: BaseException) -> pl.Expr:
        """The column of a predicate that cannot be read; it is told once, without its values."""
        if name not in self._unreadable:
            self._unreadable.add(name)
            log.error("rule cannot be read by columns", rule=name, error=type(error).__name__)
        return pl.repeat(CODES[Verdict.ERROR], pl.len(), dtype=pl.UInt8).alias(name)

    def _prepare(self, frame: pl.DataFrame, today: date) -> tuple[pl.DataFrame, list[pl.Expr]]:
        values = frame.lazy().select(self._bare).collect().rechunk()
        return values, self._expressions(today, ordinary=self._span.is_ordinary(values))

    def _expressions(self, today: date, *, ordinary: bool) -> list[pl.Expr]:
        day, prepared = self._prepared
        if day != today:
            prepared = {}
            self._prepared = (today, prepared)
        if ordinary not in prepared:
            writer = ColumnWriter(today.toordinal(), self._tables, column_name, ordinary=ordinary)
            prepared[ordinary] = [
                self._written(writer, name, tree) for name, tree in self._trees.items()
            ]
        return prepared[ordinary]

    def _written(self, writer: ColumnWriter, name: str, tree: Node) -> pl.Expr:
        try:
            return writer.verdict(tree, *CODES.values()).alias(name)
        except UNFORESEEN as error:
            return self._error(name, error)


def _answers(values: pl.DataFrame, expressions: Sequence[pl.Expr]) -> pl.DataFrame:
    found = values.lazy().select(expressions).collect()
    if expressions and found.height != values.height:
        raise pl.exceptions.ShapeError("not one answer for each user")
    return found


def bare(column: Column) -> pl.Expr:
    """The column as expressions take it: days and times as integers, what adds up without gaps."""
    read = pl.col(column.name).cast(column.type)
    leaf = column.leaf
    if leaf.kind is Kind.WINDOWED_COUNT:
        return read
    if leaf.adds_up if isinstance(leaf, Input) else leaf.name in ("count", "sum"):
        return read.fill_null(0)
    return read.to_physical() if leaf.kind in (Kind.DATE, Kind.DATETIME) else read


class Span:
    """Tells whether all values of a frame lie within ORDINARY; its expressions are written once."""

    def __init__(self, needed: Iterable[Column]) -> None:
        self._bounds = {
            column.name: ORDINARY[column.leaf.kind]
            for column in needed
            if column.leaf.kind in ORDINARY
        }
        checked = pl.col(list(self._bounds))
        self._extremes = [checked.min().name.prefix("least "), checked.max().name.prefix("most ")]

    def is_ordinary(self, values: pl.DataFrame) -> bool:
        """Whether they do; missing values lie nowhere."""
        return not self.beyond(values)

    def beyond(self, values: pl.DataFrame) -> set[str]:
        """The names of the columns of which some value does not."""
        if not self._bounds:
            return set()
        extremes = values.select(self._extremes).row(0)
        lows, highs = extremes[: len(self._bounds)], extremes[len(self._bounds) :]
        return {
            name
            for (name, (least, most)), low, high in zip(
                self._bounds.items(), lows, highs, strict=True
            )
            if low is not None and not least <= low <= high <= most
        }


class OrdinaryInputs:
    """The inputs of some predicates, by name, for expressions that hold for ordinary values."""

    def __init__(self, trees: Mapping[str, Node]) -> None:
        self._names = {
            name: {each.name for each in columns([tree])} for name, tree in trees.items()
        }
        needed = columns(trees.values())
        self._bare = [bare(column) for column in needed]
        self._span = Span(needed)

    def of(self, frame: pl.DataFrame, names: Iterable[str]) -> tuple[pl.DataFrame, list[str]]:
        """The inputs as expressions take them, and those of the names that have ordinary ones."""
        values = frame.select(self._bare)
        beyond = self._span.beyond(values)
        return values, [
            each for each in names if each in self._names and not self._names[each] & beyond
        ]
