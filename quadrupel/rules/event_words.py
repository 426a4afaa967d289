"""Events as declarations and rules name them: a type, and what members of its data must be."""

import ast
import re
from collections.abc import Mapping

from quadrupel.core.attributes import Scalar
from quadrupel.rules.literals import literal, mapping, text
from quadrupel.rules.source import Source

_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,127}")
_MEMBER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def event_type(source: Source, node: ast.expr | None) -> str | None:
    """The type of an event."""
    return matching(source, node, _EVENT, "an event type")


def member(source: Source, node: ast.expr | None) -> str | None:
    """The name of a member of an event's data."""
    return matching(source, node, _MEMBER, "a member of an event's data")


def matching(
    source: Source, node: ast.expr | None, pattern: re.Pattern[str], meaning: str
) -> str | None:
    """A text that fits the pattern; `meaning` is what it cannot be otherwise."""
    value = text(source, node)
    if value is not None and not pattern.fullmatch(value):
        source.refuse(node, f'"{value}" cannot be {meaning}', "use letters, digits, _ - and .")
        return None
    return value


def where(source: Source, node: ast.expr | None) -> Mapping[str, Scalar]:
    """Members of an event's data, and the value that each must have."""
    conditions: dict[str, Scalar] = {}
    for name, value_node in mapping(source, node).items():
        value = literal(source, value_node)
        if not _MEMBER.fullmatch(name):
            source.refuse(node, f'"{name}" cannot be a member of an event\'s data')
        elif isinstance(value, str | int):
            conditions[name] = value
        elif value is not None:
            source.refuse(value_node, "this must be a text, a whole number, True or False")
    return conditions
