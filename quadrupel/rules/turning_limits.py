"""Until when the parts of a condition stay as they are, or go on moving as they do."""

from collections.abc import Callable
from typing import Any

from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.moments import FOREVER, Moment, day_after, next_other
from quadrupel.rules.motion import depends, moves_of
from quadrupel.rules.tree import Call, If, Kind, Node, Today, children
from quadrupel.rules.turning_inputs import Inputs, Leaves, Pick

Turning = Callable[[Leaves, int], Moment]
"""What a condition answers on a day; raises ArithmeticError where it has no answer."""

Limit = Callable[[Leaves, int], int]
"""The day before which a part goes on moving as it does."""


def held(value: Callable[..., Any], pick: Pick, stays: Limit | None) -> Turning:
    """The turning of a value that stays so until a limit; None for ever."""
    if stays is None:
        return lambda leaves, today: Moment(value(today, *pick(leaves)), FOREVER)
    return lambda leaves, today: Moment(value(today, *pick(leaves)), stays(leaves, today))


class Limits:
    """Finds limits of parts; `turning_of` makes the turnings of conditions inside them."""

    def __init__(self, inputs: Inputs, turning_of: Callable[[Node], Turning]) -> None:
        self._inputs = inputs
        self._turning_of = turning_of

    def of(self, node: Node) -> Limit | None:
        """Until when the part moves as `moves_of` says; None when it always does."""
        if not depends(node):
            return None
        if node.kind is Kind.BOOLEAN:
            condition = self._turning_of(node)
            return lambda leaves, today: condition(leaves, today).until
        if isinstance(node, If):
            return self._limit_of_choice(node)
        below = [self.of(child) for child in children(node)]
        limits = [limit for limit in below if limit is not None]
        if isinstance(node, Call) and node.function == "anniversary":
            value, pick = self._inputs.value(node), self._inputs.pick(node)
            limits.append(lambda leaves, today: day_after(value(today, *pick(leaves))))
        if not limits:
            return None
        return lambda leaves, today: min(limit(leaves, today) for limit in limits)

    def _limit_of_choice(self, node: If) -> Limit:
        condition = self._turning_of(node.condition)
        then, otherwise = self.of(node.then), self.of(node.otherwise)
        branches_move = depends(node.then) or depends(node.otherwise)

        def limit(leaves: Leaves, today: int) -> int:
            asked, until = condition(leaves, today)
            if asked is None and branches_move:  # they may be equal on some days
                return today + 1
            if asked is not False and then is not None:
                until = min(until, then(leaves, today))
            if asked is not True and otherwise is not None:
                until = min(until, otherwise(leaves, today))
            return until

        return limit

    def operands_stay(self, node: Node) -> Limit | None:
        """Until when all operands of a part have the values they have; None for ever."""
        found = [self._stays(child) for child in children(node)]
        limits = [limit for limit in found if limit is not None]
        if isinstance(node, Call) and FUNCTIONS[node.function].of_today:
            limits.append(lambda _, today: today + 1)
        if not limits:
            return None
        return lambda leaves, today: min(limit(leaves, today) for limit in limits)

    def _stays(self, node: Node) -> Limit | None:
        """Until when the part has the value it has; None for ever."""
        if isinstance(node, Today):
            return lambda _, today: today + 1
        moves = moves_of(node)
        if moves == 0:
            return self.of(node)
        if moves and not isinstance(node, If):
            return self.until_another(node, self.of(node))
        return self.operands_stay(node)

    def until_another(self, node: Node, limit: Limit | None) -> Limit:
        """Until when what moves one way until a limit has the value it has, and does not fail."""
        value, pick = self._inputs.value(node), self._inputs.pick(node)

        def stays(leaves: Leaves, today: int) -> int:
            end = limit(leaves, today) if limit else FOREVER
            return next_other(value, pick(leaves), today, end)

        return stays
