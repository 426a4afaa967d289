"""The deadline reading of many profiles at once: until when the verdicts of each user hold.

Most rules only turn on days that can be told, and these are read by columns (`columnar_crossing`).
Of many users columns also tell what comes soon by rules with seasons (`columnar_seasons`), and
which verdicts are settled (`settled`). What is left over is read by the deadline reading of rows,
once for each of the different inputs of a rule, and remembered: a deadline holds for every day
before it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import polars as pl
import structlog

from quadrupel.core.values import Statistic, Value
from quadrupel.core.windows import unpack
from quadrupel.rules.columnar import UNFORESEEN, Column, columns
from quadrupel.rules.columnar_crossing import CrossingDeadlines
from quadrupel.rules.columnar_functions import EPOCH
from quadrupel.rules.columnar_seasons import SeasonDeadlines
from quadrupel.rules.columnar_text import Tables
from quadrupel.rules.deadline import predicate_deadline
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.settled import Settled
from quadrupel.rules.tree import Call, IsKnown, KeyedField, Kind, Node, children, walk

MAX_REMEMBERED = 50_000
"""How many different inputs of one rule are remembered; they are forgotten when there are more."""

SOME = 100
"""From so many users on their verdicts are read by columns where that is possible."""

MANY = 2_500
"""From so many users on columns tell more of them, which takes as long for few."""

Told = TypeVar("Told")

log = structlog.get_logger()

_NO_TIME = datetime.min.replace(tzinfo=UTC)
_EPOCH_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_FOREVER = date.max.toordinal()


class ColumnarDeadlines:
    """Reads the deadlines of some predicates, by name, for a frame of profiles at a time.

    `columns` are what a frame must have. `known` has what is remembered of some predicates.
    Calendar functions are looked up in `tables`. Not safe for use by several threads, nor are
    several that share what they know.
    """

    def __init__(
        self,
        trees: Mapping[str, Node],
        known: "Mapping[Node, _RuleDeadlines] | None" = None,
        tables: Tables | None = None,
    ) -> None:
        self.columns = columns(trees.values())
        before = known or {}
        self._rules = {
            name: before.get(tree) or _RuleDeadlines(tree) for name, tree in trees.items()
        }
        self._trees = trees
        self._tables = tables or Tables()
        self._unreadable: set[str] = set()

    # Made when they are asked for: in a night on which nobody changes, nobody does.

    @cached_property
    def _crossing(self) -> CrossingDeadlines:
        return CrossingDeadlines(self._trees, self._tables)

    @cached_property
    def _seasons(self) -> SeasonDeadlines:
        return SeasonDeadlines(self._trees, self._tables)

    @cached_property
    def _settled(self) -> Settled:
        return Settled(self._trees, self._tables)

    def of_others(
        self, trees: Mapping[str, Node], tables: Tables | None = None
    ) -> "ColumnarDeadlines":
        """Those of other predicates; what is remembered of the same ones is shared."""
        known = {rule.tree: rule for rule in self._rules.values()}
        return ColumnarDeadlines(trees, known, tables)

    def earliest(
        self, frame: pl.DataFrame, today: date, names: Iterable[str] | None = None
    ) -> pl.Series:
        """The first deadline of all verdicts of each user; null where all hold for ever.

        Where `names` are given, of the verdicts of these predicates alone.
        """
        return next(self.in_parts(frame, today, max(1, frame.height), names))

    def in_parts(
        self, frame: pl.DataFrame, today: date, size: int, names: Iterable[str] | None = None
    ) -> Iterator[pl.Series]:
        """The same of `size` users after the other: each part is read when it is asked for.

        Where little is known yet a part takes long, and who asks has other things to see to.
        """
        wanted = set(self._rules if names is None else names)
        read, by_days = self._by_days(frame, today, wanted)
        rest = wanted.difference(read)
        asked = {name: rule for name, rule in self._rules.items() if name in rest}
        keys = {key.name: key.expression for rule in asked.values() for key in rule.keys}
        rows_alone = pl.repeat(0, pl.len())  # there may be no keys
        keyed = frame.lazy().select(rows_alone, **keys).collect()
        told = self._told(frame, today, asked) if frame.height >= MANY else {}
        for start in range(0, max(1, frame.height), size):
            inputs = _Inputs(keyed.slice(start, size))
            known = {name: days.slice(start, size) for name, days in told.items()}
            due = [rule.of(inputs, known.get(name), today) for name, rule in asked.items()]
            yield _first([by_days.slice(start, size), *due])

    def _by_days(
        self, frame: pl.DataFrame, today: date, names: Collection[str]
    ) -> tuple[Collection[str], pl.Series]:
        """The predicates that are read by days, and the first deadline by these; see there."""
        if frame.height < SOME:
            return (), pl.repeat(None, frame.height, dtype=pl.Int32, eager=True)
        return self._readable(lambda asked: self._crossing.of(frame, today, asked), names)

    def _readable(self, ask: Callable[[Collection[str]], Told], names: Collection[str]) -> Told:
        """What columns tell of predicates, without those that fail there: rows tell of these."""
        try:
            return ask([name for name in names if name not in self._unreadable])
        except UNFORESEEN:
            for name in names:
                try:
                    ask([name])
                except UNFORESEEN as error:
                    self._unreadable.add(name)
                    said = "deadlines of a rule cannot be read by columns"
                    log.warning(said, rule=name, error=type(error).__name__)
            return ask([name for name in names if name not in self._unreadable])

    def _told(
        self, frame: pl.DataFrame, today: date, names: Collection[str]
    ) -> Mapping[str, pl.Series]:
        """The deadlines that columns tell, `_FOREVER` for ever, null where they do not.

        Of each predicate of which they tell any.
        """
        soon = self._readable(lambda asked: self._seasons.of(frame, today, asked), names)
        settled_ones = self._readable(lambda asked: self._settled.of(frame, today, asked), names)
        told = {each.name: each for each in soon}
        nothing = pl.repeat(None, frame.height, dtype=pl.Int32, eager=True)
        for settled in settled_ones:
            told[settled.name] = told.get(settled.name, nothing).set(settled, _FOREVER)
        return told


def _first(due: Sequence[pl.Series]) -> pl.Series:
    """The first of the deadlines of each user, which are ordinals, as a day."""
    read = pl.DataFrame([each.alias(f"{number}") for number, each in enumerate(due)])
    first = pl.min_horizontal(pl.all())
    days = (first - EPOCH).cast(pl.Int32).cast(pl.Date)
    return read.select(pl.when(first < _FOREVER).then(days)).to_series()


class _Inputs:
    """The values of the keys of some users, by the names of these; lists of all are made once."""

    def __init__(self, read: pl.DataFrame) -> None:
        self._read = read
        self._lists: dict[str, list[Any]] = {}
        self.height = read.height

    def of(self, keys: "Iterable[_Key]", rows: pl.Series | None) -> list[list[Any]]:
        """The values of some rows, or of all, a list for each key."""
        return [self._of(key.name, rows) for key in keys]

    def _of(self, name: str, rows: pl.Series | None) -> list[Any]:
        if rows is not None:
            return self._read[name][rows].to_list()
        if name not in self._lists:
            self._lists[name] = self._read[name].to_list()
        return self._lists[name]


class _RuleDeadlines:
    """The deadlines of one predicate, and those that were read before, by its inputs."""

    def __init__(self, tree: Node) -> None:
        self.tree = tree
        self._columns = columns([tree])
        days_alone = _days_alone(tree)
        self.keys = [_key(column, column.leaf in days_alone) for column in self._columns]
        self._read = predicate_deadline(Predicate(tree, ""))
        self._known: dict[tuple[Any, ...], int] = {}
        self._today = date.min

    def of(self, inputs: _Inputs, told: pl.Series | None, today: date) -> pl.Series:
        """The deadline for each of some users, as an ordinal; `_FOREVER` for ever.

        `told` are those that are known otherwise, null where they are not; None: none is.
        """
        self._turn_to(today)
        if not self._columns:
            day = self._deadline((), today)
            return pl.repeat(day, inputs.height, dtype=pl.Int32, eager=True)
        rows = None if told is None else told.is_null().arg_true()
        values = inputs.of(self.keys, rows)
        due: list[Any] = list(map(self._known.get, zip(*values, strict=True)))
        for place in _to_learn(due, today):
            due[place] = self._deadline(tuple([each[place] for each in values]), today)
        found = pl.Series(due, dtype=pl.Int32)
        return found if told is None or rows is None else told.scatter(rows, found)

    def _turn_to(self, today: date) -> None:
        """Forget what was read for later days: it says nothing of this one."""
        if today < self._today:
            self._known.clear()
        self._today = today

    def _deadline(self, inputs: tuple[Any, ...], today: date) -> int:
        known = self._known.get(inputs)
        if known is not None and known > today.toordinal():
            return known
        day = self._read(_values(self._columns, inputs), today).day
        due = _FOREVER if day is None else day.toordinal()
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[inputs] = due
        return due


def _to_learn(due: Sequence[Any], today: date) -> list[int]:
    """The places of the deadlines, ordinals, that are not known (None) or have come by today."""
    now = today.toordinal()
    if None not in due and min(due, default=_FOREVER) > now:  # as it is of most rules and pages
        return []
    return [place for place, day in enumerate(due) if day is None or day <= now]


def _days_alone(tree: Node) -> set[Node]:
    """The times of which only the day matters: many users share a day, hardly two a microsecond."""
    of_days: set[Node] = set()
    others: set[Node] = {tree}
    for node in walk(tree):
        asks_the_day = isinstance(node, Call) and node.function == "day_of"
        (of_days if asks_the_day or isinstance(node, IsKnown) else others).update(children(node))
    return {node for node in of_days - others if node.kind is Kind.DATETIME}


class _Key(NamedTuple):
    """A column as something that is quickly compared; rules that name it alike share it.

    Days and times are integers, as in the frame; windowed counts are texts.
    """

    name: str
    expression: pl.Expr


def _key(column: Column, day_alone: bool) -> _Key:
    read = pl.col(column.name).cast(column.type)
    if column.leaf.kind is Kind.WINDOWED_COUNT:
        return _Key(column.name, read.cast(pl.List(pl.String())).list.join(","))
    if day_alone:
        return _Key(f"day of {column.name}", read.dt.truncate("1d").to_physical())
    if column.leaf.kind in (Kind.DATE, Kind.DATETIME):
        return _Key(column.name, read.to_physical())
    return _Key(column.name, read)


def _values(needed: Sequence[Column], inputs: Iterable[Any]) -> dict[str, Value]:
    """The values of a profile that has these inputs, of the rule's attributes alone."""
    values: dict[str, Any] = {}
    for column, value in zip(needed, inputs, strict=True):
        leaf = column.leaf
        if value is None:
            continue
        if isinstance(leaf, KeyedField):
            entry = {"count": 0, "sum": Decimal(0), "first": _NO_TIME, "last": _NO_TIME}
            statistic = values.setdefault(leaf.attribute, {}).setdefault(leaf.key, entry)
            statistic[leaf.name] = _value(leaf.kind, value)
        else:
            values[leaf.name] = _value(leaf.kind, value)
    for attribute in {each.leaf.attribute for each in needed if isinstance(each.leaf, KeyedField)}:
        entries = values.get(attribute, {})
        values[attribute] = {key: Statistic(**entry) for key, entry in entries.items()}
    return values


def _value(kind: Kind, key: Any) -> Any:
    """The value of which a key was made."""
    match kind:
        case Kind.WINDOWED_COUNT:
            return unpack(int(each) for each in key.split(",") if each)
        case Kind.DATE:
            return date.fromordinal(EPOCH + key)
        case Kind.DATETIME:
            return _EPOCH_TIME + timedelta(microseconds=key)
        case _:
            return key
