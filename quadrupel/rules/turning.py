"""When the parts of a predicate turn: what the deadline reading is made of.

Every condition becomes a function of the inputs and a day that gives its answer on that day, and a
day before which the answer stays. Answers are computed by the text that the row reading runs; which
way a part moves as days pass follows from FUNCTIONS.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, cast

from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.moments import (
    FIRST,
    FOREVER,
    LAST,
    Moment,
    day_after,
    first_day,
    known,
    next_other,
    opposite,
)
from quadrupel.rules.motion import depends, may_fail, moves_apart, moves_of
from quadrupel.rules.operations import OPERATORS
from quadrupel.rules.python_text import Leaf, Scope, Writer
from quadrupel.rules.tree import (
    TURNED,
    And,
    Call,
    Compare,
    Comparison,
    If,
    IsKnown,
    Kind,
    Node,
    Not,
    Or,
    Today,
    children,
    walk,
)

MAX_REMEMBERED = 5_000

CLOSE = 4
"""How many days a month, or a year, is longer than another, and one more."""

Leaves = Sequence[Any]
Turning = Callable[[Leaves, int], Moment]
"""What a condition answers on a day; raises ArithmeticError where it has no answer."""

Limit = Callable[[Leaves, int], int]
"""The day before which a part goes on moving as it does."""


class Turnings:
    """Makes turnings of conditions that share their inputs."""

    def __init__(self) -> None:
        self._scope = Scope()
        self._places: dict[str, int] = {}
        self._days: dict[int, Kind] = {}

    def loader(self) -> Callable[[Any], Leaves]:
        """The function that finds the inputs of all turnings made so far in a profile's values."""
        names = "".join(f"{name}, " for name in self._places)
        lines = ["def load(values):", "get = values.get", *self._scope.loads, f"return ({names})"]
        code = compile("\n    ".join(lines), "<rules>", "exec")
        exec(code, self._scope.namespace)  # noqa: S102 -- no text of a rule in it
        return cast("Callable[[Any], Leaves]", self._scope.namespace["load"])

    def are_ordinary(self, leaves: Leaves) -> bool:
        """Whether all days among the inputs are so far from the calendar's ends that none ends."""
        for place, kind in self._days.items():
            day = leaves[place]
            if day is not None and kind is Kind.DATETIME:
                day = day.toordinal()
            if day is not None and not FIRST <= day <= LAST:
                return False
        return True

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
            case _ if self._names(node):
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
            return self._comparison(node)
        value, pick = self._value(node), self._pick(node)
        if not depends(node):
            return lambda leaves, today: Moment(value(today, *pick(leaves)), FOREVER)
        operand = children(node)[0]
        if not isinstance(node, IsKnown) or moves_of(operand) is None:
            return self._until(value, pick, self._operands_stay(node))
        if not may_fail(operand):
            return self._until(value, pick, self._limit(operand))
        return self._until(value, pick, self._until_it_fails(node, self._limit(operand)))

    def _until_it_fails(self, node: Node, limit: Limit | None) -> Limit:
        """Until when there is an answer at all, of what moves one way until a limit."""
        value, pick = self._value(node), self._pick(node)

        def stays(leaves: Leaves, today: int) -> int:
            end = limit(leaves, today) if limit else FOREVER
            return next_other(value, pick(leaves), today, end)

        return stays

    @staticmethod
    def _until(
        value: Callable[..., Any], pick: Callable[[Leaves], tuple[Any, ...]], stays: Limit | None
    ) -> Turning:
        if stays is None:
            return lambda leaves, today: Moment(value(today, *pick(leaves)), FOREVER)
        return lambda leaves, today: Moment(value(today, *pick(leaves)), stays(leaves, today))

    # Comparisons with something that moves

    def _comparison(self, node: Compare) -> Turning:
        moves = moves_apart(node)
        if moves is not None and moves < 0:
            node = Compare(TURNED[node.operator], node.right, node.left)
        value, pick = self._value(node), self._pick(node)
        if moves is None:
            return self._until(value, pick, self._operands_stay(node))
        limits = [each for each in map(self._limit, children(node)) if each is not None]
        if isinstance(node.left, Today) and moves_of(node.right) == 0:
            return self._reaching(node, pick, limits)
        if moves and not limits:
            return self._crossing(node, value, pick)

        # Equality comes and goes; that left reaches right and that it passes it each come once.
        orders: tuple[Comparison, ...] = (">=", ">")
        if node.operator not in ("==", "!="):
            orders = (node.operator,)
        names = self._names(node)
        once = [self._value(Compare(each, node.left, node.right), names) for each in orders]
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

    def _reaching(
        self, node: Compare, pick: Callable[[Leaves], tuple[Any, ...]], limits: Sequence[Limit]
    ) -> Turning:
        """Today against what stays, perhaps until a limit: when it is reached and passed."""
        other, holds = self._value(node.right), OPERATORS[node.operator]
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
        pick: Callable[[Leaves], tuple[Any, ...]],
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
        names = self._names(node)
        reaches = self._value(Compare(">=", node.left, node.right), names)
        passes = self._value(Compare(">", node.left, node.right), names)
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
        names = self._names(node)
        left, right = self._value(node.left, names), self._value(node.right, names)

        def begin(*inputs: Any) -> int:
            apart: int = right(FIRST, *inputs) - left(FIRST, *inputs)
            return min(max(FIRST, FIRST + apart - CLOSE), LAST)

        return begin

    # How parts move, and what they are worth

    def _stays(self, node: Node) -> Limit | None:
        """Until when the part has the value it has; None for ever."""
        if isinstance(node, Today):
            return lambda _, today: today + 1
        moves = moves_of(node)
        if moves == 0:
            return self._limit(node)
        if moves and not isinstance(node, If):
            return self._stays_until_it_steps(node)
        return self._operands_stay(node)

    def _operands_stay(self, node: Node) -> Limit | None:
        found = [self._stays(child) for child in children(node)]
        limits = [limit for limit in found if limit is not None]
        if isinstance(node, Call) and FUNCTIONS[node.function].of_today:
            limits.append(lambda _, today: today + 1)
        if not limits:
            return None
        return lambda leaves, today: min(limit(leaves, today) for limit in limits)

    def _stays_until_it_steps(self, node: Node) -> Limit:
        value, pick, limit = self._value(node), self._pick(node), self._limit(node)

        def stays(leaves: Leaves, today: int) -> int:
            end = limit(leaves, today) if limit else FOREVER
            return next_other(value, pick(leaves), today, end)

        return stays

    def _limit(self, node: Node) -> Limit | None:
        """Until when the part moves as `moves_of` says; None when it always does."""
        if not depends(node):
            return None
        if node.kind is Kind.BOOLEAN:
            condition = self.of(node)
            return lambda leaves, today: condition(leaves, today).until
        if isinstance(node, If):
            return self._limit_of_choice(node)
        below = [self._limit(child) for child in children(node)]
        limits = [limit for limit in below if limit is not None]
        if isinstance(node, Call) and node.function == "anniversary":
            value, pick = self._value(node), self._pick(node)
            limits.append(lambda leaves, today: day_after(value(today, *pick(leaves))))
        if not limits:
            return None
        return lambda leaves, today: min(limit(leaves, today) for limit in limits)

    def _limit_of_choice(self, node: If) -> Limit:
        condition = self.of(node.condition)
        then, otherwise = self._limit(node.then), self._limit(node.otherwise)
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

    def _names(self, node: Node) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for leaf in walk(node):
            if isinstance(leaf, Leaf):
                name = self._scope.variable(leaf)
                place = self._places.setdefault(name, len(self._places))
                if leaf.kind in (Kind.DATE, Kind.DATETIME):
                    self._days[place] = leaf.kind
                names[name] = None
        return tuple(names)

    def _pick(self, node: Node) -> Callable[[Leaves], tuple[Any, ...]]:
        """Picks the inputs of a node from all inputs."""
        places = [self._places[name] for name in self._names(node)]
        if len(places) == 1:
            (place,) = places
            return lambda leaves: (leaves[place],)
        return lambda leaves: tuple([leaves[place] for place in places])

    def _value(self, node: Node, names: Sequence[str] | None = None) -> Callable[..., Any]:
        """The value of a node as a function of the day and its inputs, or those of `names`."""
        parameters = ", ".join(["today", *(self._names(node) if names is None else names)])
        text = Writer(self._scope, complete=False).write(node).text
        code = f"lambda {parameters}: {text}"
        return cast("Callable[..., Any]", eval(code, self._scope.namespace))  # noqa: S307 -- as above
