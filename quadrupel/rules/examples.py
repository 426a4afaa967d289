"""The examples of a rule: `match(today="2026-11-23", driving_licence_expires="2026-12-20")`.

Values are written as an event would bring them: days and times as texts, numbers, True and False.
Keyed statistics are mappings: {"passport": {"count": 2, "last": "2026-01-01T00:00:00Z"}}. Windowed
counts are lists of the days of their events: ["2026-11-01", "2026-11-20", "2026-11-20"].
"""

import ast
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from quadrupel.core.attributes import Attribute, Schema, Type, named_key
from quadrupel.core.errors import EventRefused
from quadrupel.core.fields import to_decimal, to_key, to_value
from quadrupel.core.values import Statistic, Value
from quadrupel.core.verdicts import Verdict
from quadrupel.core.windows import DayCounts
from quadrupel.rules.literals import Arguments, day, integer, literal, mapping, word_call
from quadrupel.rules.problems import suggest
from quadrupel.rules.rule import Example
from quadrupel.rules.source import Source
from quadrupel.rules.statistics import words_of
from quadrupel.rules.tree import Field

WORDS: Mapping[str, Verdict] = {
    "match": Verdict.MATCH,
    "no_match": Verdict.NO_MATCH,
    "unknown": Verdict.UNKNOWN,
}
MAX_EXAMPLES = 100


def read_examples(source: Source, node: ast.expr, schema: Schema) -> tuple[Example, ...]:
    """The examples that are written rightly; the source says what is wrong with the others."""
    if not isinstance(node, ast.List):
        hint = "examples = [match(today=...), no_match(today=...)]"
        source.refuse(node, "the examples are a list", hint)
        return ()
    if len(node.elts) > MAX_EXAMPLES:
        source.refuse(node, f"more than {MAX_EXAMPLES} examples")
        return ()
    examples: list[Example] = []
    for element in node.elts:
        example = _example(source, element, schema)
        if example is None:
            continue
        if any((example.today, example.values) == (each.today, each.values) for each in examples):
            source.refuse(element, "the same example is there before")
        examples.append(example)
    return tuple(examples)


def _example(source: Source, node: ast.expr, schema: Schema) -> Example | None:
    found = word_call(source, node, tuple(WORDS))
    if found is None:
        return None
    word, call = found
    before = len(source.problems)
    arguments = Arguments(source, call, ("today", *schema.attributes))
    today = day(source, arguments.required("today"))
    values: dict[str, Value] = {}
    for name, given in arguments.given.items():
        if name != "today":
            value = _value(source, given, schema[name], today)
            if value is not None:
                values[name] = value
    if today is None or len(source.problems) > before:
        return None
    return Example(WORDS[word], today, values, call.lineno)


def _value(
    source: Source, node: ast.expr, attribute: Attribute, today: dt.date | None
) -> Value | None:
    if isinstance(node, ast.Constant) and node.value is None:
        source.refuse(node, "a missing value is left out of the example")
        return None
    try:
        if attribute.type is Type.STATISTICS:
            return _statistics(source, node, attribute, today)
        if attribute.type is Type.WINDOWED_COUNT:
            return _counts(source, node)
        raw = literal(source, node)
        return None if raw is None else to_value(attribute, "the value", raw)
    except EventRefused as refused:
        hint = ""
        if attribute.values and isinstance(node, ast.Constant):
            hint = suggest(str(node.value), attribute.values)
        source.refuse(node, refused.detail, hint)
        return None


def _statistics(
    source: Source, node: ast.expr, attribute: Attribute, today: dt.date | None
) -> Mapping[str, Statistic]:
    """By key, the statistics of which something is said; without names the only one, always."""
    statistics: dict[str, Statistic] = {}
    words = words_of(attribute)
    for key, fields in mapping(source, node).items():
        to_key(attribute, "the key", key)
        members = mapping(source, fields)
        for word in members.keys() - words:
            hint = suggest(word, words, "it has ")
            source.refuse(members[word], f'a statistic has no "{word}"', hint)
        for name in attribute.names or (None,):
            of_name = {
                asked.field: members[word]
                for word, asked in words.items()
                if asked.name == name and word in members
            }
            if name is None or of_name:
                found = _statistic(source, of_name, attribute, today)
                statistics[named_key(key, name)] = found
    return statistics


def _statistic(
    source: Source, members: Mapping[Field, ast.expr], attribute: Attribute, today: dt.date | None
) -> Statistic:
    """The count (1 if left out), sum (0), last time (the day of the example) and first (last)."""
    midnight = dt.datetime.combine(today or dt.date.min, dt.time(), dt.UTC)
    last = _time(source, members.get("last"), attribute) or midnight
    first = _time(source, members.get("first"), attribute) or last
    total = literal(source, members.get("sum"))
    return Statistic(
        count=integer(source, members.get("count"), 1, 2**31) or 1,
        sum=Decimal(0) if total is None else to_decimal(attribute, "sum", total),
        first=first,
        last=last,
    )


def _counts(source: Source, node: ast.expr) -> DayCounts | None:
    """The days of events, a day as often as there were events on it."""
    if not isinstance(node, ast.List) or not node.elts:
        hint = 'for example ["2026-11-01", "2026-11-20"]; without events it is left out'
        source.refuse(node, "a windowed count is a list of the days of its events", hint)
        return None
    days = [day(source, element) for element in node.elts]
    return tuple(sorted(Counter(each.toordinal() for each in days if each is not None).items()))


def _time(source: Source, node: ast.expr | None, attribute: Attribute) -> dt.datetime | None:
    raw = literal(source, node)
    if raw is None:
        return None
    moment = Attribute(attribute.name, Type.DATETIME, "", attribute.feeds)
    value = to_value(moment, "the time", raw)
    return value if isinstance(value, dt.datetime) else None
