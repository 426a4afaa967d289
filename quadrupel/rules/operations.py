"""The operations of a predicate on known values: what a node makes of its operands.

For the readings that work on values instead of writing code. Days are ordinals and decimals
floats, as everywhere inside predicates.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.python_text import finite, integer
from quadrupel.rules.tree import Arithmetic, Call, Compare, Constant, Kind, Node, Not, OneOf

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


def apply(node: Node, operands: Sequence[Any], today: int) -> Any:
    """What an operation makes of known operands. Raises ArithmeticError where it has no answer."""
    match node:
        case Compare():
            return OPERATORS[node.operator](*operands)
        case OneOf():
            return operands[0] in [value_of(constant) for constant in node.constants]
        case Not():
            return not operands[0]
        case Arithmetic():
            bounded = integer if node.kind is Kind.INTEGER else finite
            return bounded(OPERATORS[node.operator](*operands))
        case Call():
            function = FUNCTIONS[node.function]
            return function.row(*([today] if function.of_today else []), *operands)
        case _:
            raise TypeError(f"{type(node).__name__} is no operation on values")


def value_of(constant: Constant) -> Any:
    """The value of a constant, a day as its ordinal."""
    value = constant.value
    return value.toordinal() if isinstance(value, date) else value
