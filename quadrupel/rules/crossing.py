"""On which days a comparison turns: said by nodes, so that every reading can compute them.

`today < user.expires` turns on the day `user.expires`, `age(user.born) >= 18` on the day
`user.born + years(18)`: these days are the same whatever day it is now. That is so where a side
that moves one way as days pass meets one that stays.
"""

from typing import NamedTuple

from quadrupel.rules.motion import depends, may_fail, moves_apart, moves_for_ever, written
from quadrupel.rules.tree import (
    TURNED,
    And,
    Call,
    Compare,
    Comparison,
    Constant,
    If,
    IsKnown,
    Kind,
    Node,
    Not,
    Or,
    Today,
    children,
    measure,
)

MAX_PARTS = 200
"""Of the node of a day; each shift by months or years within another one makes it four times it."""


class Crossing(NamedTuple):
    """When what rises crosses what does not: the first day on which it is not below, and beyond.

    The days are nodes, unknown where the comparison is; `operator` has what rises on its left.
    """

    operator: Comparison
    reaches: Node
    passes: Node


def crossing(node: Compare) -> Crossing | None:
    """When the sides of a comparison cross, if that is a day, and one that can be told shortly."""
    apart = moves_apart(node)
    if not apart or _begins_to_fail(node.left) or _begins_to_fail(node.right):
        return None
    rising, other, operator = node.left, node.right, node.operator
    if apart < 0:
        rising, other, operator = node.right, node.left, TURNED[node.operator]
    if depends(rising):
        more = None if depends(other) else _plus(other, 1)
        reaches = None if more is None else _reaches(rising, other)
        passes = None if more is None else _reaches(rising, more)
    else:
        reaches = _falls_to(other, rising)
        passes = None if reaches is None else _plus(reaches, 1)
    if reaches is None or passes is None or measure(passes)[0] > MAX_PARTS:
        return None
    return Crossing(operator, reaches, passes)


def stays(node: Node) -> bool:
    """Whether a condition answers the same on all days."""
    if isinstance(node, IsKnown) and node.operand.kind is not Kind.BOOLEAN:
        # It is missing where an input is.
        return moves_for_ever(node.operand) and not _begins_to_fail(node.operand)
    return not depends(node)


def turns_on_days(node: Node) -> bool:
    """Whether each comparison in a condition stays what it is or turns on days that can be told."""
    match node:
        case _ if stays(node):
            return True
        case And() | Or() | Not() | If() | IsKnown():
            return all(map(turns_on_days, children(node)))
        case Compare():
            return crossing(node) is not None
        case _:
            return False


def _begins_to_fail(node: Node) -> bool:
    """Whether a part can come to an error, or out of it, because the days pass."""
    return depends(node) and may_fail(node)


def _reaches(part: Node, bar: Node) -> Node | None:
    """The first day on which a part that rises is a bar that stays, or more."""
    match part:
        case Today():
            return bar
        case Call("age", (born,)) if not depends(born):
            return Call("add_years", (born, bar), Kind.DATE)
        case Call("days_since", (day,)) | Call("days_between", (Today(), day)) if not depends(day):
            return Call("add_days", (day, bar), Kind.DATE)
        case Call("add_days", (day, number)) if (days := written(number)) is not None:
            return _reaches(day, _shifted("add_days", bar, -days))
        case Call("add_months" | "add_years" as shift, (day, number)) if (
            periods := written(number)
        ) is not None:
            back = _shifted(shift, bar, -periods)
            # The end of a longer month: nothing of this month comes so far, the next one does.
            is_there = Compare(">=", _shifted(shift, back, periods), bar)
            return _reaches(day, If(is_there, back, _shifted("add_days", back, 1), Kind.DATE))
        case _:
            return None


def _falls_to(part: Node, bar: Node) -> Node | None:
    """The first day on which a part that falls is a bar that stays, or less."""
    match part:
        case Call("days_until", (day,)) | Call("days_between", (day, Today())) if not depends(day):
            less = _negative(bar)
            return None if less is None else Call("add_days", (day, less), Kind.DATE)
        case _:
            return None


def _shifted(shift: str, day: Node, number: int) -> Call:
    return Call(shift, (day, Constant(number, Kind.INTEGER)), Kind.DATE)


def _plus(node: Node, number: int) -> Node | None:
    """A day, or a number that the rule writes, and so much more."""
    if node.kind is Kind.DATE:
        return _shifted("add_days", node, number)
    return _scaled(node, 1, number)


def _negative(node: Node) -> Node | None:
    return _scaled(node, -1, 0)


def _scaled(node: Node, factor: int, more: int) -> Node | None:
    """A number that the rule writes, or a choice of such, times a factor and so much more.

    None for any other, and where 64 bits cannot hold it.
    """
    if isinstance(node, If):
        then, otherwise = (_scaled(each, factor, more) for each in (node.then, node.otherwise))
        if then is None or otherwise is None:
            return None
        return If(node.condition, then, otherwise, Kind.INTEGER)
    value = written(node)
    if not isinstance(value, int):
        return None
    scaled = value * factor + more
    return Constant(scaled, Kind.INTEGER) if -(2**63) <= scaled < 2**63 else None
