"""Which types may stand together: builds typed nodes from typed operands, or says why not."""

import ast
from collections.abc import Sequence

from quadrupel.rules.functions import PERIODS
from quadrupel.rules.problems import suggest
from quadrupel.rules.tree import (
    And,
    Arithmetic,
    Calculation,
    Call,
    Compare,
    Comparison,
    Constant,
    If,
    Input,
    Kind,
    Node,
    Not,
    OneOf,
    Or,
    Place,
)

NUMBERS = (Kind.INTEGER, Kind.DECIMAL)
ORDERED = (Kind.DATE, Kind.DATETIME, *NUMBERS)
SCALARS = (*ORDERED, Kind.BOOLEAN, Kind.TEXT)

WORDING = {
    Kind.DATE: "a date",
    Kind.DATETIME: "a time (datetime)",
    Kind.INTEGER: "an integer",
    Kind.DECIMAL: "a decimal",
    Kind.BOOLEAN: "a condition (boolean)",
    Kind.TEXT: "a text",
    Kind.PERIOD: "a period",
    Kind.STATISTICS: "a keyed statistic",
    Kind.STATISTIC: "one key of a statistic",
}

HOW_TO_USE = {
    Kind.PERIOD: "a period is added to a date: today + months(1)",
    Kind.STATISTICS: 'choose a key and a field: user.orders["passport"].count',
    Kind.STATISTIC: "choose a field: .count, .sum, .first or .last",
}


class Mismatch(Exception):
    """An expression is wrong: `message` says why, `hint` what to write instead.

    `node` is the part that is wrong, None for the expression that is just being read.
    """

    def __init__(self, message: str, hint: str = "", node: ast.AST | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.node = node


def scalar(node: Node) -> Node:
    """The node, if it has a value of its own."""
    if node.kind not in SCALARS:
        raise Mismatch(f"{WORDING[node.kind]} has no value of its own", HOW_TO_USE[node.kind])
    return node


def condition(node: Node) -> Node:
    """The node, if it is a boolean."""
    if node.kind is not Kind.BOOLEAN:
        hint = "compare it with something, or ask is_known(...)"
        raise Mismatch(f"{WORDING[node.kind]} is not a condition", HOW_TO_USE.get(node.kind, hint))
    return node


def compare(operator: Comparison, left: Node, right: Node, place: Place | None = None) -> Compare:
    """One comparison; an integer beside a decimal becomes a decimal."""
    left, right = alike(left, right)
    if operator not in ("==", "!=") and left.kind not in ORDERED:
        raise Mismatch(f"{WORDING[left.kind]} has no order", "use == or != or in")
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Input) and isinstance(other, Constant):
            _check_value(one, other)
    return Compare(operator, left, right, place=place)


def alike(left: Node, right: Node) -> tuple[Node, Node]:
    """Both nodes with one kind, if they can have one."""
    if left.kind in NUMBERS and right.kind in NUMBERS and left.kind is not right.kind:
        return decimal(left), decimal(right)
    if left.kind is not right.kind:
        message = f"{WORDING[left.kind]} and {WORDING[right.kind]} do not go together"
        raise Mismatch(message, _bridge(left, right) or _bridge(right, left))
    return scalar(left), scalar(right)


def decimal(number: Node) -> Node:
    """The number as a decimal."""
    match number:
        case Constant(value=int() as value, kind=Kind.INTEGER):
            return Constant(float(value), Kind.DECIMAL, number.place)
        case _ if number.kind is Kind.INTEGER:
            return Call("to_decimal", (number,), Kind.DECIMAL, number.place)
        case _:
            return number


def arithmetic(operator: Calculation, left: Node, right: Node, place: Place | None = None) -> Node:
    """`left operator right` for numbers, dates and periods."""
    if Kind.DATE in (left.kind, right.kind) and operator in ("+", "-"):
        return _dates(operator, left, right, place)
    for node in (left, right):
        if node.kind not in NUMBERS:
            hint = HOW_TO_USE.get(node.kind, "")
            raise Mismatch(f"{WORDING[node.kind]} cannot be calculated with", hint)
    if operator == "/" or left.kind is not right.kind:
        left, right = decimal(left), decimal(right)
    if operator in ("//", "%") and left.kind is Kind.DECIMAL:
        raise Mismatch(f"{operator} is for integers", "decimals are divided by /")
    return Arithmetic(operator, left, right, left.kind, place)


