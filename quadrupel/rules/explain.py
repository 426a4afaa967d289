"""The explain reading: every clause of a rule with its values, its result, and why, or why not.

The tree is read part by part, as its words say; slow, and meant for one user at a time. Parts that
were not asked, because another one had decided, are not in an explanation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from quadrupel.core.attributes import Attribute, Type
from quadrupel.core.marks import event_tag, mark_time
from quadrupel.core.profiles import Profile
from quadrupel.core.values import Value
from quadrupel.core.verdicts import Verdict
from quadrupel.core.windows import NO_EVENTS, within
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.deadline import Deadline, predicate_deadline
from quadrupel.rules.operations import apply, value_of
from quadrupel.rules.predicate import Predicate
from quadrupel.rules.rule import Rule
from quadrupel.rules.spelling import spell
from quadrupel.rules.tree import (
    And,
    Call,
    Constant,
    If,
    Input,
    IsKnown,
    KeyedField,
    Kind,
    Node,
    Or,
    Today,
    children,
)

Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a predicate and what it came to.

    `value` is None where it is unknown; days are dates. `error` says why there is no value.
    `clauses` are the parts that were asked, in order; those that `decide` made it what it is.
    `line` of the script, 0 where it stands in none.
    """

    text: str
    kind: Kind
    value: Any
    error: str | None = None
    line: int = 0
    decides: bool = True
    clauses: tuple["Clause", ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """The value of an attribute, and the event that brought it, where that is known.

    Of a windowed count the value is the days that are in its window.
    """

    attribute: str
    doc: str
    value: Value | None
    event: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one rule says what it says of one user on one day.

    `because` are the clauses that alone make the verdict, in words of the language.
    """

    rule: Rule
    verdict: Verdict
    deadline: Deadline
    clause: Clause
    because: tuple[str, ...]
    origins: tuple[Origin, ...]


def explain(rule_set: RuleSet, rule_id: str, profile: Profile, today: date) -> Explanation:
    """Why a rule of the set says what it says of a user."""
    rule = rule_set.rules[rule_id]
    clause = read_clauses(rule.predicate, profile.values, today)
    return Explanation(
        rule=rule,
        verdict=verdict_of(clause),
        deadline=predicate_deadline(rule.predicate)(profile.values, today),
        clause=clause,
        because=tuple(dict.fromkeys(_because(clause))),
        origins=tuple(_origin(rule_set.schema[name], profile, today) for name in rule.inputs),
    )


def read_clauses(predicate: Predicate, values: Values, today: date) -> Clause:
    """The clauses of a predicate, for the values of a profile on the user's day."""
    return _Reader(values, today.toordinal()).read(predicate.tree)


def verdict_of(clause: Clause) -> Verdict:
    """The verdict of a whole predicate."""
    if clause.error is not None:
        return Verdict.ERROR
    if clause.value is None:
        return Verdict.UNKNOWN
    return Verdict.MATCH if clause.value else Verdict.NO_MATCH


def _because(clause: Clause) -> Iterator[str]:
    """The deciding clauses that are conditions and hold none themselves, with their values."""
    deeper = [each for each in clause.clauses if each.decides and each.kind is Kind.BOOLEAN]
    if clause.kind is Kind.BOOLEAN and not deeper:
        yield _sentence(clause)
    for each in deeper:
        yield from _because(each)


def _sentence(clause: Clause) -> str:
    if clause.error is not None:
        return f"{clause.text} has no answer: {clause.error}"
    if clause.value is None:
        missing = dict.fromkeys(_missing(clause))
        return f"{clause.text} is unknown: no {', '.join(missing) or 'value'}"
    return f"{clause.text} is {str(clause.value).lower()}"


def _missing(clause: Clause) -> Iterator[str]:
    if not clause.clauses and clause.value is None:
        yield clause.text
    for each in clause.clauses:
        yield from _missing(each)


class _Reader:
    """Reads clauses of one profile on one day. Inside, days are ordinals and decimals floats."""

    def __init__(self, values: Values, today: int) -> None:
        self._values = values
        self._today = today

    def read(self, node: Node) -> Clause:
        """The clause of a node."""
        try:
            value, parts = self._parts(node)
        except ArithmeticError as error:
            return self._clause(node, None, str(error) or type(error).__name__)
        failed = next((part.error for part in parts if part.error is not None), None)
        value = None if failed else value
        return self._clause(node, value, failed, tuple(parts))

    def _clause(
        self,
        node: Node,
        value: Any,
        error: str | None,
        parts: tuple[Clause, ...] = (),
    ) -> Clause:
        shown = value if node.kind is not Kind.DATE or value is None else date.fromordinal(value)
        line = node.place.line if node.place else 0
        return Clause(spell(node), node.kind, shown, error, line, clauses=parts)

    def _parts(self, node: Node) -> tuple[Any, Sequence[Clause]]:
        """The value of a node and the parts that were asked for it."""
        match node:
            case Constant():
                return value_of(node), ()
            case Today():
                return self._today, ()
            case Input():
                return self._input(node), ()
            case Call(function="count_within", arguments=(Input() as counts, Constant() as window)):
                operands = [self._input(counts), value_of(window)]
                return apply(node, operands, self._today), ()
            case KeyedField():
                return self._field(node), ()
            case And() | Or():
                return self._junction(node, stop=isinstance(node, Or))
            case If():
                return self._choice(node)
            case IsKnown():
                part = self.read(node.operand)
                return part.value is not None, (part,)
            case _:
                parts = [self.read(child) for child in children(node)]
                operands = [_raw(part) for part in parts]
                if None in operands or any(part.error for part in parts):
                    return None, parts
                return apply(node, operands, self._today), parts

    def _junction(self, node: And | Or, *, stop: bool) -> tuple[Any, Sequence[Clause]]:
        parts: list[Clause] = []
        for each in node.parts:
            parts.append(self.read(each))
            if parts[-1].value is stop or parts[-1].error is not None:
                break
        values = [part.value for part in parts]
        result = stop if values[-1] is stop else None if None in values else not stop
        return result, [
            replace(part, decides=part.value is result or part.error is not None) for part in parts
        ]

    def _choice(self, node: If) -> tuple[Any, Sequence[Clause]]:
        asked = self.read(node.condition)
        if asked.error is not None:
            return None, (asked,)
        parts = [asked]
        if asked.value is not False:
            parts.append(self.read(node.then))
        if asked.value is not True and not parts[-1].error:
            parts.append(self.read(node.otherwise))
        answers = [_raw(part) for part in parts[1:]]
        return (answers[0] if answers[0] == answers[-1] else None), parts

    def _input(self, node: Input) -> Any:
        value = self._values.get(node.name)
        if value is None:
            nothing = NO_EVENTS if node.kind is Kind.WINDOWED_COUNT else 0
            return nothing if node.adds_up else None
        if node.kind is Kind.DATE and isinstance(value, date):
            return value.toordinal()
        return float(value) if isinstance(value, Decimal) else value

    def _field(self, node: KeyedField) -> Any:
        statistics = self._values.get(node.attribute)
        entry = statistics.get(node.key) if isinstance(statistics, Mapping) else None
        if entry is None:
            return 0 if node.name in ("count", "sum") else None
        return float(entry.sum) if node.name == "sum" else getattr(entry, node.name)


def _raw(clause: Clause) -> Any:
    is_day = clause.kind is Kind.DATE and clause.value is not None
    return clause.value.toordinal() if is_day else clause.value


def _origin(attribute: Attribute, profile: Profile, today: date) -> Origin:
    """Registers remember the event that decided; of the others the value says all there is."""
    value = profile.values.get(attribute.name)
    if attribute.type is Type.WINDOWED_COUNT:
        counts = value if isinstance(value, tuple) else NO_EVENTS
        value = within(today.toordinal(), counts, attribute.window)
    mark = profile.state.marks.get(attribute.tag)
    if mark is None:
        return Origin(attribute.name, attribute.doc, value)
    events = {event_tag(feed.event): feed.event for feed in attribute.feeds}
    return Origin(attribute.name, attribute.doc, value, events.get(mark[2]), mark_time(mark))
