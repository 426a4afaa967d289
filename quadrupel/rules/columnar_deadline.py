"""The deadline reading of many profiles at once: until when the verdicts of each user hold.

The deadline of one rule depends on the few inputs of that rule, and most users share theirs with
others: nothing where they have no licence, a day of birth where they have one. So each rule is read
once for each of the different inputs of a frame, by the deadline reading of rows, and what was read
is remembered: a deadline holds for every day before it, so the next night finds nearly all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from quadrupel.core.values import Statistic, Value
from quadrupel.core.windows import unpack
from quadrupel.rules.columnar import Column, columns
from quadrupel.rules.deadline import predicate_deadline
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.tree import Call, KeyedField, Kind, Node, children, walk

MAX_REMEMBERED = 50_000
"""How many different inputs of one rule are remembered; they are forgotten when there are more."""

_DUE = "due"
_NO_TIME = datetime.min


class ColumnarDeadlines:
    """Reads the deadlines of some predicates, by name, for a frame of profiles at a time.

    `columns` are what a frame must have. Not safe for use by several threads.
    """

    def __init__(self, trees: Mapping[str, Node]) -> None:
        self.columns = columns(trees.values())
        self._rules = [_RuleDeadlines(tree) for tree in trees.values()]

    def earliest(self, frame: pl.DataFrame, today: date) -> pl.Series:
        """The first deadline of all verdicts of each user; null where all hold for ever."""
        due = [rule.of(frame, today) for rule in self._rules]
        if not due:
            return pl.repeat(None, frame.height, dtype=pl.Date, eager=True)
        named = [each.alias(str(place)) for place, each in enumerate(due)]
        return pl.DataFrame(named).select(pl.min_horizontal(pl.all())).to_series()


class _RuleDeadlines:
    """The deadlines of one predicate, and those that were read before."""

    def __init__(self, tree: Node) -> None:
        self._columns = columns([tree])
        self._names = [column.name for column in self._columns]
        days_alone = _days_alone(tree)
        self._keys = [_key(column, column.leaf in days_alone) for column in self._columns]
        self._read = predicate_deadline(Predicate(tree, ""))
        self._known: dict[tuple[Any, ...], tuple[date, date | None]] = {}

    def of(self, frame: pl.DataFrame, today: date) -> pl.Series:
        """The deadline for each user."""
        if not self._columns:
            due = self._deadline((), today)
            return pl.repeat(due, frame.height, dtype=pl.Date, eager=True)
        inputs = frame.select(self._keys)
        different = inputs.unique()
        deadlines = [self._deadline(row, today) for row in different.rows()]
        joined = inputs.join(
            different.with_columns(pl.Series(_DUE, deadlines, pl.Date)),
            on=self._names,
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        return joined[_DUE]

    def _deadline(self, inputs: tuple[Any, ...], today: date) -> date | None:
        known = self._known.get(inputs)
        if known is not None and known[0] <= today and (known[1] is None or today < known[1]):
            return known[1]
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        due = self._read(_values(self._columns, inputs), today).day
        self._known[inputs] = (today, due)
        return due


def _days_alone(tree: Node) -> set[Node]:
    """The times of which only the day matters: many users share a day, hardly two a microsecond."""
    of_days: set[Node] = set()
    others: set[Node] = {tree}
    for node in walk(tree):
        is_day = isinstance(node, Call) and node.function == "day_of"
        (of_days if is_day else others).update(children(node))
    return of_days - others


def _key(column: Column, day_alone: bool) -> pl.Expr:
    """The column as something that can be compared."""
    read = pl.col(column.name).cast(column.type)
    if column.leaf.kind is Kind.WINDOWED_COUNT:
        return read.cast(pl.List(pl.String())).list.join(",")
    return read.dt.truncate("1d") if day_alone else read


def _values(needed: Sequence[Column], inputs: Iterable[Any]) -> dict[str, Value]:
    """The values of a profile that has these inputs, of the rule's attributes alone."""
    values: dict[str, Any] = {}
    for column, value in zip(needed, inputs, strict=True):
        leaf = column.leaf
        if value is None:
            continue
        if isinstance(leaf, KeyedField):
            entry = {"count": 0, "sum": Decimal(0), "first": _NO_TIME, "last": _NO_TIME}
            values.setdefault(leaf.attribute, {}).setdefault(leaf.key, entry)[leaf.name] = value
        elif leaf.kind is Kind.WINDOWED_COUNT:
            values[leaf.name] = unpack(int(each) for each in value.split(",") if each)
        else:
            values[leaf.name] = value
    for attribute in {each.leaf.attribute for each in needed if isinstance(each.leaf, KeyedField)}:
        entries = values.get(attribute, {})
        values[attribute] = {key: Statistic(**entry) for key, entry in entries.items()}
    return values