def negative(number: Node, place: Place | None = None) -> Node:
    """Minus the number."""
    if number.kind not in NUMBERS:
        raise Mismatch(f"{WORDING[number.kind]} cannot be negative")
    if isinstance(number, Constant) and isinstance(number.value, int | float):
        return Constant(-number.value, number.kind, place)
    zero = Constant(0, Kind.INTEGER, place)
    return arithmetic("-", zero, number, place)


def argument(word: str, name: str, given: Node, kind: Kind) -> Node:
    """The argument that a function was given, if it is of the kind that it takes."""
    if given.kind is not kind:
        message = f"{word}({name}) takes {WORDING[kind]}, not {WORDING[given.kind]}"
        raise Mismatch(message, _bridge(Constant(0, kind), given))
    return given


def one_of(operand: Node, constants: Sequence[Node], place: Place | None = None) -> OneOf:
    """Whether the operand is one of the constants, all of its kind."""
    operand = scalar(operand)
    if not constants:
        raise Mismatch("nothing is one of nothing", "name at least one constant")
    fitting: dict[Constant, None] = {}
    for constant in constants:
        of_kind = decimal(constant) if operand.kind is Kind.DECIMAL else constant
        if not isinstance(of_kind, Constant):
            raise Mismatch("only constants can be listed", "compare with the others by ==")
        if of_kind.kind is not operand.kind:
            message = f"{WORDING[operand.kind]} is never {WORDING[constant.kind]}"
            raise Mismatch(message, _bridge(operand, constant))
        if isinstance(operand, Input):
            _check_value(operand, of_kind)
        if of_kind in fitting:
            raise Mismatch(f"{of_kind.value} is there twice", "name it once")
        fitting[of_kind] = None
    return OneOf(operand, tuple(fitting), place=place)


def conditional(asked: Node, then: Node, otherwise: Node, place: Place | None = None) -> Node:
    """`then if asked else otherwise`, as And or Or where one of the two is a constant."""
    asked = condition(asked)
    then, otherwise = alike(then, otherwise)
    match then, otherwise:
        case Constant(value=True), _:
            return Or((asked, otherwise), place=place)
        case Constant(value=False), _:
            return And((negated(asked), otherwise), place=place)
        case _, Constant(value=True):
            return Or((negated(asked), then), place=place)
        case _, Constant(value=False):
            return And((asked, then), place=place)
        case _:
            return If(asked, then, otherwise, then.kind, place)


def negated(asked: Node) -> Node:
    """Not the condition; without two negations on top of each other."""
    return asked.operand if isinstance(asked, Not) else Not(asked, place=asked.place)


def _dates(operator: Calculation, left: Node, right: Node, place: Place | None) -> Node:
    match operator, left.kind, right.kind:
        case "-", Kind.DATE, Kind.DATE:
            return Call("days_between", (left, right), Kind.INTEGER, place)
        case "+", Kind.DATE, Kind.PERIOD:
            return _shift(left, right, place)
        case "+", Kind.PERIOD, Kind.DATE:
            return _shift(right, left, place)
        case "-", Kind.DATE, Kind.PERIOD:
            return _shift(left, right, place, back=True)
        case _:
            words = f"{WORDING[left.kind]} {operator} {WORDING[right.kind]}"
            hint = _bridge(left, right) or _bridge(right, left)
            raise Mismatch(f"{words} means nothing", hint)


def _shift(day: Node, period: Node, place: Place | None, *, back: bool = False) -> Node:
    if not isinstance(period, Call):
        raise Mismatch("this period is not written out", HOW_TO_USE[Kind.PERIOD])
    number = negative(period.arguments[0]) if back else period.arguments[0]
    return Call(PERIODS[period.function], (day, number), Kind.DATE, place)


def _check_value(attribute: Input, constant: Constant) -> None:
    if attribute.values and constant.value not in attribute.values:
        hint = suggest(str(constant.value), attribute.values, "its values are ")
        raise Mismatch(f'{attribute.name} is never "{constant.value}"', hint)


def _bridge(one: Node, other: Node) -> str:
    """What to write so that the two go together."""
    match one.kind, other.kind:
        case Kind.DATE, Kind.TEXT:
            return "a day is written date(2026, 12, 31)"
        case Kind.DATE, Kind.DATETIME:
            return "take the day of the time: day_of(...)"
        case Kind.DATE, Kind.INTEGER:
            return "a date and a number of days: today + days(7)"
        case Kind.INTEGER, Kind.PERIOD:
            return "a number of days is an integer: write 7, not days(7)"
        case _:
            return HOW_TO_USE.get(one.kind, HOW_TO_USE.get(other.kind, ""))
