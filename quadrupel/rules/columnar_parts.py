"""Parts of the columnar reading's expressions, and how they are put together.

See `quadrupel.rules.columnar` for what they mean and `columnar_functions` for the types in them.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import polars as pl

from quadrupel.rules.columnar_functions import EPOCH
from quadrupel.rules.operations import OPERATORS, apply, value_of
from quadrupel.rules.tree import And, Arithmetic, If, Kind, Node, OneOf, Or, children, walk

Bounds = tuple[Any, Any]

TYPES: Mapping[Kind, Any] = {
    Kind.DATE: pl.Int32,
    Kind.DATETIME: pl.Int64,
    Kind.INTEGER: pl.Int64,
    Kind.DECIMAL: pl.Float64,
    Kind.BOOLEAN: pl.Boolean,
    Kind.TEXT: pl.String,
}

_LONGEST_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Part:
    """A node as an expression: where `error` is true the value means nothing.

    `bounds` are the least and greatest value it can have, days as ordinals; None where nothing is
    known of them. `constant` holds the one value of a part that is the same for all users, or None
    where it fails for all; any other part is as high as the frame. `choice` is a condition and two
    different constants, for a part that is one of the two or unknown.
    """

    value: pl.Expr
    error: pl.Expr | None = None
    bounds: Bounds | None = None
    constant: tuple[Any] | None = None
    choice: "tuple[Part, Part, Part] | None" = None

    @property
    def fails_for_all(self) -> bool:
        """Whether it has a value for nobody."""
        return self.constant == (None,)


def literal(kind: Kind, value: Any) -> pl.Expr:
    """A value, a day as its ordinal, as it stands in columns."""
    return pl.lit(value - EPOCH if kind is Kind.DATE else value, TYPES[kind])


def constant(kind: Kind, value: Any) -> Part:
    """The part that has one value."""
    return Part(literal(kind, value), None, (value, value), (value,))


def failure(kind: Kind) -> Part:
    """The part that fails for all."""
    return Part(pl.lit(None, TYPES[kind]), pl.lit(value=True), None, (None,))


def any_error(parts: Sequence[Part]) -> pl.Expr | None:
    """Where at least one of the parts failed."""
    errors = [part.error for part in parts if part.error is not None]
    return reduce(pl.Expr.or_, errors) if errors else None


def either(one: pl.Expr | None, other: pl.Expr | None) -> pl.Expr | None:
    """Where one or the other holds; None for what never does."""
    if one is None or other is None:
        return one if other is None else other
    return one | other


def junction(node: And | Or, parts: Sequence[Part]) -> Part:
    """Kleene's and, or; a part after one that decides is not asked, so its errors do not count."""
    return _kleene(parts, stop=isinstance(node, Or))


def _kleene(parts: Sequence[Part], *, stop: bool) -> Part:
    """An `or`, which stops at what is true, or an `and`, which does at what is false."""
    asked = [*_ever_asked(parts, stop=stop)]
    return _halves(asked, stop=stop) if asked else constant(Kind.BOOLEAN, not stop)


