"""Which verdicts are settled: whatever day comes, they stay as they are while the profile does.

Told of many profiles at once, by columns, from the answers of today alone: what rises with the days
and has passed something stays beyond it, and an `and` of which a part stays false stays false. A
verdict of which that is not said may be settled all the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from operator import and_, or_

import polars as pl

from quadrupel.rules.columnar import Span, bare, column_name, columns
from quadrupel.rules.columnar_text import ColumnWriter, Tables
from quadrupel.rules.motion import depends, may_fail, moves_apart, moves_for_ever
from quadrupel.rules.tree import And, Compare, If, IsKnown, Kind, Node, Not, Or, children

_NEVER = pl.lit(value=False)
_SETTLED = "is settled"


class Settled:
    """Tells of one predicate which verdicts are settled; a frame must have its inputs as columns.

    Calendar functions are looked up in `tables`. Remembers what it prepared for the last day.
    """

    def __init__(self, tree: Node, tables: Tables) -> None:
        self._tree = tree
        self._tables = tables
        needed = columns([tree])
        self._bare = [bare(column) for column in needed]
        self._span = Span(needed)
        self._can_tell = bool(needed) and not may_fail(tree)
        self._prepared: tuple[date, list[pl.Expr], pl.Expr] = (date.min, [], _NEVER)

    def of(self, frame: pl.DataFrame, today: date) -> pl.Series:
        """Whether the verdict of each user is the same on all days from today on."""
        if self._can_tell:
            values = frame.select(self._bare)
            if self._span.is_ordinary(values):
                answers, settled = self._prepare(today)
                told = values.lazy().with_columns(answers).with_columns(settled.alias(_SETTLED))
                return told.select(_SETTLED).collect().to_series()
        return pl.repeat(value=False, n=frame.height, dtype=pl.Boolean, eager=True)

    def _prepare(self, today: date) -> tuple[list[pl.Expr], pl.Expr]:
        """What conditions answer today, as named columns, and what says by these who is settled."""
        if self._prepared[0] != today:
            writer = ColumnWriter(today.toordinal(), self._tables, column_name, ordinary=True)
            fates = _Fates(writer)
            told = fates.of(self._tree)
            self._prepared = (today, fates.answers, told.true | told.false | told.unknown)
        return self._prepared[1:]


@dataclass(frozen=True, slots=True)
class _Fate:
    """Where a condition is true, false or unknown on all days from today on: never null."""

    true: pl.Expr = _NEVER
    false: pl.Expr = _NEVER
    unknown: pl.Expr = _NEVER


class _Fates:
    """Says the fates of conditions by what they answer today, which is in columns `answers`."""

    def __init__(self, writer: ColumnWriter) -> None:
        self._writer = writer
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
        name = f"answer {len(self.answers)}"
        self.answers.append(self._writer.write(node).value.alias(name))
        return pl.col(name)


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
