"""The profile declaration: `rules/profile.py`, which attributes a profile has and what feeds them.

    children = Integer("How many children are registered", count("child.registered"))

One assignment per attribute: a type, what it is for, and the feeds. The file is parsed, never
executed. docs/reference/profile.md describes it for its authors.
"""

import ast
import keyword
import re
from collections.abc import Mapping
from pathlib import Path

from quadrupel.core import lifecycle
from quadrupel.core.attributes import (
    ADDITIVE,
    ALLOWED_TYPES,
    REGISTER,
    Attribute,
    Feed,
    Operation,
    Scalar,
    Schema,
    Type,
)
from quadrupel.core.windows import MAX_WINDOW
from quadrupel.rules import event_words
from quadrupel.rules.literals import Arguments, integer, literal, text, texts, word_call
from quadrupel.rules.names import RESERVED_COLUMNS
from quadrupel.rules.problems import refusal, suggest
from quadrupel.rules.source import Source, parse, read

FILE_NAME = "profile.py"
MAX_NAME = 48
MAX_ATTRIBUTES = 400

TYPES: Mapping[str, Type] = {
    "Date": Type.DATE,
    "DateTime": Type.DATETIME,
    "Integer": Type.INTEGER,
    "Decimal": Type.DECIMAL,
    "Boolean": Type.BOOLEAN,
    "Text": Type.TEXT,
    "Statistics": Type.STATISTICS,
    "WindowedCount": Type.WINDOWED_COUNT,
}

OPTIONS: Mapping[Type, tuple[str, ...]] = {
    Type.TEXT: ("values",),
    Type.WINDOWED_COUNT: ("days",),
}
"""What some types are told by name, beside what feeds them."""

FEEDS: Mapping[Operation, tuple[str, ...]] = {
    Operation.LATEST: ("event", "field", "where"),
    Operation.SET: ("event", "value", "where"),
    Operation.CLEAR: ("event", "where"),
    Operation.COUNT: ("event", "where"),
    Operation.SUM: ("event", "field", "where"),
    Operation.SUBTRACT: ("event", "field", "where"),
    Operation.FIRST_TIME: ("event", "where"),
    Operation.LAST_TIME: ("event", "where"),
    Operation.STATISTICS: ("event", "key", "sum", "name", "where"),
}
"""The arguments of each feed; the first, and `field` and `value`, may stand without a name."""

_STAND_IN = Feed(Operation.LATEST, "refused", "refused")
"""The feed of an attribute whose own were refused, so that rules can be checked against it."""

_ATTRIBUTE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_STATISTIC_NAME = re.compile(r"(?!first_|last_)[a-z][a-z0-9_]{0,31}")


def read_schema(path: Path) -> Schema:
    """The attributes that the file declares. Raises DeclarationRefused with every problem."""
    source = read(path, str(path))
    schema = declared(source)
    if source.problems:
        raise refusal(source.problems)
    return schema


def declared(source: Source) -> Schema:
    """The declared attributes; of use only if the source has no problems then."""
    module = parse(source)
    attributes: dict[str, Attribute] = {}
    for statement in module.body if module else []:
        attribute = _attribute(source, statement)
        if attribute is None:
            continue
        if attribute.name in attributes:
            source.refuse(statement, f"{attribute.name} is declared twice")
        attributes[attribute.name] = attribute
    _check_together(source, attributes)
    return Schema(attributes)


def _check_together(source: Source, attributes: Mapping[str, Attribute]) -> None:
    if not attributes and not source.problems:
        source.refuse(None, "declares no attribute", 'name = Date("...", latest(event, field))')
    if len(attributes) > MAX_ATTRIBUTES:
        source.refuse(None, f"declares more than {MAX_ATTRIBUTES} attributes")
    tags = dict(lifecycle.TAGS)
    for attribute in attributes.values():
        other = tags.setdefault(attribute.tag, attribute.name)
        if other != attribute.name:
            message = f"{attribute.name} and {other} have the same tag, so they cannot both exist"
            source.refuse(None, message, "rename the newer one")


def _attribute(source: Source, statement: ast.stmt) -> Attribute | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return None
        case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
            _check_name(source, target)
            found = word_call(source, value, TYPES)
            return _declared(source, name, *found) if found else None
        case _:
            hint = 'name = Date("what it is", latest(event, field))'
            source.refuse(statement, "a declaration is a list of assignments", hint)
            return None


def _check_name(source: Source, target: ast.Name) -> None:
    name = target.id
    if not _ATTRIBUTE_NAME.fullmatch(name):
        source.refuse(target, f'"{name}" is not a name for an attribute', "use a-z, 0-9 and _")
    elif len(name) > MAX_NAME:
        source.refuse(target, f"this name is longer than {MAX_NAME} characters")
    elif name in RESERVED_COLUMNS or keyword.iskeyword(name):
        source.refuse(target, f'"{name}" is reserved', "say more exactly what it is")


