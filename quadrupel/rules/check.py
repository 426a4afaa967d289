"""The checker: a parsed expression becomes a typed tree, or the source says what is wrong with it.

It is the one place that reads expressions of the language. It knows a short list of syntax and
refuses all other, so whatever else Python can say has no way into a rule.
"""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from quadrupel.core.attributes import ADDITIVE, Attribute, Schema, Type, named_key
from quadrupel.rules import build, forms
from quadrupel.rules.build import Mismatch
from quadrupel.rules.functions import FORMS, WORDS
from quadrupel.rules.holidays import NO_HOLIDAYS, Holidays
from quadrupel.rules.problems import suggest
from quadrupel.rules.source import Source
from quadrupel.rules.statistics import FIELDS, words_of
from quadrupel.rules.syntax import CALCULATIONS, COMPARISONS, describe
from quadrupel.rules.tree import (
    And,
    Call,
    Constant,
    Input,
    Keyed,
    KeyedField,
    Kind,
    Node,
    Not,
    Or,
    Today,
    measure,
)

MAX_STEPS = 20_000
MAX_NODES = 1_000
MAX_DEPTH = 50

Names = Mapping[str, Node | None]
"""Local names and their trees; None where a name's own expression was refused already."""

Accept = Callable[[Node], Node]


class TooLarge(Exception):
    """The predicate takes more than MAX_STEPS to check; its source says so already."""


class _Refused(Exception):
    """The expression is wrong, and the source says why already."""