def _halves(parts: Sequence[Part], *, stop: bool) -> Part:
    """The parts as two halves: Polars takes long for many in each other, not for as many beside."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    first, rest = _halves(parts[:half], stop=stop), _halves(parts[half:], stop=stop)
    error = first.error
    if rest.error is not None:
        asked = (first.value.not_() if stop else first.value).fill_null(value=True)
        error = either(error, rest.error & asked)
    return Part(first.value | rest.value if stop else first.value & rest.value, error)


def _ever_asked(parts: Sequence[Part], *, stop: bool) -> Iterator[Part]:
    """The parts that change an answer: none after one that decides, or fails, for all users."""
    for part in parts:
        if part.constant == (not stop,):
            continue
        yield part
        if part.constant is not None:
            return


def conditional(node: If, condition: Part, then: Part, otherwise: Part) -> Part:
    """One of two parts; while the condition is unknown, what both agree on."""
    if condition.fails_for_all:
        return failure(node.kind)
    if condition.constant is not None:
        return then if condition.constant[0] else otherwise
    joined = _joined(condition, then, otherwise)
    if joined is not None:
        return joined
    asked = condition.value
    error = condition.error
    if then.error is not None:
        error = either(error, then.error & asked.fill_null(value=True))
    if otherwise.error is not None:
        error = either(error, otherwise.error & asked.not_().fill_null(value=True))
    bounds = None
    if then.bounds is not None and otherwise.bounds is not None:
        lows, highs = zip(then.bounds, otherwise.bounds, strict=True)
        bounds = (min(lows), max(highs))
    value = _chosen(node, condition, then, otherwise)
    constants = {then.constant, otherwise.constant}
    if len(constants) == 2 and not constants & {None, (None,)}:
        return Part(value, error, bounds, choice=(condition, then, otherwise))
    return Part(value, error, bounds)


def _joined(condition: Part, then: Part, otherwise: Part) -> Part | None:
    """What has a branch that is True or False, as an `or` or an `and` of the rest; else None."""
    denied = Part(condition.value.not_(), condition.error)
    match then.constant, otherwise.constant:
        case (True,), _:
            return _kleene((condition, otherwise), stop=True)
        case (False,), _:
            return _kleene((denied, otherwise), stop=False)
        case _, (True,):
            return _kleene((denied, then), stop=True)
        case _, (False,):
            return _kleene((condition, then), stop=False)
        case _:
            return None


def _chosen(node: If, condition: Part, then: Part, otherwise: Part) -> pl.Expr:
    def choose(asked: pl.Expr, one: pl.Expr, other: pl.Expr) -> pl.Expr:
        taken = pl.when(asked).then(one).when(asked.not_()).then(other)
        # A constant stands on the right, see ColumnWriter.
        return taken.when(one == other if then.constant is None else other == one).then(one)

    if not any(map(chooses, children(node))):
        return choose(condition.value, then.value, otherwise.value)
    return once(choose, (condition, then, otherwise), TYPES[node.kind])


def chooses(node: Node) -> bool:
    """Whether there is an `if` in a part: what stands above several times is computed once.

    Polars writes out what an expression has several times, and so it would grow with each `if`
    in another one to many times of what it was.
    """
    return any(isinstance(each, If) for each in walk(node))


def once(
    function: Callable[..., pl.Expr], arguments: Sequence[Part], type_: pl.DataType
) -> pl.Expr:
    """A function of parts that are computed once, however often its expression has each."""
    moving = [part.value for part in arguments if part.constant is None]
    names = map(str, itertools.count())
    given = [pl.col(next(names)) if each.constant is None else each.value for each in arguments]
    answer = function(*given).cast(type_)

    def compute(columns: Sequence[pl.Series]) -> pl.Series:
        named = [column.alias(f"{number}") for number, column in enumerate(columns)]
        return pl.DataFrame(named).select(answer).to_series()

    return pl.map_batches(moving, compute, return_dtype=type_)


def membership(operand: pl.Expr, node: OneOf) -> pl.Expr:
    """Whether a value is one of some constants."""
    constants = [literal(constant.kind, value_of(constant)) for constant in node.constants]
    if len(constants) <= _LONGEST_CHAIN:
        return reduce(pl.Expr.or_, [operand == constant for constant in constants])
    values = [value_of(constant) for constant in node.constants]
    if node.constants[0].kind is Kind.DATE:
        values = [value - EPOCH for value in values]
    return operand.is_in(pl.Series(values, dtype=TYPES[node.constants[0].kind]).implode())


def calculation(
    node: Arithmetic, left: Part, right: Part
) -> tuple[pl.Expr, pl.Expr | None, Bounds | None]:
    """The value of a calculation, where it fails although it is known, and its bounds."""
    bounds = _calculated_bounds(node, left, right)
    calculate = OPERATORS[node.operator]
    if bounds is not None:
        return calculate(left.value, right.value), None, bounds
    if node.kind is Kind.DECIMAL:
        value = calculate(left.value, right.value)
        return value, value.is_finite().not_().fill_null(value=False), None
    wide = calculate(left.value.cast(pl.Int128), right.value.cast(pl.Int128))
    fails = (wide < -(2**63)) | (wide >= 2**63)
    if node.operator in ("//", "%"):
        fails |= (right.value == 0) & left.value.is_not_null()
    return wide.cast(pl.Int64, strict=False), fails.fill_null(value=False), None


def _calculated_bounds(node: Arithmetic, left: Part, right: Part) -> Bounds | None:
    """The bounds of a calculation that cannot fail; None where it can or nothing is known."""
    if left.bounds is None or right.bounds is None or node.operator == "%":
        return None
    if node.operator in ("/", "//") and right.bounds[0] <= 0 <= right.bounds[1]:
        return None
    try:
        corners = itertools.product(left.bounds, right.bounds)
        found = [apply(node, corner, 0) for corner in corners]
    except ArithmeticError:
        return None
    return min(found), max(found)
