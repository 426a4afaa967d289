"""Whether every reading of a rule can be written: of one that cannot, a night would fail for all.

The columnar reading is one query of all rules, and it is only written where rules are evaluated.
So a check writes it, and the deadlines, of each rule alone, and says of which it is not possible.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path

from quadrupel.rules.columnar import column_name
from quadrupel.rules.columnar_crossing import CrossingDeadlines
from quadrupel.rules.columnar_seasons import SeasonDeadlines
from quadrupel.rules.columnar_text import ColumnWriter, Tables
from quadrupel.rules.problems import Problem
from quadrupel.rules.rule import Rule
from quadrupel.rules.source import read
from quadrupel.rules.tree import Node, children

_ANY_DAY = date(2000, 1, 1).toordinal()


def unwritable(rules: Iterable[Rule]) -> Iterator[Problem]:
    """What is wrong with those of the rules that have a reading which cannot be written."""
    tables = Tables()
    for rule in rules:
        tree = rule.predicate.tree
        error = _failure(_write, tree, tables) or _failure(_write_deadlines, tree, tables)
        if error is not None:
            yield _problem(rule, _culprit(tree, tables), error)


def _write(node: Node, tables: Tables) -> None:
    for ordinary in (True, False):
        ColumnWriter(_ANY_DAY, tables, column_name, ordinary=ordinary).write(node)


def _write_deadlines(node: Node, tables: Tables) -> None:
    CrossingDeadlines({"": node}, tables)
    SeasonDeadlines({"": node}, tables)


def _failure(write: Callable[[Node, Tables], None], node: Node, tables: Tables) -> str | None:
    try:
        write(node, tables)
    except Exception as error:  # noqa: BLE001 - whatever it is, it would fail every other rule
        return str(error) or type(error).__name__
    return None


def _culprit(node: Node, tables: Tables) -> Node:
    """The smallest part that cannot be written, else the whole."""
    for child in children(node):
        if _failure(_write, child, tables) is not None:
            return _culprit(child, tables)
    return node


def _problem(rule: Rule, node: Node, error: str) -> Problem:
    message = f"cannot be read by columns: {error}"
    source, place = read(Path(rule.path), rule.path), node.place
    if source.problems or place is None:
        return Problem(rule.path, 0, 0, message)
    width = place.end_column - place.column if place.end_line == place.line else 1
    source.refuse_at(place.line, place.column, message, width=width)
    return source.problems[0]
