"""Writes a predicate as Polars expressions, for the columnar reading.

See `quadrupel.rules.columnar` for what they mean and `columnar_functions` for the types in them.
"""

import bisect
import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from quadrupel.core.windows import MAX_EVENTS
from quadrupel.rules.columnar_functions import (
    CALENDAR_FUNCTIONS,
    COLUMN_FUNCTIONS,
    DAY,
    EPOCH,
    Days,
    Result,
)
from quadrupel.rules.columnar_parts import (
    TYPES,
    Bounds,
    Part,
    any_error,
    calculation,
    chooses,
    conditional,
    constant,
    either,
    failure,
    junction,
    literal,
    membership,
    once,
)
from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.operations import OPERATORS, apply, value_of
from quadrupel.rules.python_text import Leaf
from quadrupel.rules.tree import (
    TURNED,
    And,
    Arithmetic,
    Call,
    Compare,
    Comparison,
    Constant,
    If,
    Input,
    IsKnown,
    KeyedField,
    Kind,
    Node,
    Not,
    OneOf,
    Or,
    Today,
    children,
    walk,
)

FIRST_ORDINARY, LAST_ORDINARY = date(1880, 1, 1).toordinal(), date(2120, 12, 31).toordinal()
"""The days of ORDINARY, as ordinals."""

ORDINARY: Mapping[Kind, Bounds] = {
    Kind.DATE: (FIRST_ORDINARY - EPOCH, LAST_ORDINARY - EPOCH),
    Kind.DATETIME: ((FIRST_ORDINARY - EPOCH) * DAY, (LAST_ORDINARY - EPOCH) * DAY),
    Kind.INTEGER: (-(10**9), 10**9),
    Kind.DECIMAL: (-1e12, 1e12),
}
"""What inputs lie between, least and greatest, for the faster query; as they stand in columns."""

_WHOLE = (Kind.DATE, Kind.INTEGER)


class Tables:
    """Values of calendar functions by day, filled as they are asked for.

    Those of functions that ask for today are kept for one day.
    """

    def __init__(self) -> None:
        self._tables: dict[object, pl.Series] = {}
        self._today: int | None = None
        self._of_today: dict[object, pl.Series] = {}

    def get(
        self, key: object, today: int | None, low: int, high: int, function: Callable[..., Any]
    ) -> pl.Series:
        """The value of a function of Days for every day from `low` to `high` (days since 1970).

        `today` is given where it asks for it.
        """
        if today is not None and today != self._today:
            self._today = today
            self._of_today.clear()
        tables = self._tables if today is None else self._of_today
        key = (key, low, high)
        if key not in tables:
            days = calendar(
                low, high
            ).lazy()  # what an expression has several times is computed once
            tables[key] = days.select(function(_DAYS).value).collect().to_series()
        return tables[key]


_DAYS = Days(pl.col("number"), pl.col("month"), pl.col("of_month"))


@lru_cache(maxsize=4)
def calendar(low: int, high: int) -> pl.DataFrame:
    """The days of a table (since 1970), as the columns of a Days: found once for all who ask."""
    day = pl.int_range(low, high + 1, dtype=pl.Int32)
    found = Days.of(day)
    return pl.select(number=found.number, month=found.month, of_month=found.of_month)


