"""What a predicate can answer when certain inputs are missing, whatever the others are.

Found by reading the tree with sets of answers instead of answers. The sets can be too large (the
analysis does not see that two parts exclude each other), never too small.
"""

import itertools
from collections.abc import Iterable
from functools import reduce

from quadrupel.rules.tree import (
    And,
    Constant,
    If,
    Input,
    IsKnown,
    KeyedField,
    Kind,
    Node,
    Not,
    Or,
    children,
    walk,
)

Answers = frozenset[bool | None]
"""Possible answers, None for unknown. Of a node that is no boolean, True and False are a value."""

MAX_GAPS = 6

_KNOWN: Answers = frozenset({True, False})
_UNKNOWN: Answers = frozenset({None})


def can_be_unknown(tree: Node) -> bool:
    """Whether some gaps in a profile can make the predicate unknown."""
    gaps = sorted(_gaps(tree))
    if len(gaps) > MAX_GAPS:
        chosen: Iterable[tuple[str, ...]] = [*((gap,) for gap in gaps), tuple(gaps)]
    else:
        chosen = itertools.chain.from_iterable(
            itertools.combinations(gaps, size) for size in range(1, len(gaps) + 1)
        )
    return any(
        None in _answers(tree, frozenset(missing), frozenset(gaps) - set(missing))
        for missing in chosen
    )


def can_match_without(tree: Node, name: str) -> bool:
    """Whether the predicate can hold for a user of whom the attribute is missing."""
    return True in _answers(tree, frozenset({name}), frozenset())


def _gap(node: Node) -> str | None:
    """What is missing when this node is unknown by itself; None when it never is."""
    if isinstance(node, Input) and not node.adds_up:
        return node.name
    if isinstance(node, KeyedField) and node.name in ("first", "last"):
        return f'{node.attribute}["{node.key}"]'
    return None


def _gaps(tree: Node) -> set[str]:
    return {gap for node in walk(tree) if (gap := _gap(node)) is not None}


def _answers(node: Node, missing: frozenset[str], known: frozenset[str]) -> Answers:
    """The possible answers of a node; an input neither missing nor known may be either."""
    match node:
        case Constant(kind=Kind.BOOLEAN, value=value):
            return frozenset({bool(value)})
        case Input() | KeyedField():
            gap = _gap(node)
            if gap is None or gap in known:
                return _KNOWN
            return _UNKNOWN if gap in missing else _KNOWN | _UNKNOWN
    below = [_answers(child, missing, known) for child in children(node)]
    match node:
        case Not():
            return frozenset(None if answer is None else not answer for answer in below[0])
        case And() | Or():
            return reduce(_and if isinstance(node, And) else _or, below)
        case If():
            return _if(*below)
        case IsKnown():
            return frozenset(answer is not None for answer in below[0])
        case _:
            return _strict(below)


def _strict(below: list[Answers]) -> Answers:
    """An operation that is unknown if an operand is."""
    answers = _KNOWN if all(each & _KNOWN for each in below) else frozenset()
    return answers | _UNKNOWN if any(None in each for each in below) else answers


def _and(left: Answers, right: Answers) -> Answers:
    return frozenset(
        False if False in pair else None if None in pair else True
        for pair in itertools.product(left, right)
    )


def _or(left: Answers, right: Answers) -> Answers:
    return frozenset(
        True if True in pair else None if None in pair else False
        for pair in itertools.product(left, right)
    )


def _if(asked: Answers, then: Answers, otherwise: Answers) -> Answers:
    answers: Answers = frozenset()
    if True in asked:
        answers |= then
    if False in asked:
        answers |= otherwise
    if None in asked:
        answers |= (then & otherwise) | _UNKNOWN
    return answers
