"""Writes a predicate as the text of a Python expression, for the row reading.

The text is made from checked trees and holds no word of a rule: names and constants are values of
the namespace it runs in. Days are ordinals in it, decimals floats, and None is unknown. A part is
written with what it needs to be unknown only where it can be, and written once (temporary names
carry what is used twice), so the text grows with the tree and no faster.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.tree import (
    And,
    Arithmetic,
    Call,
    Compare,
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

Leaf = Input | KeyedField

_NOTHING: Mapping[Kind, str] = {Kind.INTEGER: "0", Kind.DECIMAL: "0.0", Kind.WINDOWED_COUNT: "()"}
"""The text of what an input that adds up is before its first event."""


@dataclass(slots=True)
class Scope:
    """What the text refers to: a namespace of values, and variables that hold the inputs.

    `loads` are the statements that fill the variables, given `get`, which looks an attribute up.
    """

    namespace: dict[str, object] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)
    _values: dict[tuple[type, object], str] = field(default_factory=dict)
    _variables: dict[tuple[str, ...], str] = field(default_factory=dict)

    def value(self, value: object) -> str:
        """The name under which the text finds a value."""
        key = type(value), value
        if key not in self._values:
            self._values[key] = f"c{len(self._values)}"
            self.namespace[self._values[key]] = value
        return self._values[key]

    def variable(self, leaf: Leaf) -> str:
        """The name of the variable that holds an input."""
        if isinstance(leaf, Input):
            return self._variable((leaf.name,), _load(leaf, self.value(leaf.name)))
        name, key = self.value(leaf.attribute), self.value(leaf.key)
        entry = self._variable((leaf.attribute, leaf.key), f"(get({name}) or {{}}).get({key})")
        return self._variable((leaf.attribute, leaf.key, leaf.name), _load_field(leaf, entry))

    def _variable(self, key: tuple[str, ...], load: str) -> str:
        if key not in self._variables:
            self._variables[key] = f"v{len(self._variables)}"
            self.loads.append(f"{self._variables[key]} = {load}")
        return self._variables[key]


@dataclass(frozen=True, slots=True)
class Text:
    """The text of an expression, and whether its value can be None."""

    text: str
    unknown: bool = False


def gaps(tree: Node, scope: Scope) -> list[str]:
    """The variables of inputs that can be missing, in a fixed order."""
    leaves = (node for node in walk(tree) if isinstance(node, Leaf) and _can_lack(node))
    return list(dict.fromkeys(scope.variable(leaf) for leaf in leaves))


class Writer:
    """Writes expressions over one scope; where `complete`, no input is missing."""

    def __init__(self, scope: Scope, *, complete: bool) -> None:
        self._scope = scope
        self._complete = complete
        self._temporary = 0

    def write(self, node: Node) -> Text:
        """The text of a node."""
        match node:
            case Constant():
                return Text(self._constant(node))
            case Today():
                return Text("today")
            case Input() | KeyedField():
                unknown = not self._complete and _can_lack(node)
                return Text(self._scope.variable(node), unknown)
            case And():
                return self._and([self.write(part) for part in node.parts])
            case Or():
                return self._or([self.write(part) for part in node.parts])
            case If():
                return self._if(*(self.write(each) for each in children(node)))
            case IsKnown():
                return self._is_known(node.operand)
            case _:
                return self._operation(node)

    def _constant(self, node: Constant) -> str:
        if isinstance(node.value, date):
            return str(node.value.toordinal())
        return self._scope.value(node.value)

    def _operation(self, node: Node) -> Text:
        """A node that is unknown if an operand is; it asks all of them before it says so."""
        operands = children(node)
        written = [self.write(operand) for operand in operands]
        if not any(each.unknown for each in written):
            return Text(self._apply(node, [each.text for each in written]))
        can_fail = any(map(_can_fail, operands))
        names, tests = [], []
        for each in written:
            name, asked = self._named(each)
            if not each.unknown and not can_fail:
                name = each.text
            elif each.unknown or name != asked:
                tests.append(f"({asked} is None)")
            names.append(name)
        missing = (" | " if can_fail else " or ").join(tests)
        return Text(f"(None if {missing} else {self._apply(node, names)})", unknown=True)

    def _apply(self, node: Node, operands: Sequence[str]) -> str:
        match node:
            case Compare():
                return f"({operands[0]} {node.operator} {operands[1]})"
            case OneOf():
                return f"({operands[0]} in {self._scope.value(_constants(node))})"
            case Not():
                return f"(not {operands[0]})"
            case Arithmetic():
                bound = self._scope.value(integer if node.kind is Kind.INTEGER else finite)
                return f"{bound}({operands[0]} {node.operator} {operands[1]})"
            case Call():
                function = FUNCTIONS[node.function]
                given = ["today", *operands] if function.of_today else operands
                return f"{self._scope.value(function.row)}({', '.join(given)})"
            case _:
                raise TypeError(f"{type(node).__name__} is no part of a finished tree")

    def _and(self, parts: Sequence[Text]) -> Text:
        if not any(part.unknown for part in parts):
            return Text(f"({' and '.join(part.text for part in parts)})")
        tests, doubts = [], []
        for part in parts:
            name, asked = self._named(part)
            tests.append(f"{asked} is False" if part.unknown else f"not {part.text}")
            doubts += [f"{name} is None"] if part.unknown else []
        known = f"None if {' or '.join(doubts)} else True"
        return Text(f"(False if {' or '.join(tests)} else {known})", unknown=True)

    def _or(self, parts: Sequence[Text]) -> Text:
        if not any(part.unknown for part in parts):
            return Text(f"({' or '.join(part.text for part in parts)})")
        tests, doubts = [], []
        for part in parts:
            name, asked = self._named(part)
            tests.append(asked if part.unknown else part.text)
            doubts += [f"{name} is None"] if part.unknown else []
        known = f"None if {' or '.join(doubts)} else False"
        return Text(f"(True if {' or '.join(tests)} else {known})", unknown=True)

    def _if(self, asked: Text, then: Text, otherwise: Text) -> Text:
        unknown = then.unknown or otherwise.unknown
        if not asked.unknown:
            return Text(f"({then.text} if {asked.text} else {otherwise.text})", unknown)
        first, one, other = self._name(), self._name(), self._name()
        steps = (
            f"({first} := {asked.text})",
            f"({one} := None if {first} is False else {then.text})",
            f"({other} := {one} if {first} else {otherwise.text})",
            f"{other} if {first} is not None or {one} == {other} else None",
        )
        return Text(f"({', '.join(steps)})[3]", unknown=True)

    def _is_known(self, operand: Node) -> Text:
        written = self.write(operand)
        if not written.unknown and not _can_fail(operand):
            return Text("True")
        return Text(f"({written.text} is not None)")

    def _named(self, written: Text) -> tuple[str, str]:
        """A name for the value of an expression, and the text that asks it and gives the name."""
        if written.text.isidentifier():
            return written.text, written.text
        name = self._name()
        return name, f"({name} := {written.text})"

    def _name(self) -> str:
        self._temporary += 1
        return f"t{self._temporary}"


def integer(number: int) -> int:
    """The number, if 64 bits can hold it; else OverflowError."""
    if -(2**63) <= number < 2**63:
        return number
    raise OverflowError("an integer of more than 64 bits")


def finite(number: float) -> float:
    """The number, if it is one; else OverflowError."""
    if math.isfinite(number):
        return number
    raise OverflowError("a decimal that is not finite")


def _constants(node: OneOf) -> frozenset[object]:
    values = (constant.value for constant in node.constants)
    return frozenset(value.toordinal() if isinstance(value, date) else value for value in values)


def _can_lack(leaf: Leaf) -> bool:
    if isinstance(leaf, Input):
        return not leaf.adds_up
    return leaf.name in ("first", "last")


def _can_fail(tree: Node) -> bool:
    return any(isinstance(node, Arithmetic | Call) for node in walk(tree))


def _load(leaf: Input, name: str) -> str:
    nothing = _NOTHING[leaf.kind] if leaf.adds_up else "None"
    if leaf.kind is Kind.DATE:
        return f"None if (v := get({name})) is None else v.toordinal()"
    if leaf.kind is Kind.DECIMAL:
        return f"{nothing} if (v := get({name})) is None else float(v)"
    return f"get({name}) or {nothing}" if leaf.adds_up else f"get({name})"


def _load_field(leaf: KeyedField, entry: str) -> str:
    if leaf.name == "count":
        return f"0 if {entry} is None else {entry}.count"
    if leaf.name == "sum":
        return f"0.0 if {entry} is None else float({entry}.sum)"
    return f"None if {entry} is None else {entry}.{leaf.name}"
