"""When the parts of a predicate turn: what the deadline reading is made of.

Every condition becomes a function of the inputs and a day that gives its answer on that day, and a
day before which the answer stays. Answers are computed by the text that the row reading runs; which
way a part moves as days pass follows from FUNCTIONS. Here conditions are put together; comparisons
are in `turning_comparisons`, how long parts stay or move in `turning_limits`.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from quadrupel.rules.moments import FOREVER, Moment, known, opposite
from quadrupel.rules.motion import depends, may_fail, moves_of
from quadrupel.rules.tree import And, Compare, If, IsKnown, Kind, Node, Not, Or, children
from quadrupel.rules.turning_comparisons import Comparisons
from quadrupel.rules.turning_inputs import Inputs, Leaves
from quadrupel.rules.turning_limits import Limits, Turning, held


class Turnings:
    """Makes turnings of conditions that share their inputs."""

    def __init__(self) -> None:
        self._inputs = Inputs()
        self._limits = Limits(self._inputs, self.of)
        self._comparisons = Comparisons(self._inputs, self._limits)

    def loader(self) -> Callable[[Any], Leaves]:
        """The function that finds the inputs of all turnings made so far in a profile's values."""
        return self._inputs.loader()

    def are_ordinary(self, leaves: Leaves) -> bool:
        """Whether all days among the inputs are so far from the calendar's ends that none ends."""
        return self._inputs.are_ordinary(leaves)

    def of(self, node: Node) -> Turning:
        """The turning of a condition."""
        match node:
            case And() | Or():
                return self._junction(node)
            case Not():
                operand = self.of(node.operand)
                return lambda leaves, today: opposite(operand(leaves, today))
            case If():
                return self._if(node)
            case IsKnown() if node.operand.kind is Kind.BOOLEAN:
                condition = self.of(node.operand)
                return lambda leaves, today: known(condition(leaves, today))
            case _ if self._inputs.names(node):
                return self._atom(node)
            case _:
                turning = lru_cache(maxsize=100)(partial(self._atom(node), ()))
                return lambda _, today: turning(today)

    def _junction(self, node: And | Or) -> Turning:
        """A part that decides keeps deciding while no part before it comes to an error."""
        stop = isinstance(node, Or)
        parts = [(self.of(part), may_fail(part)) for part in node.parts]

        def turning(leaves: Leaves, today: int) -> Moment:
            decided, soonest, unfailing, unknown = 0, FOREVER, FOREVER, False
            for part, can_fail in parts:
                try:
                    answer, until = part(leaves, today)
                except ArithmeticError:
                    if not decided:
                        raise
                    break
                if answer is stop:
                    decided = max(decided, min(until, unfailing))
                    if decided >= FOREVER:
                        break
                soonest = min(soonest, until)
                unknown = unknown or answer is None
                if can_fail:
                    unfailing = min(unfailing, until)
            if decided:
                return Moment(stop, decided)
            return Moment(None if unknown else not stop, soonest)

        return turning

    def _if(self, node: If) -> Turning:
        condition, then, otherwise = (self.of(each) for each in children(node))
        can_fail = may_fail(node.condition)

        def turning(leaves: Leaves, today: int) -> Moment:
            asked, until = condition(leaves, today)
            taken, other = (otherwise, then) if asked is False else (then, otherwise)
            answer, holds = taken(leaves, today)
            if asked is None:
                beside, holds_too = other(leaves, today)
                stays = min(holds, holds_too)
                if beside is not answer:
                    return Moment(None, min(until, stays))
                return Moment(answer, min(until, stays) if can_fail else stays)
            if holds <= until or can_fail:
                return Moment(answer, min(until, holds))
            try:
                beside, holds_too = other(leaves, today)
            except ArithmeticError:
                return Moment(answer, until)
            # While both say the same it does not matter which of them is taken.
            agree = min(holds, holds_too) if beside is answer else until
            return Moment(answer, max(agree, until))

        return turning

    def _atom(self, node: Node) -> Turning:
        if isinstance(node, Compare) and depends(node):
            return self._comparisons.of(node)
        value, pick = self._inputs.value(node), self._inputs.pick(node)
        if not depends(node):
            return lambda leaves, today: Moment(value(today, *pick(leaves)), FOREVER)
        operand = children(node)[0]
        if not isinstance(node, IsKnown) or moves_of(operand) is None:
            return held(value, pick, self._limits.operands_stay(node))
        if not may_fail(operand):
            return held(value, pick, self._limits.of(operand))
        return held(value, pick, self._limits.until_another(node, self._limits.of(operand)))
