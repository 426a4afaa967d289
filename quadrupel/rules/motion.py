"""How parts of a predicate move as days pass: up, down, not at all, or nobody can say."""

import math
from collections.abc import Sequence
from typing import Any

from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.moments import FIRST, LAST
from quadrupel.rules.operations import apply, value_of
from quadrupel.rules.tree import (
    Arithmetic,
    Call,
    Compare,
    Constant,
    If,
    Kind,
    Node,
    Today,
    children,
    walk,
)

_SHIFTS = {"add_days": 1, "add_months": 31, "add_years": 366, "anniversary": 366}
"""The functions that lead from a day to another one, and how many days their period has."""

_LONGEST_SHIFT = 500 * 366
"""Days, more than which can leave the calendar from an ordinary one."""


def together(one: int, other: int) -> int | None:
    """How a sum moves of which the parts move so; None where they move against each other."""
    if one * other < 0:
        return None
    return one or other


def moves_of(node: Node) -> int | None:
    """1 for a part that never falls as days pass, -1 for one that never rises, 0 for a still one.

    None where nothing can be said. Where a part has a limit, it is meant until then.
    """
    if isinstance(node, Today):
        return 1
    if not depends(node) or node.kind is Kind.BOOLEAN:
        return 0
    below = [moves_of(child) for child in children(node)]
    match node:
        case If():
            weights: Sequence[int] = (0, 1, 1)
        case Call(function="anniversary"):
            return 0 if below == [0] else None
        case Call():
            entry = FUNCTIONS[node.function]
            weights = entry.moves
            below = [1, *below] if entry.of_today else below
        case Arithmetic(operator="+"):
            weights = (1, 1)
        case Arithmetic(operator="-"):
            weights = (1, -1)
        case _:
            weights = (0,) * len(below)
    total: int | None = 0
    for moves, weight in zip(below, weights, strict=True):
        if moves is None or (moves and not weight) or total is None:
            return None
        total = together(total, moves * weight)
    return total


def moves_apart(node: Compare) -> int | None:
    """How what is left of a comparison moves, seen from what is right of it."""
    left, right = moves_of(node.left), moves_of(node.right)
    return None if left is None or right is None else together(left, -right)


def moves_for_ever(node: Node) -> bool:
    """Whether a part moves as `moves_of` says on all days, and is missing on all or on none."""
    if not depends(node):
        return True
    turns = node.kind is Kind.BOOLEAN or isinstance(node, If)
    turns = turns or (isinstance(node, Call) and node.function == "anniversary")
    return not turns and all(map(moves_for_ever, children(node)))


def depends(node: Node) -> bool:
    """Whether a part can be another one tomorrow."""
    return any(
        isinstance(each, Today) or (isinstance(each, Call) and FUNCTIONS[each.function].of_today)
        for each in walk(node)
    )


def may_fail(node: Node) -> bool:
    """Whether a part can come to an error by itself, when all inputs are ordinary."""
    for each in walk(node):
        if isinstance(each, Arithmetic) and written(each) is None:
            return True
        if isinstance(each, Call) and each.function == "covered_day":
            return True
        if isinstance(each, Call) and each.function in _SHIFTS and _reach(each) > _LONGEST_SHIFT:
            return True
    return False


def _reach(node: Node) -> float:
    """How many days, at most, a day in a part can be from those that are ordinary."""
    if isinstance(node, Constant):
        day = value_of(node) if node.kind is Kind.DATE else FIRST
        return max(0, FIRST - day, day - LAST)
    furthest = max(map(_reach, children(node)), default=0.0)
    if isinstance(node, Call) and node.function in _SHIFTS:
        _, *periods = children(node)
        furthest += _SHIFTS[node.function] * max(map(_size, periods), default=1)
    return furthest


def _size(number: Node) -> float:
    """The size of a number that the rule writes, or the greatest of a choice between such."""
    if isinstance(number, If):
        return max(_size(number.then), _size(number.otherwise))
    value = written(number)
    return abs(value) if isinstance(value, int) else math.inf


def written(node: Node) -> Any:
    """The value of a part that is made of constants alone; None for any other, or if it fails."""
    if isinstance(node, Constant):
        return value_of(node)
    if not isinstance(node, Arithmetic):
        return None
    operands = [written(child) for child in children(node)]
    try:
        return None if None in operands else apply(node, operands, 0)
    except ArithmeticError:
        return None
