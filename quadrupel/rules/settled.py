"""Which verdicts are settled: whatever day comes, they stay as they are while the profile does.

Told of many profiles at once, by columns, from the answers of today alone: what rises with the days
and has passed something stays beyond it, and an `and` of which a part stays false stays false. A
verdict of which that is not said may be settled all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from operator import and_, or_
from typing import NamedTuple

import polars as pl

from quadrupel.rules.columnar import OrdinaryInputs, column_name, columns
from quadrupel.rules.columnar_text import ColumnWriter, Tables
from quadrupel.rules.motion import depends, may_fail, moves_apart, moves_for_ever
from quadrupel.rules.tree import And, Compare, If, IsKnown, Kind, Node, Not, Or, children

MAX_LEVELS = 8
"""Of a predicate with more conditions in each other nothing is told: each one doubles the query."""

_NEVER = pl.lit(value=False)


class Settled:
    """Tells of some predicates, by name, which of their verdicts are settled.

    A frame must have their inputs as columns. Calendar functions are looked up in `tables`.
    Remembers what it prepared for the last day.
    """

    def __init__(self, trees: Mapping[str, Node], tables: Tables) -> None:
        self._tables = tables
        self._trees = {
            name: tree
            for name, tree in trees.items()
            if columns([tree]) and not may_fail(tree) and _levels(tree) <= MAX_LEVELS
        }
        self._inputs = OrdinaryInputs(self._trees)
        self._today = date.min
        self._prepared: dict[str, _Question] = {}

    def of(self, frame: pl.DataFrame, today: date, names: Iterable[str]) -> pl.DataFrame:
        """Whether the verdict of each user is the same on all days from today on.

        A column for each of the predicates, without those of which nothing can be told.
        """
        values, told = self._inputs.of(frame, names)
        if not told:
            return pl.DataFrame()
        questions = [self._question(name, today) for name in told]
        answers = [answer for each in questions for answer in each.answers]
        settled = [each.settled.alias(name) for name, each in zip(told, questions, strict=True)]
        answered = values.lazy().with_columns(answers).with_columns(settled)
        return answered.select(told).collect()

    def _question(self, name: str, today: date) -> "_Question":
        if today != self._today:
            self._today = today
            self._prepared.clear()
        if name not in self._prepared:
            writer = ColumnWriter(today.toordinal(), self._tables, column_name, ordinary=True)
            fates = _Fates(writer, name)
            told = fates.of(self._trees[name])
            settled = told.true | told.false | told.unknown
            self._prepared[name] = _Question(fates.answers, settled)
        return self._prepared[name]


class _Question(NamedTuple):
    """What conditions answer today, as named columns, and what says by these who is settled."""

    answers: Sequence[pl.Expr]
    settled: pl.Expr


@dataclass(frozen=True, slots=True)
class _Fate:
    """Where a condition is true, false or unknown on all days from today on: never null."""

    true: pl.Expr = _NEVER
    false: pl.Expr = _NEVER
    unknown: pl.Expr = _NEVER


class _Fates:
    """Says the fates of conditions by what they answer today, which is in columns `answers`.

    They are named after the predicate `of_name`.
    """

    def __init__(self, writer: ColumnWriter, of_name: str) -> None:
        self._writer = writer
        self._name = of_name
        self.answers: list[pl.Expr] = []

    def of(self, node: Node) -> _Fate:
        """The fate of a condition that cannot fail."""
        if not depends(node):
            return _still(self._answer(node))
        match node:
            case And() | Or():
                return _junction(map(self.of, node.parts), is_or=isinstance(node, Or))
            case Not():
                fate = self.of(node.operand)
                return _Fate(fate.false, fate.true, fate.unknown)
            case If():
                return _choice(*(self.of(each) for each in children(node)))
            case IsKnown() if node.operand.kind is Kind.BOOLEAN:
                fate = self.of(node.operand)
                return _Fate(fate.true | fate.false, fate.unknown)
            case IsKnown() if moves_for_ever(node.operand):
                return _still(self._answer(node))  # it is missing where an input is
            case Compare():
                return self._comparison(node)
            case _:
                return _Fate()

    def _comparison(self, node: Compare) -> _Fate:
        if not (moves_for_ever(node.left) and moves_for_ever(node.right)):
            return _Fate()
        answer = self._answer(node)
        moves = moves_apart(node)
        unknown = answer.is_null()  # an input is missing, and stays so
        if moves is None:
            return _Fate(unknown=unknown)
        if moves == 0:
            return _still(answer)
        if node.operator in ("==", "!="):
            passed = self._answer(Compare(">" if moves > 0 else "<", node.left, node.right))
            is_over = passed.fill_null(value=False)
            over = (_NEVER, is_over) if node.operator == "==" else (is_over, _NEVER)
            return _Fate(*over, unknown)
        stays_true = (node.operator in (">", ">=")) is (moves > 0)
        still = _still(answer)
        return replace(still, false=_NEVER) if stays_true else replace(still, true=_NEVER)

    def _answer(self, node: Node) -> pl.Expr:
        """What a condition answers today; null is unknown."""
        name = f"answer {len(self.answers)} of {self._name}"
        self.answers.append(self._writer.write(node).value.alias(name))
        return pl.col(name)


def _levels(node: Node) -> int:
    """How many conditions of conditions that can turn are in each other."""
    if not isinstance(node, And | Or | Not | If | IsKnown) or not depends(node):
        return 0
    return 1 + max(map(_levels, children(node)))


def _still(answer: pl.Expr) -> _Fate:
    """The fate of a condition that stays what it is."""
    false = answer.not_().fill_null(value=False)
    return _Fate(answer.fill_null(value=False), false, answer.is_null())


def _junction(parts: Iterable[_Fate], *, is_or: bool) -> _Fate:
    """The fate of an `and`, or of an `or`, of parts of these fates."""
    fates = list(parts)
    deciding = [fate.true if is_or else fate.false for fate in fates]
    other = [fate.false if is_or else fate.true for fate in fates]
    decided, others = reduce(or_, deciding), reduce(and_, other)
    undecided = [each | fate.unknown for each, fate in zip(other, fates, strict=True)]
    unknown = reduce(and_, undecided) & reduce(or_, [fate.unknown for fate in fates])
    return _Fate(decided, others, unknown) if is_or else _Fate(others, decided, unknown)


def _choice(asked: _Fate, then: _Fate, otherwise: _Fate) -> _Fate:
    """The fate of an `if`: while both branches say the same, it does not matter which is taken."""

    def says(one: pl.Expr, other: pl.Expr) -> pl.Expr:
        return (asked.true & one) | (asked.false & other) | (one & other)

    return _Fate(
        says(then.true, otherwise.true),
        says(then.false, otherwise.false),
        says(then.unknown, otherwise.unknown),
    )
