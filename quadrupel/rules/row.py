"""The row reading: the verdicts of all rules on one profile, by one fast function.

All predicates are written into one Python function over local variables, compiled once. Where no
input of a rule is missing, its predicate is plain Python; otherwise a second form of it follows
three-valued logic. An exception in one rule is that rule's error and nobody else's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from quadrupel.core.attributes import ADDITIVE
from quadrupel.core.values import Value, to_text
from quadrupel.core.verdicts import Evaluation, RuleMatch, Verdict
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.python_text import Scope, Writer, gaps
from quadrupel.rules.tree import Node

Values = Mapping[str, Value]
"""The values of a profile by attribute; a missing one is left out, or None."""

_INDENT = "\n    "


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of a rule set: ids of rules in order; every other rule does not match."""

    matches: tuple[str, ...]
    unknown: tuple[str, ...]
    errors: tuple[str, ...]

    def of(self, rule: str) -> Verdict:
        """The verdict of one rule of the set."""
        if rule in self.matches:
            return Verdict.MATCH
        if rule in self.unknown:
            return Verdict.UNKNOWN
        return Verdict.ERROR if rule in self.errors else Verdict.NO_MATCH


class RowReading:
    """Reads the rules of one set for one profile at a time. Safe for use by several threads."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._rule_set = rule_set
        self._read = _compile({rule.id: rule.predicate.tree for rule in rule_set.rules.values()})

    @property
    def hash(self) -> str:
        """The hash of its rule set."""
        return self._rule_set.hash

    def evaluate(self, values: Values, today: date) -> Verdicts:
        """The verdicts on one profile on the user's day."""
        matches, unknown, errors = self._read(values, today)
        return Verdicts(tuple(matches), tuple(unknown), tuple(errors))

    def evaluation(
        self,
        user_id: str,
        profile_version: int,
        values: Values,
        as_of: date,
        evaluated_at: datetime,
    ) -> Evaluation:
        """What is told to publish about one user: the verdicts, and what matches show."""
        matches, _, errors = self._read(values, as_of)
        return Evaluation(
            user_id=user_id,
            profile_version=profile_version,
            as_of=as_of,
            evaluated_at=evaluated_at,
            rule_set=self._rule_set.hash,
            matches=tuple([self._match(rule, values) for rule in matches]),
            errors=tuple(errors),
        )

    def _match(self, rule_id: str, values: Values) -> RuleMatch:
        rule = self._rule_set.rules[rule_id]
        shown = {name: self._text(name, values) for name in rule.shown}
        return RuleMatch(rule_id, rule.once_per and shown[rule.once_per], shown)

    def _text(self, name: str, values: Values) -> str:
        value = values.get(name)
        if value is None and self._rule_set.schema[name].feeds[0].operation in ADDITIVE:
            return "0"
        return to_text(values[name])


def predicate_reading(predicate: Predicate) -> Callable[[Values, date], Verdict]:
    """The verdict of one predicate on one profile on the user's day, as a function."""
    read = _compile({"": predicate.tree})

    def verdict(values: Values, today: date) -> Verdict:
        matches, unknown, errors = read(values, today)
        if errors:
            return Verdict.ERROR
        if unknown:
            return Verdict.UNKNOWN
        return Verdict.MATCH if matches else Verdict.NO_MATCH

    return verdict


_Read = Callable[[Values, date], tuple[list[str], list[str], list[str]]]


def _compile(trees: Mapping[str, Node]) -> _Read:
    scope = Scope()
    rules = [line for rule, tree in trees.items() for line in _rule(scope, rule, tree)]
    lines = [
        "def read(values, day):",
        "get, today = values.get, day.toordinal()",
        "matches, unknown, errors = [], [], []",
        *scope.loads,
        *rules,
        "return matches, unknown, errors",
    ]
    code = compile(_INDENT.join(lines), "<rules>", "exec")
    exec(code, scope.namespace)  # noqa: S102 -- written from checked trees, no text of a rule in it
    return cast("_Read", scope.namespace["read"])


def _rule(scope: Scope, rule: str, tree: Node) -> Iterable[str]:
    """The statements that put one rule into the list of its verdict."""
    answer = Writer(scope, complete=True).write(tree).text
    missing = [f"{name} is not None" for name in gaps(tree, scope)]
    if missing:
        careful = Writer(scope, complete=False).write(tree).text
        answer = f"{answer} if {' and '.join(missing)} else {careful}"
    name = scope.value(rule)
    return (
        "try:",
        f"    answer = {answer}",
        f"    if answer: matches.append({name})",
        f"    elif answer is None: unknown.append({name})",
        f"except Exception: errors.append({name})",
    )
