"""Coverage: which clauses of a rule its examples put to the proof.

A clause is a part of the condition that `and`, `or`, `not` and `if` join. It decides in an example
if the rule would answer otherwise there, were the clause the opposite. Every clause should decide
once by being true and once by being false: else it could be wrong, or missing, and every example
would still have its verdict.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from quadrupel.core.verdicts import Verdict
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.row import predicate_reading
from quadrupel.rules.rule import Rule
from quadrupel.rules.tree import And, Constant, If, Kind, Node, Not, Or, children, over


def clauses(tree: Node) -> tuple[Node, ...]:
    """The clauses of a condition in the order in which they are asked, each once."""
    return tuple(clause for clause, _ in dict.fromkeys(_written(tree)))


@dataclass(frozen=True, slots=True)
class Undecided:
    """A clause of a rule that decides in no example by being true, or by being false."""

    rule: Rule
    clause: Node
    answer: bool

    @property
    def line(self) -> int:
        """The line of the script on which the clause begins."""
        return self.clause.place.line if self.clause.place else 0


def undecided(rule: Rule) -> Iterator[Undecided]:
    """What the rule's examples leave unproven, in the order of clauses."""
    for clause in clauses(rule.predicate.tree):
        own = predicate_reading(Predicate(clause, ""))
        if_true, if_false = (
            predicate_reading(Predicate(_with(rule.predicate.tree, clause, answer), ""))
            for answer in (Constant(True, Kind.BOOLEAN), Constant(False, Kind.BOOLEAN))
        )
        deciding = {
            own(each.values, each.today)
            for each in rule.examples
            if if_true(each.values, each.today) is not if_false(each.values, each.today)
        }
        if Verdict.MATCH not in deciding:
            yield Undecided(rule, clause, answer=True)
        if Verdict.NO_MATCH not in deciding:
            yield Undecided(rule, clause, answer=False)


def _written(tree: Node) -> Iterator[tuple[Node, object]]:
    """The clauses with their places, as often as they stand in the tree."""
    if isinstance(tree, And | Or | Not) or (isinstance(tree, If) and tree.kind is Kind.BOOLEAN):
        for child in children(tree):
            yield from _written(child)
    elif not isinstance(tree, Constant):
        yield tree, tree.place


def _with(tree: Node, clause: Node, answer: Constant) -> Node:
    """The tree with an answer instead of a clause, wherever a path through the rule asks it."""
    if tree == clause and tree.place == clause.place:
        return answer
    return over(tree, tuple(_with(child, clause, answer) for child in children(tree)))