class ColumnWriter:
    """Writes the expressions of one day.

    `name` gives the name of an input's column. Where `ordinary`, inputs lie within ORDINARY.
    """

    def __init__(
        self, today: int, tables: Tables, name: Callable[[Leaf], str], *, ordinary: bool
    ) -> None:
        self._today = today
        self._tables = tables
        self._column = name
        self._ordinary = ordinary and FIRST_ORDINARY <= today <= LAST_ORDINARY
        self._written: dict[int, tuple[Node, Part]] = {}  # by the id of the node, which is kept

    def verdict(self, tree: Node, no_match: int, match: int, unknown: int, error: int) -> pl.Expr:
        """The verdict of a predicate, by four codes of which the first two are 0 and 1."""
        if (no_match, match) != (0, 1):
            raise ValueError("a boolean is cast to these codes")
        part = self.write(tree)
        if part.constant is not None:  # one value, but every row has a verdict
            code = error if part.fails_for_all else int(part.constant[0])
            return pl.repeat(code, pl.len(), dtype=pl.UInt8)
        codes = part.value.cast(pl.UInt8).fill_null(unknown)
        if part.error is None:
            return codes
        return pl.when(part.error).then(pl.lit(error, pl.UInt8)).otherwise(codes)

    def write(self, node: Node) -> Part:
        """The expressions of a node."""
        if id(node) not in self._written:
            self._written[id(node)] = node, self._write(node)
        return self._written[id(node)][1]

    def _write(self, node: Node) -> Part:
        match node:
            case Constant():
                return constant(node.kind, value_of(node))
            case Today():
                return constant(Kind.DATE, self._today)
            case Input() | KeyedField():
                return Part(pl.col(self._column(node)), None, self._input_bounds(node))
            case And() | Or():
                return junction(node, [self.write(part) for part in node.parts])
            case If():
                return conditional(node, *(self.write(each) for each in children(node)))
            case IsKnown():
                return self._is_known(self.write(node.operand))
            case _:
                return self._operation(node, [self.write(each) for each in children(node)])

    def _input_bounds(self, leaf: Leaf) -> Bounds | None:
        if not self._ordinary or leaf.kind not in ORDINARY:
            return None
        low, high = ORDINARY[leaf.kind]
        return (low + EPOCH, high + EPOCH) if leaf.kind is Kind.DATE else (low, high)

    @staticmethod
    def _is_known(part: Part) -> Part:
        if part.constant is None:
            return Part(part.value.is_not_null(), part.error)
        return failure(Kind.BOOLEAN) if part.fails_for_all else constant(Kind.BOOLEAN, value=True)

    def _operation(self, node: Node, operands: Sequence[Part]) -> Part:
        """A node that is unknown if an operand is; it asks all of them before it says so."""
        if any(part.fails_for_all for part in operands):
            return failure(node.kind)
        error = any_error(operands)
        known = [part.constant for part in operands if part.constant is not None]
        if len(known) == len(operands):
            return self._folded(node, [value for (value,) in known])
        match node:
            case Not():
                return Part(operands[0].value.not_(), error)
            case OneOf():
                return Part(membership(operands[0].value, node), error)
            case Compare():
                return Part(self._compare(node, *operands), error)
            case Arithmetic():
                value, fails, bounds = calculation(node, *operands)
            case Call():
                value, fails, bounds = self._call(node, operands)
            case _:
                raise TypeError(f"{type(node).__name__} is no part of a finished tree")
        return Part(value, either(error, fails), bounds)

    def _folded(self, node: Node, operands: Sequence[Any]) -> Part:
        try:
            return constant(node.kind, apply(node, operands, self._today))
        except ArithmeticError:
            return failure(node.kind)

    # Comparisons

    def _compare(self, node: Compare, left: Part, right: Part) -> pl.Expr:
        if left.constant is not None:
            # Of a constant and a column that has one value on a page Polars makes too few rows.
            node = Compare(TURNED[node.operator], node.right, node.left)
            left, right = right, left
        if node.left.kind in _WHOLE and right.constant is not None:
            return self._beside(node.operator, node.left, left, right.constant[0])
        compared: pl.Expr = OPERATORS[node.operator](left.value, right.value)
        return compared

    def _beside(self, operator: Comparison, node: Node, part: Part, bound: int) -> pl.Expr:
        """A comparison of a part with a constant."""
        is_asked_twice = operator in ("==", "!=") and chooses(node)
        if is_asked_twice or self._moved_by(node, part) is None:
            compared: pl.Expr = OPERATORS[operator](part.value, literal(node.kind, bound))
            return compared
        match operator:
            case ">=":
                return self._reaches(node, part, bound)
            case ">":
                return self._reaches(node, part, bound + 1)
            case "<":
                return self._reaches(node, part, bound, below=True)
            case "<=":
                return self._reaches(node, part, bound + 1, below=True)
            case "==":
                above = self._reaches(node, part, bound)
                return above & self._reaches(node, part, bound + 1, below=True)
            case "!=":
                return self._beside("==", node, part, bound).not_()

    def _reaches(self, node: Node, part: Part, bound: int, *, below: bool = False) -> pl.Expr:
        """Whether a part is at least, or else `below`, a bound; asked of what moves it."""
        moved = self._moved_by(node, part)
        if moved is None:
            limit = literal(node.kind, bound)
            return part.value < limit if below else part.value >= limit
        argument, inner, function, direction = moved
        if inner.bounds is None:
            raise ValueError("what moves a part is asked only where its bounds are known")
        if argument.kind is Kind.DATETIME:
            limit = pl.lit((bound - EPOCH) * DAY, pl.Int64)
            return inner.value < limit if below else inner.value >= limit
        low, high = inner.bounds
        within = range(low, high + 1)
        if direction > 0:
            first = low + bisect.bisect_left(within, x=True, key=lambda x: function(x) >= bound)
        else:
            first = low + bisect.bisect_left(within, x=True, key=lambda x: function(x) < bound)
        return self._reaches(argument, inner, first, below=below == (direction > 0))

    def _moved_by(
        self, node: Node, part: Part
    ) -> tuple[Node, Part, Callable[[int], Any], int] | None:
        """The one argument that moves a call one way, how, and which way; None if there is none."""
        if not self._ordinary or part.bounds is None or not isinstance(node, Call):
            return None
        operands = [self.write(each) for each in node.arguments]
        moving = [index for index, each in enumerate(operands) if each.constant is None]
        entry = FUNCTIONS[node.function]
        if len(moving) != 1 or operands[moving[0]].error is not None:
            return None
        index = moving[0]
        direction = entry.moves[index + entry.of_today]
        if not direction or operands[index].bounds is None:
            return None
        values = [None if each.constant is None else each.constant[0] for each in operands]

        def function(x: int) -> Any:
            return apply(node, [*values[:index], x, *values[index + 1 :]], self._today)

        return node.arguments[index], operands[index], function, direction

    # Calls

    def _call(
        self, node: Call, operands: Sequence[Part]
    ) -> tuple[pl.Expr, pl.Expr | None, Bounds | None]:
        bounds = self._call_bounds(node, operands)
        if bounds is not None and _chooses_once(node):
            for index, choice in enumerate(operands):
                if choice.choice is not None:
                    return self._spread(node, operands, index, choice.choice), None, bounds
        function = COLUMN_FUNCTIONS[node.function]
        if bounds is not None and node.function in CALENDAR_FUNCTIONS:
            day, *others = operands
            if day.constant is None and day.bounds and all(each.constant for each in others):
                return self._look_up(node, day, others), None, bounds
        if node.function in CALENDAR_FUNCTIONS and any(part.constant is None for part in operands):
            result = self._at_once(node, operands)
        else:
            result = function(self._today, *(part.value for part in operands))
        if result.fails is None or bounds is not None:
            return result.value, None, bounds
        known = pl.all_horizontal(part.value.is_not_null() for part in operands)
        return result.value, known & result.fails.fill_null(value=False), None

    def _at_once(self, node: Call, operands: Sequence[Part]) -> Result:
        """A call whose arguments are computed once, although its expression has them many times."""
        kind = TYPES[node.kind]

        def called(*arguments: pl.Expr) -> pl.Expr:
            result = COLUMN_FUNCTIONS[node.function](self._today, *arguments)
            fails = pl.lit(value=False) if result.fails is None else result.fails
            return pl.struct(value=result.value.cast(kind), fails=fails)

        found = once(called, operands, pl.Struct({"value": kind, "fails": pl.Boolean}))
        return Result(found.struct.field("value"), found.struct.field("fails"))

    def _call_bounds(self, node: Call, operands: Sequence[Part]) -> Bounds | None:
        """The bounds of a call that cannot fail; None where it can or nothing is known."""
        if not self._ordinary:
            return None
        if node.function == "count_within":
            return 0, MAX_EVENTS
        if any(part.bounds is None for part in operands):
            return None
        if node.function == "day_of":
            return FIRST_ORDINARY, LAST_ORDINARY
        entry = FUNCTIONS[node.function]
        if entry.result is Kind.BOOLEAN:
            return None
        bounds = [part.bounds for part in operands if part.bounds is not None]
        corners = itertools.product(*bounds)
        try:
            found = [apply(node, corner, self._today) for corner in corners]
        except ArithmeticError:
            return None
        if node.function == "anniversary":
            return self._today, max(found) + 366
        return (min(found), max(found)) if all(entry.moves) else None

    def _spread(
        self, node: Call, operands: Sequence[Part], index: int, choice: "tuple[Part, Part, Part]"
    ) -> pl.Expr:
        """A call of which one argument is one of two constants, as one of two calls."""
        condition, *constants = choice
        one, other = (
            self._call(node, [*operands[:index], constant, *operands[index + 1 :]])[0]
            for constant in constants
        )
        return pl.when(condition.value).then(one).when(condition.value.not_()).then(other)

    def _look_up(self, node: Call, day: Part, others: Sequence[Part]) -> pl.Expr:
        if day.bounds is None:
            raise ValueError("a table is for days whose bounds are known")
        low, high = day.bounds[0] - EPOCH, day.bounds[1] - EPOCH
        function = CALENDAR_FUNCTIONS[node.function]

        def of(each: Days) -> Any:
            return function(self._today, each, *(other.value for other in others))

        asked = self._today if FUNCTIONS[node.function].of_today else None
        key = (node.function, *(other.constant for other in others))
        return pl.lit(self._tables.get(key, asked, low, high, of)).gather(day.value - low)


def _chooses_once(node: Node) -> bool:
    """Whether there is one `if` in a part."""
    return sum(isinstance(each, If) for each in walk(node)) == 1