def _declared(source: Source, name: str, word: str, call: ast.Call) -> Attribute | None:
    kind = TYPES[word]
    doc_and_feeds = list(call.args)
    named = ast.copy_location(ast.Call(call.func, [], call.keywords), call)
    arguments = Arguments(source, named, OPTIONS.get(kind, ()))
    doc = text(source, doc_and_feeds.pop(0)) if doc_and_feeds else None
    if not call.args:
        source.refuse(call, f"{word}() needs a description", f'{word}("what it is", ...)')
    values = texts(source, arguments.optional("values")) or ()
    window = _window(arguments) if kind is Type.WINDOWED_COUNT else 0
    read_feeds = [_feed(source, node, kind, values) for node in doc_and_feeds]
    if call.args and not doc_and_feeds:
        source.refuse(call, f"nothing feeds {name}", "add latest(event, field) or another feed")
    feeds = tuple(feed for feed in read_feeds if feed is not None)
    if len(feeds) < max(1, len(read_feeds)):
        return Attribute(name, kind, doc or "", (_STAND_IN,), values, window)
    _check_mixture(source, doc_and_feeds, feeds)
    return Attribute(name, kind, doc or "", feeds, values, window)


def _window(arguments: Arguments) -> int:
    """How many days a windowed count looks back; one if that was refused."""
    hint = "how many days it looks back, today included: days=30"
    days = arguments.optional("days")
    if days is None:
        arguments.source.refuse(arguments.call, "WindowedCount() needs days", hint)
    return integer(arguments.source, days, 1, MAX_WINDOW, hint) or 1


def _check_mixture(source: Source, nodes: list[ast.expr], feeds: tuple[Feed, ...]) -> None:
    group = next((each for each in (REGISTER, ADDITIVE) if feeds[0].operation in each), frozenset())
    for index in range(1, len(feeds)):
        if feeds[0].operation is feeds[index].operation is Operation.STATISTICS:
            _check_names(source, nodes[index], feeds[: index + 1])
        elif feeds[index].operation not in group:
            message = f"{feeds[index].operation}() cannot stand beside {feeds[0].operation}()"
            hint = "latest, set and clear go together, and so do count, sum and subtract"
            source.refuse(nodes[index], message, hint)
        elif feeds[index] in feeds[:index]:
            source.refuse(nodes[index], "the same feed is there twice")


def _check_names(source: Source, node: ast.expr, feeds: tuple[Feed, ...]) -> None:
    """Statistics of one attribute are told apart by their names; the last one is looked at."""
    *others, last = (feed.name for feed in feeds)
    if last is None or None in others:
        message = "statistics() beside statistics() needs a name, each its own"
        source.refuse(node, message, 'name="seen", name="clicked"')
    elif last in others:
        source.refuse(node, f'there is a statistic "{last}" already', "give it another name")


def _feed(source: Source, node: ast.expr, kind: Type, values: tuple[str, ...]) -> Feed | None:
    found = word_call(source, node, tuple(FEEDS))
    if found is None:
        return None
    word, call = found
    operation = Operation(word)
    before = len(source.problems)
    if kind not in ALLOWED_TYPES[operation]:
        allowed = [name for name, each in TYPES.items() if each in ALLOWED_TYPES[operation]]
        fitting = [each.value for each in FEEDS if kind in ALLOWED_TYPES[each]]
        hint = f"{word} feeds {', '.join(allowed)}; this type takes {', '.join(fitting)}"
        source.refuse(call, f"{word}() cannot feed an attribute of type {kind}", hint)
    names = FEEDS[operation]
    positional = 2 if names[1] in ("field", "value") else 1
    feed = _read_feed(Arguments(source, call, names, positional), operation, kind, values)
    return feed if len(source.problems) == before else None


def _read_feed(
    arguments: Arguments, operation: Operation, kind: Type, values: tuple[str, ...]
) -> Feed:
    source, names = arguments.source, FEEDS[operation]
    event = event_words.event_type(source, arguments.required("event"))
    if event == lifecycle.ERASED:
        source.refuse(arguments.call, f"{event} feeds nothing: it takes the profile away")
    key = field = value = name = None
    if "key" in names:
        key = event_words.member(source, arguments.required("key"))
        field = event_words.member(source, arguments.optional("sum"))
        name = _statistic_name(arguments)
    if "field" in names:
        field = event_words.member(source, arguments.required("field"))
    if "value" in names:
        value = _constant(source, arguments.required("value"), kind, values)
    where = event_words.where(source, arguments.optional("where"))
    return Feed(operation, event or "", field, where, key, value, name)


def _statistic_name(arguments: Arguments) -> str | None:
    """The name of a statistic, from which come the words `NAME`, `first_NAME` and `last_NAME`."""
    source, node = arguments.source, arguments.optional("name")
    name = event_words.matching(source, node, _STATISTIC_NAME, "the name of a statistic")
    if name is not None and arguments.optional("sum") is not None:
        source.refuse(node, "a statistic with a name sums nothing", "leave out name, or sum")
    return name


def _constant(
    source: Source, node: ast.expr | None, kind: Type, values: tuple[str, ...]
) -> Scalar | None:
    value = literal(source, node)
    wanted = {Type.INTEGER: int, Type.BOOLEAN: bool, Type.TEXT: str}.get(kind)
    if value is None or wanted is None:
        return None
    if type(value) is not wanted:
        source.refuse(node, f"this cannot be a value of type {kind}")
    elif isinstance(value, str) and values and value not in values:
        source.refuse(node, f'"{value}" is none of the values', suggest(value, values, "they are "))
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        source.refuse(node, "this number has more than 64 bits")
    elif isinstance(value, str | int):
        return value
    return None
