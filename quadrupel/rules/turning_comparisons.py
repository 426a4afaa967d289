"""When comparisons turn: with something in them that moves as days pass."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from quadrupel.rules.moments import FIRST, FOREVER, LAST, Moment, first_day, next_other
from quadrupel.rules.motion import may_fail, moves_apart, moves_of
from quadrupel.rules.operations import OPERATORS
from quadrupel.rules.tree import TURNED, Compare, Comparison, Kind, Today, children
from quadrupel.rules.turning_inputs import Inputs, Leaves, Pick
from quadrupel.rules.turning_limits import Limit, Limits, Turning, held

MAX_REMEMBERED = 5_000

CLOSE = 4
"""How many days a month, or a year, is longer than another, and one more."""


class Comparisons:
    """Makes the turnings of comparisons."""

    def __init__(self, inputs: Inputs, limits: Limits) -> None:
        self._inputs = inputs
        self._limits = limits

    def of(self, node: Compare) -> Turning:
        """The turning of a comparison that depends on the day."""
        moves = moves_apart(node)
        if moves is not None and moves < 0:
            node = Compare(TURNED[node.operator], node.right, node.left)
        value, pick = self._inputs.value(node), self._inputs.pick(node)
        if moves is None:
            return held(value, pick, self._limits.operands_stay(node))
        limits = [each for each in map(self._limits.of, children(node)) if each is not None]
        if isinstance(node.left, Today) and moves_of(node.right) == 0:
            return self._reaching(node, pick, limits)
        if moves and not limits:
            return self._crossing(node, value, pick)

        # Equality comes and goes; that left reaches right and that it passes it each come once.
        orders: tuple[Comparison, ...] = (">=", ">")
        if node.operator not in ("==", "!="):
            orders = (node.operator,)
        names = self._inputs.names(node)
        once = [self._inputs.value(Compare(each, node.left, node.right), names) for each in orders]
        can_fail = may_fail(node)

        def turning(leaves: Leaves, today: int) -> Moment:
            inputs = pick(leaves)
            now = value(today, *inputs)
            until = min((limit(leaves, today) for limit in limits), default=FOREVER)
            if moves and (now is not None or can_fail):
                for each in once:
                    until = next_other(each, inputs, today, until)
            return Moment(now, until)

        return turning

    def _reaching(self, node: Compare, pick: Pick, limits: Sequence[Limit]) -> Turning:
        """Today against what stays, perhaps until a limit: when it is reached and passed."""
        other, holds = self._inputs.value(node.right), OPERATORS[node.operator]
        operator = node.operator
        steps = (0, 1) if operator in ("==", "!=") else (0,) if operator in (">=", "<") else (1,)

        def turning(leaves: Leaves, today: int) -> Moment:
            reached = other(today, *pick(leaves))
            until = min(limit(leaves, today) for limit in limits) if limits else FOREVER
            if reached is None:
                return Moment(None, until)
            for step in steps:
                if today < reached + step < until:
                    return Moment(holds(today, reached), reached + step)
            return Moment(holds(today, reached), until)

        return turning

    def _crossing(
        self,
        node: Compare,
        value: Callable[..., Any],
        pick: Pick,
    ) -> Turning:
        """Left minus right grows for ever: days on which it reaches and passes 0 say everything."""
        crossing = self._days_of_crossing(node)
        operator = node.operator

        def turning(leaves: Leaves, today: int) -> Moment:
            inputs = pick(leaves)
            try:
                crossed = crossing(*inputs)
            except ArithmeticError:
                return Moment(value(today, *inputs), today + 1)
            if crossed is None:
                return Moment(None, FOREVER)
            reaches, passes = crossed
            if operator in ("==", "!="):
                is_equal = reaches <= today < passes
                ahead = (day for day in (reaches, passes) if day > today)
                return Moment(is_equal is (operator == "=="), next(ahead, FOREVER))
            turns = reaches if operator in (">=", "<") else passes
            is_above = today >= turns
            until = FOREVER if is_above else turns
            return Moment(is_above is (operator in (">=", ">")), until)

        return turning

    def _days_of_crossing(self, node: Compare) -> Callable[..., tuple[int, int] | None]:
        """The days on which left reaches and passes right; None when one of them is unknown."""
        names = self._inputs.names(node)
        reaches = self._inputs.value(Compare(">=", node.left, node.right), names)
        passes = self._inputs.value(Compare(">", node.left, node.right), names)
        begin = self._day_before_reaching(node)

        @lru_cache(maxsize=MAX_REMEMBERED)
        def crossing(*inputs: Any) -> tuple[int, int] | None:
            ends = [reaches(day, *inputs) for day in (FIRST, LAST)]  # each of them can fail
            if None in ends:
                return None
            low = begin(*inputs)
            if reaches(low, *inputs):
                low = FIRST
            reached = first_day(lambda day: bool(reaches(day, *inputs)), low, FOREVER)
            return reached, first_day(lambda day: bool(passes(day, *inputs)), reached, FOREVER)

        return crossing

    def _day_before_reaching(self, node: Compare) -> Callable[..., int]:
        """A day from which it is not far until left reaches right, if days move as days do."""
        if node.left.kind is not Kind.DATE:
            return lambda *_: FIRST
        names = self._inputs.names(node)
        left, right = self._inputs.value(node.left, names), self._inputs.value(node.right, names)

        def begin(*inputs: Any) -> int:
            apart: int = right(FIRST, *inputs) - left(FIRST, *inputs)
            return min(max(FIRST, FIRST + apart - CLOSE), LAST)

        return begin