class Checker:
    """Reads the expressions of one predicate against one schema."""

    def __init__(self, source: Source, schema: Schema, holidays: Holidays = NO_HOLIDAYS) -> None:
        self.source = source
        self.schema = schema
        self.holidays = holidays
        self._steps = 0
        self._readers: Mapping[type[ast.expr], Callable[[Any, Names], Node]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Subscript: self._subscript,
            ast.BoolOp: self._bool_op,
            ast.UnaryOp: self._unary_op,
            ast.BinOp: self._bin_op,
            ast.Compare: self._compare,
            ast.IfExp: self._if_exp,
            ast.Call: self._call,
        }

    def condition(self, node: ast.expr, names: Names) -> Node | None:
        """Like `expression`, for what must be a boolean."""
        return self.expression(node, names, build.condition)

    def expression(
        self, node: ast.expr, names: Names, accept: Accept = lambda node: node
    ) -> Node | None:
        """The typed tree of an expression; None when the source says what is wrong with it.

        `accept` may refuse the tree by a Mismatch. Raises TooLarge when all that this checker has
        read is too much.
        """
        try:
            (found,) = self._read_all([node], names, accept)
        except _Refused:
            return None
        return self.bounded(node, found)

    def bounded(self, node: ast.AST, found: Node) -> Node | None:
        """The tree, unless it is too large or too deep when its shared parts are written out."""
        size, depth = measure(found)
        if size > MAX_NODES:
            message = f"{size} parts when its local names are written out"
            self.source.refuse(node, message, f"at most {MAX_NODES}: split the rule")
            return None
        if depth > MAX_DEPTH:
            message = f"{depth} parts in each other when its local names are written out"
            self.source.refuse(node, message, f"at most {MAX_DEPTH}: split the rule")
            return None
        return found

    def _refuse(self, node: ast.AST, message: str, hint: str = "") -> NoReturn:
        self.source.refuse(node, message, hint)
        raise _Refused

    def count_step(self) -> None:
        """Count one expression or statement that is read. Raises TooLarge when that is too much."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            self.source.refuse(None, "the predicate is too large to be checked", "split the rule")
            raise TooLarge

    def _read(self, node: ast.expr, names: Names) -> Node:
        self.count_step()
        reader = self._readers.get(type(node))
        if reader is None:
            self._refuse(node, f"the language has no {describe(node)}")
        try:
            return reader(node, names)
        except Mismatch as mismatch:
            self._refuse(mismatch.node or node, mismatch.message, mismatch.hint)

    def _read_all(
        self,
        nodes: Sequence[ast.expr],
        names: Names,
        accept: Accept = lambda node: node,
    ) -> list[Node]:
        """Read several, so that what is wrong with each of them is said."""
        found: list[Node] = []
        for node in nodes:
            try:
                found.append(accept(self._read(node, names)))
            except Mismatch as mismatch:
                self.source.refuse(node, mismatch.message, mismatch.hint)
            except _Refused:
                continue
        if len(found) < len(nodes):
            raise _Refused
        return found

    def _constant(self, node: ast.Constant, _names: Names) -> Node:
        place = self.source.place(node)
        match node.value:
            case bool() as value:
                return Constant(value, Kind.BOOLEAN, place)
            case int() as value:
                return Constant(value, Kind.INTEGER, place)
            case float() as value if math.isfinite(value):
                return Constant(value, Kind.DECIMAL, place)
            case str() as value:
                return Constant(value, Kind.TEXT, place)
            case float():
                raise Mismatch("this number is too large")
            case None:
                raise Mismatch(
                    "the language has no None", "ask is_known(...), or not is_known(...)"
                )
            case value:
                raise Mismatch(f"the language has no {type(value).__name__}")

    def _name(self, node: ast.Name, names: Names) -> Node:
        word = node.id
        if word in names:
            known = names[word]
            if known is None:
                raise _Refused
            return known
        if word == "today":
            return Today(place=self.source.place(node))
        if word == "user":
            raise Mismatch("user alone is no value", "choose an attribute: user.birth_date")
        if word in WORDS:
            hint = f"write {forms.usage(word)}"
            raise Mismatch(f"{word} is a function, and stands with brackets", hint)
        if word in self.schema.attributes:
            raise Mismatch(f'"{word}" is not defined here', f"write user.{word}")
        hint = suggest(word, {*names, *WORDS, "today", "user", "True", "False"})
        raise Mismatch(f'"{word}" is not defined here', hint)

    def _attribute(self, node: ast.Attribute, names: Names) -> Node:
        if isinstance(node.value, ast.Name) and node.value.id == "user" and "user" not in names:
            attribute = self.schema.attributes.get(node.attr)
            if attribute is None:
                message = f'the profile has no attribute "{node.attr}"'
                raise Mismatch(message, suggest(node.attr, self.schema.attributes))
            return self._input(node, attribute)
        owner = self._read(node.value, names)
        if not isinstance(owner, Keyed):
            hint = build.HOW_TO_USE.get(owner.kind, "")
            raise Mismatch(f'{build.WORDING[owner.kind]} has no "{node.attr}"', hint)
        return self._keyed_field(node, owner)

    def _keyed_field(self, node: ast.Attribute, owner: Keyed) -> Node:
        words = words_of(self.schema[owner.attribute])
        if node.attr not in words:
            hint = suggest(node.attr, words, "it has ")
            raise Mismatch(f'a statistic has no "{node.attr}"', hint)
        name, field = words[node.attr]
        key, place = named_key(owner.key, name), self.source.place(node)
        return KeyedField(owner.attribute, key, field, FIELDS[field], place, name)

    def _input(self, node: ast.Attribute, attribute: Attribute) -> Node:
        """An attribute; a windowed count as what it comes to within its window."""
        kind, place = Kind(attribute.type.value), self.source.place(node)
        if attribute.type is Type.WINDOWED_COUNT:
            counts = Input(attribute.name, kind, adds_up=True, place=place)
            window = Constant(attribute.window, Kind.INTEGER, place)
            return Call("count_within", (counts, window), Kind.INTEGER, place)
        adds_up = attribute.feeds[0].operation in ADDITIVE
        return Input(attribute.name, kind, adds_up, attribute.values, place)

    def _subscript(self, node: ast.Subscript, names: Names) -> Node:
        owner = self._read(node.value, names)
        if owner.kind is not Kind.STATISTICS or not isinstance(owner, Input):
            raise Mismatch(f"{build.WORDING[owner.kind]} has no keys")
        key = node.slice
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str) or not key.value:
            hint = f'for example user.{owner.name}["passport"]'
            raise Mismatch("the key of a statistic is a text", hint, node.slice)
        return Keyed(owner.name, key.value, place=self.source.place(node))

    def _bool_op(self, node: ast.BoolOp, names: Names) -> Node:
        found = self._read_all(node.values, names, build.condition)
        join = And if isinstance(node.op, ast.And) else Or
        return join(tuple(found), place=self.source.place(node))

    def _unary_op(self, node: ast.UnaryOp, names: Names) -> Node:
        place = self.source.place(node)
        match node.op:
            case ast.Not():
                (operand,) = self._read_all([node.operand], names, build.condition)
                return Not(operand, place=place)
            case ast.USub():
                return build.negative(self._read(node.operand, names), place)
            case _:
                raise Mismatch(f"the language has no {describe(node.op)}")

    def _bin_op(self, node: ast.BinOp, names: Names) -> Node:
        operator = CALCULATIONS.get(type(node.op))
        if operator is None:
            raise Mismatch(f"the language has no {describe(node.op)}")
        left, right = self._read_all((node.left, node.right), names)
        return build.arithmetic(operator, left, right, self.source.place(node))

    def _compare(self, node: ast.Compare, names: Names) -> Node:
        place = self.source.place(node)
        if isinstance(node.ops[0], ast.In | ast.NotIn) and len(node.ops) == 1:
            return self._membership(node, names)
        for operator in node.ops:
            if type(operator) not in COMPARISONS:
                chained = isinstance(operator, ast.In | ast.NotIn)
                hint = "put brackets around it" if chained else "use == or !=, or is_known(...)"
                raise Mismatch(f"{describe(operator)} cannot stand here", hint)
        operands = self._read_all((node.left, *node.comparators), names)
        parts = tuple(
            build.compare(COMPARISONS[type(operator)], left, right, place)
            for operator, left, right in zip(node.ops, operands, operands[1:], strict=False)
        )
        return parts[0] if len(parts) == 1 else And(parts, place=place)

    def _membership(self, node: ast.Compare, names: Names) -> Node:
        listed = node.comparators[0]
        if not isinstance(listed, ast.List | ast.Tuple | ast.Set):
            hint = 'for example user.residence_region in ["77", "78"]'
            raise Mismatch("in needs a list that is written out", hint, listed)
        operand, *constants = self._read_all((node.left, *listed.elts), names)
        place = self.source.place(node)
        found = build.one_of(operand, constants, place)
        return Not(found, place=place) if isinstance(node.ops[0], ast.NotIn) else found

    def _if_exp(self, node: ast.IfExp, names: Names) -> Node:
        (asked,) = self._read_all([node.test], names, build.condition)
        then, otherwise = self._read_all((node.body, node.orelse), names)
        return build.conditional(asked, then, otherwise, self.source.place(node))

    def _call(self, node: ast.Call, names: Names) -> Node:
        if not isinstance(node.func, ast.Name):
            raise Mismatch("only the functions of the language can be called", node=node.func)
        word = node.func.id
        if word not in WORDS or word in names:
            raise Mismatch(f'there is no function "{word}"', suggest(word, WORDS), node.func)
        if node.keywords:
            raise Mismatch("arguments stand without names", f"write {forms.usage(word)}")
        arguments = self._read_all(node.args, names)
        if word == "is_holiday":
            return forms.is_holiday(arguments, self.holidays, self.source.place(node))
        read = forms.REWRITTEN[word] if word in FORMS else forms.function
        return read(word, arguments, self.source.place(node))
