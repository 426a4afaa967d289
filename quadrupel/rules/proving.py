"""Proving rules: every example is read, and must have the verdict that its author expects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quadrupel.core.verdicts import Verdict
from quadrupel.rules.row import predicate_reading
from quadrupel.rules.rule import Example, Rule


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that has another verdict than it expects."""

    rule: Rule
    example: Example
    got: Verdict


def failures(rules: Iterable[Rule]) -> Iterator[Failure]:
    """The examples of the rules that fail, in their order."""
    for rule in rules:
        verdict = predicate_reading(rule.predicate)
        for example in rule.examples:
            got = verdict(example.values, example.today)
            if got is not example.verdict:
                yield Failure(rule, example, got)
