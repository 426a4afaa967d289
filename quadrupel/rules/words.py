"""Conditions in words: a predicate's tree as English sentences, for pages and warnings.

    all of:
      today is on or before the day the driving licence runs out
      the day the driving licence runs out is on or before 1 month after today

Attributes are told by what the declaration says they are, up to the first comma. The words are for
reading: nothing parses them again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from quadrupel.core.attributes import Schema
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
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A condition in words. With `parts` it is a heading ("all of") and they stand under it."""

    text: str
    parts: tuple["Sentence", ...] = ()

    def lines(self, indent: str = "") -> Iterator[str]:
        """The sentence and all under it, each on a line, indented by depth."""
        yield f"{indent}{self.text}:" if self.parts else f"{indent}{self.text}"
        for part in self.parts:
            yield from part.lines(indent + "  ")


ALL_OF = "all of"
ONE_OF = "at least one of"

_OF_DAYS: Mapping[Comparison, str] = {
    "<": "is before",
    "<=": "is on or before",
    ">": "is after",
    ">=": "is on or after",
    "==": "is",
    "!=": "is not",
}
_OF_NUMBERS: Mapping[Comparison, str] = {
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "==": "is",
    "!=": "is not",
}
_OPPOSITE: Mapping[Comparison, Comparison] = {
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
    "==": "!=",
    "!=": "==",
}
_CALCULATIONS = {
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "divided by",
    "//": "divided in whole by",
    "%": "modulo",
}
_SHIFTS = {"add_days": "day", "add_months": "month", "add_years": "year"}
_FIELDS = {
    "count": "how many",
    "sum": "the sum of",
    "first": "the first time of",
    "last": "the last time of",
}
_OF = {
    "age": "the whole years since",
    "anniversary": "the next anniversary of",
    "days_since": "the days since",
    "days_until": "the days until",
    "start_of_month": "the first of the month of",
    "day_of": "the day of",
    "to_decimal": "",
}
"""Functions of one argument, as words before it."""


