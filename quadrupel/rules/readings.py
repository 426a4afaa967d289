"""Whether every reading of a rule can be had: one that cannot would err for all users of a run.

The columnar reading is one query of all rules, and it is only asked where rules are evaluated. So a
check asks it, and the deadlines, of each rule alone, for two users of whom nothing is known, and
says of which it is not possible.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from pathlib import Path

import polars as pl

from quadrupel.core.profiles import Profile
from quadrupel.rules.columnar import UNFORESEEN, bare, column_name, columns, frame_of
from quadrupel.rules.columnar_crossing import CrossingDeadlines
from quadrupel.rules.columnar_parts import Part
from quadrupel.rules.columnar_seasons import SeasonDeadlines
from quadrupel.rules.columnar_text import ColumnWriter, Tables
from quadrupel.rules.problems import Problem
from quadrupel.rules.rule import Rule
from quadrupel.rules.settled import Settled
from quadrupel.rules.source import read
from quadrupel.rules.tree import Node, children

_USERS = [Profile("one"), Profile("other")]
"""More than one: what is the same for all users is no column, and must not stand for one."""

MAX_READS = 2_000
"""How often a reading may name columns: the shipped rules do up to 34 times."""

Days = Collection[date]


def unwritable(rules: Iterable[Rule]) -> Iterator[Problem]:
    """What is wrong with those of the rules that have a reading which cannot be had.

    They are read on the days of their examples.
    """
    tables = Tables()
    for rule in rules:
        tree = rule.predicate.tree
        days = sorted({example.today for example in rule.examples})
        error = _failure(_verdicts, tree, days, tables) or _failure(_deadlines, tree, days, tables)
        if error is not None:
            yield _problem(rule, _culprit(tree, days, tables), error)


def _verdicts(node: Node, days: Days, tables: Tables) -> None:
    needed = columns([node])
    users = frame_of(_USERS, needed).with_columns([bare(column) for column in needed])
    for today in days:
        for ordinary in (True, False):
            writer = ColumnWriter(today.toordinal(), tables, column_name, ordinary=ordinary)
            part = writer.write(node)
            _check_size(part)
            users.select(pl.len(), value=part.value, error=part.error)


def _check_size(part: Part) -> None:
    expressions = [each for each in (part.value, part.error) if each is not None]
    reads = sum(len(each.meta.root_names()) for each in expressions)
    if reads > MAX_READS:
        message = f"its inputs would be read {reads:,} times, at most {MAX_READS:,}: split the rule"
        raise ValueError(message)


def _deadlines(node: Node, days: Days, tables: Tables) -> None:
    users = frame_of(_USERS, columns([node]))
    readings = [each({"": node}, tables) for each in (CrossingDeadlines, SeasonDeadlines, Settled)]
    for today in days:
        for reading in readings:
            reading.of(users, today, [""])


def _failure(
    ask: Callable[[Node, Days, Tables], None], node: Node, days: Days, tables: Tables
) -> str | None:
    try:
        ask(node, days, tables)
    except UNFORESEEN as error:
        return str(error) or type(error).__name__
    return None


def _culprit(node: Node, days: Days, tables: Tables) -> Node:
    """The smallest part that cannot be read, else the whole."""
    for child in children(node):
        if _failure(_verdicts, child, days, tables) is not None:
            return _culprit(child, days, tables)
    return node


def _problem(rule: Rule, node: Node, error: str) -> Problem:
    message = f"cannot be read by columns: {error}"
    source, place = read(Path(rule.path), rule.path), node.place
    if source.problems or place is None:
        return Problem(rule.path, 0, 0, message)
    width = place.end_column - place.column if place.end_line == place.line else 1
    source.refuse_at(place.line, place.column, message, width=width)
    return source.problems[0]
