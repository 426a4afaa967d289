"""Literals and declarative calls in a script: `priority = 80`, `Banner(placement="main", ...)`.

Every reader takes the source and an expression, and returns its value, or None after recording in
the source why there is none. An expression that is None was missing and reported already.
"""

import ast
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal

from quadrupel.rules.problems import suggest
from quadrupel.rules.source import Source

MAX_TEXT = 1000

Literal = str | int | bool | Decimal | list["Literal"] | dict[str, "Literal"]


def literal(source: Source, node: ast.expr | None) -> Literal | None:
    """A constant, a list of literals, or a mapping of them. Numbers with a point are Decimal."""
    match node:
        case None:
            return None
        case ast.Constant(value=bool() | int() | str() as value):
            return value
        case ast.Constant(value=float() as value):
            return Decimal(repr(value))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value if isinstance(value, int) else -Decimal(repr(value))
        case ast.List(elts=elements):
            items = [literal(source, element) for element in elements]
            return [item for item in items if item is not None]
        case ast.Dict():
            pairs = mapping(source, node).items()
            read = {key: literal(source, value) for key, value in pairs}
            return {key: value for key, value in read.items() if value is not None}
        case _:
            source.refuse(node, "this must be a constant: a text, a number, True or False")
            return None


def text(source: Source, node: ast.expr | None, limit: int = MAX_TEXT) -> str | None:
    """A text of 1 to `limit` characters that is not blank."""
    if node is None:
        return None
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        source.refuse(node, "this must be a text", 'a text stands in quotes: "main"')
        return None
    if not node.value.strip():
        source.refuse(node, "this text is empty")
        return None
    if len(node.value) > limit:
        source.refuse(node, f"this text has {len(node.value)} characters, more than {limit}")
        return None
    return node.value


def integer(
    source: Source, node: ast.expr | None, low: int, high: int, hint: str = ""
) -> int | None:
    """A whole number from `low` to `high`."""
    if node is None:
        return None
    value = literal(source, node)
    if type(value) is int and low <= value <= high:
        return value
    if value is not None:
        source.refuse(node, f"this must be a whole number from {low} to {high}", hint)
    return None


def fraction(source: Source, node: ast.expr | None) -> float | None:
    """A number above 0, at most 1."""
    if node is None:
        return None
    value = literal(source, node)
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    if value is not None:
        source.refuse(node, "this must be a number above 0 and at most 1", "a hundredth is 0.01")
    return None


def days(source: Source, node: ast.expr | None, high: int, hint: str) -> int | None:
    """The number of days in `days(30)`, 1 to `high`."""
    match node:
        case None:
            return None
        case ast.Call(func=ast.Name(id="days"), args=[number], keywords=[]):
            return integer(source, number, 1, high, hint)
        case _:
            source.refuse(node, "this must be a number of days", hint)
            return None


def boolean(source: Source, node: ast.expr | None) -> bool | None:
    """True or False."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    if node is not None:
        source.refuse(node, "this must be True or False")
    return None


def day(source: Source, node: ast.expr | None) -> date | None:
    """A day written as "YYYY-MM-DD"."""
    value = text(source, node)
    if value is None:
        return None
    try:
        found = date.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.isoformat() != value:
        source.refuse(node, f'"{value}" is not a day', 'write it as "2026-11-23"')
        return None
    return found


def texts(source: Source, node: ast.expr | None) -> tuple[str, ...] | None:
    """A list of texts without repetitions; None when one of them is wrong."""
    if node is None:
        return None
    if not isinstance(node, ast.List | ast.Tuple):
        source.refuse(node, "this must be a list of texts", 'for example ["a", "b"]')
        return None
    found = [text(source, element) for element in node.elts]
    read = [value for value in found if value is not None]
    for index, value in enumerate(found):
        if value is not None and value in found[:index]:
            source.refuse(node.elts[index], f'"{value}" is there twice')
            return None
    return tuple(read) if len(read) == len(found) else None


def mapping(source: Source, node: ast.expr | None) -> dict[str, ast.expr]:
    """The members of a mapping whose keys are texts, in their order; what is wrong is left out."""
    if node is None:
        return {}
    if not isinstance(node, ast.Dict):
        source.refuse(node, "this must be a mapping", 'for example {"kind": "passport"}')
        return {}
    members: dict[str, ast.expr] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        name = text(source, key) if key is not None else None
        if key is None:
            source.refuse(value, "a mapping is written out, without **")
        elif name is not None and name in members:
            source.refuse(key, f'"{name}" is there twice')
        elif name is not None:
            members[name] = value
    return members


def word_call(
    source: Source, node: ast.expr | None, words: Collection[str]
) -> tuple[str, ast.Call] | None:
    """A call of one of `words`, as the word and the call."""
    if node is None:
        return None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        hint = "write " + ", ".join(f"{word}(...)" for word in words)
        source.refuse(node, "this is not written as a call", hint)
        return None
    word = node.func.id
    if word not in words:
        hint = suggest(word, words, listing="the words here are ")
        source.refuse(node.func, f'"{word}" is not known here', hint)
        return None
    return word, node


class Arguments:
    """The arguments of a declarative call, by name.

    `names` are the allowed ones, in the order in which the first `positional` of them may stand
    without a name. Whatever does not fit is refused at construction.
    """

    def __init__(
        self, source: Source, call: ast.Call, names: Sequence[str], positional: int = 0
    ) -> None:
        self.source = source
        self.call = call
        self.given: dict[str, ast.expr] = dict(zip(names[:positional], call.args, strict=False))
        for node in call.args[positional:]:
            source.refuse(node, "this argument needs a name", "write name=value")
        for keyword in call.keywords:
            self._name(keyword, names)

    def required(self, name: str) -> ast.expr | None:
        """The argument; a missing one is a problem."""
        node = self.given.get(name)
        if node is None:
            self.source.refuse(self.call, f"{ast.unparse(self.call.func)}() needs {name}")
        return node

    def optional(self, name: str) -> ast.expr | None:
        """The argument, or None."""
        return self.given.get(name)

    def _name(self, keyword: ast.keyword, names: Sequence[str]) -> None:
        name = keyword.arg
        if name is None:
            self.source.refuse(keyword.value, "arguments are written out, without **")
        elif name not in names:
            hint = suggest(name, names, listing="the names here are ")
            self.source.refuse(keyword, f'"{name}" is not known here', hint)
        elif name in self.given:
            self.source.refuse(keyword, f"{name} is given twice")
        else:
            self.given[name] = keyword.value
