"""Spells a typed tree in the words of the rule language, local names and branches written out."""

from collections.abc import Mapping
from datetime import date

from quadrupel.rules.functions import PERIODS
from quadrupel.rules.tree import (
    And,
    Arithmetic,
    Call,
    Compare,
    Constant,
    If,
    Input,
    IsKnown,
    Keyed,
    KeyedField,
    Node,
    Not,
    OneOf,
    Or,
)

_PERIODS: Mapping[str, str] = {function: word for word, function in PERIODS.items()}
_OR, _AND, _NOT, _COMPARE, _ADD, _MULTIPLY, _ATOM = range(1, 8)


def spell(node: Node) -> str:
    """The node as an expression: `user.born + years(14) <= today`."""
    return _spell(node)[0]


def _spell(node: Node) -> tuple[str, int]:
    """The text, and how tightly it binds."""
    match node:
        case And():
            return " and ".join(_inside(part, _NOT) for part in node.parts), _AND
        case Or():
            return " or ".join(_inside(part, _AND) for part in node.parts), _OR
        case Not():
            return _not(node)
        case If():
            parts = [_inside(each, _OR) for each in (node.then, node.condition, node.otherwise)]
            return "{} if {} else {}".format(*parts), 0
        case Compare():
            sides = _inside(node.left, _ADD), _inside(node.right, _ADD)
            return f" {node.operator} ".join(sides), _COMPARE
        case OneOf(operand=Call(function="covered_day", arguments=(day, *_))):
            return f"is_holiday({spell(day)})", _ATOM
        case OneOf():
            return f"{_inside(node.operand, _ADD)} in {_constants(node)}", _COMPARE
        case Arithmetic():
            binds = _ADD if node.operator in "+-" else _MULTIPLY
            sides = _inside(node.left, binds), _inside(node.right, binds + 1)
            return f" {node.operator} ".join(sides), binds
        case Call():
            return _call(node)
        case _:
            return _atom(node), _ATOM


def _atom(node: Node) -> str:
    match node:
        case Constant():
            return _constant(node)
        case Input():
            return f"user.{node.name}"
        case Keyed():
            return f'user.{node.attribute}["{node.key}"]'
        case KeyedField():
            return f"user.{node.written}"
        case IsKnown():
            return f"is_known({spell(node.operand)})"
        case _:
            return "today"


def _inside(node: Node, binds: int) -> str:
    """The text of a part that has to bind at least so tightly, in brackets if it does not."""
    text, tightly = _spell(node)
    return text if tightly >= binds else f"({text})"


def _constant(node: Constant) -> str:
    value = node.value
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def _constants(node: OneOf) -> str:
    return "[" + ", ".join(_constant(constant) for constant in node.constants) + "]"


def _not(node: Not) -> tuple[str, int]:
    operand = node.operand
    if isinstance(operand, OneOf) and _spell(operand)[1] == _COMPARE:
        return f"{_inside(operand.operand, _ADD)} not in {_constants(operand)}", _COMPARE
    return f"not {_inside(node.operand, _NOT)}", _NOT


def _call(node: Call) -> tuple[str, int]:
    match node.function, node.arguments:
        case ("to_decimal", (inside,)) | ("count_within", (inside, _)):
            return _spell(inside)
        case "days_between", (later, earlier):
            return f"{_inside(later, _ADD)} - {_inside(earlier, _MULTIPLY)}", _ADD
        case function, (day, number) if function in _PERIODS:
            sign = "+"
            if isinstance(number, Constant) and isinstance(number.value, int) and number.value < 0:
                sign, number = "-", Constant(-number.value, number.kind)
            return f"{_inside(day, _ADD)} {sign} {_PERIODS[function]}({spell(number)})", _ADD
        case function, arguments:
            return f"{function}({', '.join(map(spell, arguments))})", _ATOM