class Words:
    """Tells conditions on profiles of one schema in words."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def sentence(self, node: Node, *, holds: bool = True) -> Sentence:
        """A condition (a node of kind boolean) in words, or the opposite of it."""
        match node:
            case Not(operand=operand):
                return self.sentence(operand, holds=not holds)
            case And(parts=parts) | Or(parts=parts):
                heading = ALL_OF if isinstance(node, And) is holds else ONE_OF
                below = [self.sentence(part, holds=holds) for part in parts]
                return Sentence(heading, tuple(_flat(heading, below)))
            case If():
                asked = Sentence("if", (self.sentence(node.condition),))
                then = Sentence("then", (self.sentence(node.then, holds=holds),))
                otherwise = Sentence("otherwise", (self.sentence(node.otherwise, holds=holds),))
                return Sentence("it depends", (asked, then, otherwise))
            case _:
                return Sentence(self._claim(node, holds=holds))

    def _claim(self, node: Node, *, holds: bool) -> str:
        """One clause, or its opposite, in one line."""
        match node:
            case Compare():
                left, operator, right = _compared(node)
                operator = operator if holds else _OPPOSITE[operator]
                table = _OF_DAYS if left.kind in (Kind.DATE, Kind.DATETIME) else _OF_NUMBERS
                return f"{self._value(left)} {table[operator]} {self._value(right)}"
            case OneOf(operand=Call(function="covered_day", arguments=(day, *_))):
                return f"{self._value(day)} is {'' if holds else 'not '}a holiday"
            case OneOf():
                listed = ", ".join(self._value(constant) for constant in node.constants)
                return f"{self._value(node.operand)} is {'one' if holds else 'none'} of {listed}"
            case IsKnown():
                return f"{self._value(node.operand)} is {'known' if holds else 'not known'}"
            case Constant(value=value):
                return "always" if bool(value) is holds else "never"
            case Call(function="stable_share", arguments=(time, share)):
                among = f"among a stable {self._value(share)} of all by {self._value(time)}"
                return f"the user is {'' if holds else 'not '}{among}"
            case Call() if node.function.startswith("is_"):
                about = self._value(node.arguments[0]) if node.arguments else "it"
                what = node.function.removeprefix("is_").replace("_", " ")
                return f"{about} is {'' if holds else 'not '}a {what}"
            case _:
                claim = self._value(node)
                return claim if holds else f"it is not so that {claim}"

    def _value(self, node: Node) -> str:
        match node:
            case Today():
                return "today"
            case Constant():
                return _constant(node)
            case Input():
                return self._attribute(node.name).removeprefix("whether ")
            case KeyedField():
                named = f'"{node.statistic}" of ' if node.statistic else ""
                of_key = f'{named}"{node.own_key}" in {self._attribute(node.attribute)}'
                return f"{_FIELDS[node.name]} {of_key}"
            case Arithmetic():
                calculation = _CALCULATIONS[node.operator]
                return f"{self._operand(node.left)} {calculation} {self._operand(node.right)}"
            case Call():
                return self._call(node)
            case If():
                then, other = self._value(node.then), self._value(node.otherwise)
                return f"({then} if {self._inline(node.condition)}, otherwise {other})"
            case _:
                return f"({self._inline(node)})"

    def _call(self, node: Call) -> str:
        arguments = [self._value(argument) for argument in node.arguments]
        if node.function in _SHIFTS:
            return self._shift(node)
        if node.function == "count_within":
            return arguments[0]
        if node.function == "days_between":
            return f"the days from {arguments[1]} to {arguments[0]}"
        if node.function in _OF:
            return f"{_OF[node.function]} {arguments[0]}".strip()
        return f"{node.function}({', '.join(arguments)})"

    def _shift(self, node: Call) -> str:
        day, number = node.arguments
        unit = _SHIFTS[node.function]
        if not isinstance(number, Constant):
            return f"{self._value(day)} plus {self._operand(number)} {unit}s"
        size = abs(int(str(number.value)))
        direction = "before" if str(number.value).startswith("-") else "after"
        return f"{size} {unit}{'' if size == 1 else 's'} {direction} {self._value(day)}"

    def _operand(self, node: Node) -> str:
        value = self._value(node)
        return f"({value})" if isinstance(node, Arithmetic) else value

    def _inline(self, node: Node) -> str:
        match node:
            case And(parts=parts):
                return " and ".join(map(self._inline, parts))
            case Or(parts=parts):
                return " or ".join(map(self._inline, parts))
            case Not(operand=operand) if not isinstance(operand, And | Or | If | Not):
                return self._claim(operand, holds=False)
            case Not(operand=operand):
                return f"not ({self._inline(operand)})"
            case If():
                return self._value(node)
            case _:
                return self._claim(node, holds=True)

    def _attribute(self, name: str) -> str:
        told = self._schema[name].doc.partition(",")[0].strip().rstrip(".")
        return told[:1].lower() + told[1:]


def _flat(heading: str, parts: Iterable[Sentence]) -> Iterator[Sentence]:
    """The parts, and instead of a part under the same heading what stands under it."""
    for part in parts:
        if part.text == heading:
            yield from part.parts
        else:
            yield part


def _compared(node: Compare) -> tuple[Node, Comparison, Node]:
    """The sides of a comparison and its sign, turned so that a constant stands on the right."""
    if isinstance(node.left, Constant) and not isinstance(node.right, Constant):
        return node.right, TURNED[node.operator], node.left
    return node.left, node.operator, node.right


def _constant(node: Constant) -> str:
    if isinstance(node.value, date):
        return f"{node.value.day} {node.value:%B %Y}"
    if isinstance(node.value, str):
        return f'"{node.value}"'
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, int):
        return f"{node.value:,}"
    return f"{Decimal(repr(node.value)).normalize():,f}"
