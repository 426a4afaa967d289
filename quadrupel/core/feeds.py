"""Feeds at work: which of them take an event, and what each makes of it.

What a feed does is settled when a schema is read: every feed becomes a function that knows its
attribute, so that an event costs no look at what was declared. The fold itself, which decides which
events count, is `quadrupel.core.profiles`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from quadrupel.core.attributes import (
    REGISTER,
    Attribute,
    Feed,
    Operation,
    Scalar,
    Schema,
    Type,
    named_key,
)
from quadrupel.core.errors import EventRefused
from quadrupel.core.events import Event
from quadrupel.core.feedback import TYPES as FEEDBACK
from quadrupel.core.feedback import read_feedback
from quadrupel.core.fields import READERS, bounded, to_decimal, to_key
from quadrupel.core.lifecycle import ERASED, TYPES
from quadrupel.core.marks import NEVER, Mark, mark_of
from quadrupel.core.values import Statistic, Value
from quadrupel.core.windows import NO_EVENTS, fits, one_more

MAX_STATISTIC_KEYS = 1000

_CONDITIONS = (str, int, bool)
_ABSENT = object()


@dataclass(slots=True)
class Changes:
    """What one event, of that mark and day of arrival (ordinal), changes of a profile.

    `known` and `decided` are the values and marks that the profile has, only read here; `values`
    and `marks` are those it is to get. None takes a value away, and only if `takes_away` there is
    one. `adds_up`: the event must not count again. `erases`: what the profile has goes first.
    `repeats`: the event changes nothing, but its place is to be remembered.
    """

    mark: Mark
    arrived: int
    known: Mapping[str, Any]
    decided: Mapping[int, Mark]
    values: dict[str, Any] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)
    takes_away: bool = False
    adds_up: bool = False
    erases: bool = False
    repeats: bool = False

    @property
    def changes_something(self) -> bool:
        """Whether the profile is another one with it."""
        return bool(self.values or self.marks or self.adds_up)

    def decide(self, name: str, tag: int, value: Value | None) -> None:
        """Let the event decide the value, unless a later one did."""
        if self.mark > self.decided.get(tag, NEVER):
            self.values[name] = value
            self.marks[tag] = self.mark
            if value is None:
                self.takes_away = True

    def present(self, name: str) -> Any:
        """The value as the feeds before left it; None: there is none."""
        return self.values[name] if name in self.values else self.known.get(name)

    def add_up(self, name: str, total: Value) -> None:
        """Replace the value by what it is with the event."""
        self.values[name] = total
        self.adds_up = True


Change = Callable[[Changes, Event], None]
"""Adds to the changes what one feed makes of an event; EventRefused if its data is wrong."""

Condition = tuple[type, Scalar]
"""What a member of data must be: its type and its value, since True is not 1 here."""


@dataclass(slots=True)
class _OfType:
    """The feeds of one type of events: those without `where`, and those with, by first member."""

    always: list[Change] = field(default_factory=list)
    under: dict[str, dict[Condition, list[tuple[Feed, Change]]]] = field(default_factory=dict)


_NONE: Sequence[Change] = ()


class Feeds:
    """A schema's feeds by event type and, of those with a `where`, by its first condition.

    So of the many feeds of one type an event meets only those that are likely to take it. Feedback
    on banners has a feed of its own, whatever is declared.
    """

    def __init__(self, schema: Schema) -> None:
        self._types = {type_: _OfType([_remembering_feedback]) for type_ in FEEDBACK}
        for attribute in schema.attributes.values():
            for each in attribute.feeds:
                self._add(each, _change(attribute, each))

    def of(self, event: Event) -> Sequence[Change]:
        """What the feeds do that take the event; empty when nothing declared wants it."""
        found = self._types.get(event.type)
        if found is None:
            return _NONE
        if not found.under:
            return found.always
        changes = list(found.always)
        for member, by_condition in found.under.items():
            value = event.data.get(member)
            if type(value) in _CONDITIONS:
                for each, change in by_condition.get((type(value), value), _NOBODY):  # type: ignore[arg-type]
                    if len(each.where) == 1 or event.has(each.where.items()):
                        changes.append(change)
        return changes

    def can_change(self, event: Event) -> bool:
        """Whether the event can change a profile, if it came at once and nothing before it decides.

        It cannot when it feeds nothing, lacks what its feeds read, or is refused by all profiles.
        """
        if event.type == ERASED:
            return True
        interested = self.of(event)
        if not interested:
            return event.type in TYPES
        changes = Changes(mark_of(event), event.time.toordinal(), {}, {})
        try:
            for change in interested:
                change(changes, event)
        except EventRefused:
            return False
        return event.type in TYPES or changes.changes_something

    def _add(self, each: Feed, change: Change) -> None:
        found = self._types.setdefault(each.event, _OfType())
        if not each.where:
            found.always.append(change)
            return
        member, value = next(iter(each.where.items()))
        by_condition = found.under.setdefault(member, {})
        by_condition.setdefault((type(value), value), []).append((each, change))


_NOBODY: Sequence[tuple[Feed, Change]] = ()


def _change(attribute: Attribute, each: Feed) -> Change:
    """What the feed does to its attribute."""
    if attribute.type is Type.WINDOWED_COUNT:
        return _counting_by_day(attribute)
    if each.operation in REGISTER:
        return _deciding(attribute, each)
    match each.operation:
        case Operation.FIRST_TIME | Operation.LAST_TIME:
            return _extending(attribute, each)
        case Operation.STATISTICS:
            return _adding_to_statistics(attribute, each)
        case Operation.COUNT:
            return _counting(attribute)
        case _:
            return _summing(attribute, each)


def _remembering_feedback(changes: Changes, event: Event) -> None:
    """Count feedback once, though no attribute may be there that counts it."""
    read_feedback(event)
    changes.adds_up = True


def _member(declared: str | None) -> str:
    """The member of data that a feed reads; a feed without one reads what no event has."""
    return "\0" if declared is None else declared


def _deciding(attribute: Attribute, each: Feed) -> Change:
    name, tag, constant = attribute.name, attribute.tag, each.value
    member, read = _member(each.field), READERS[attribute.type]

    def decide(changes: Changes, event: Event) -> None:
        raw = event.data.get(member, _ABSENT)
        if raw is not _ABSENT:
            changes.decide(name, tag, None if raw is None else read(attribute, member, raw))

    def decide_constant(changes: Changes, _: Event) -> None:
        changes.decide(name, tag, constant)

    return decide if each.operation is Operation.LATEST else decide_constant


def _extending(attribute: Attribute, each: Feed) -> Change:
    name, is_day = attribute.name, attribute.type is Type.DATE
    choose = min if each.operation is Operation.FIRST_TIME else max

    def extend(changes: Changes, event: Event) -> None:
        time = event.time.date() if is_day else event.time
        present = changes.present(name)
        extended = time if present is None else choose(present, time)
        if extended != present:
            changes.values[name] = extended

    return extend


def _counting(attribute: Attribute) -> Change:
    def count(changes: Changes, _: Event) -> None:
        total = (changes.present(attribute.name) or 0) + 1
        changes.add_up(attribute.name, bounded(attribute, total))

    return count


def _summing(attribute: Attribute, each: Feed) -> Change:
    name, subtracts = attribute.name, each.operation is Operation.SUBTRACT
    member, read = _member(each.field), READERS[attribute.type]

    def add(changes: Changes, event: Event) -> None:
        raw = event.data.get(member, _ABSENT)
        if raw is _ABSENT:
            return
        amount: Any = read(attribute, member, raw)
        present = changes.present(name) or 0
        total = present - amount if subtracts else present + amount
        changes.add_up(name, bounded(attribute, total))

    return add


def _adding_to_statistics(attribute: Attribute, each: Feed) -> Change:
    name, member, amount_member = attribute.name, _member(each.key), each.field

    def add(changes: Changes, event: Event) -> None:
        raw = event.data.get(member, _ABSENT)
        if raw is _ABSENT:
            return
        key = named_key(to_key(attribute, member, raw), each.name)
        amount = Decimal(0)
        if amount_member is not None and amount_member in event.data:
            amount = to_decimal(attribute, amount_member, event.data[amount_member])
        present = changes.present(name) or {}
        changes.add_up(name, {**present, key: _one_more(attribute, present, key, amount, event)})

    return add


def _one_more(
    attribute: Attribute,
    present: Mapping[str, Statistic],
    key: str,
    amount: Decimal,
    event: Event,
) -> Statistic:
    """The statistic of a key with the event in it."""
    old, time = present.get(key), event.time
    if old is None:
        if len(present) >= MAX_STATISTIC_KEYS:
            detail = f"{attribute.name} already has {MAX_STATISTIC_KEYS} keys"
            raise EventRefused("too-many-keys", detail)
        return Statistic(1, amount, time, time)
    total = bounded(attribute, old.sum + amount)
    return Statistic(old.count + 1, total, min(old.first, time), max(old.last, time))


def _counting_by_day(attribute: Attribute) -> Change:
    """Counts an event once, even if several feeds of the attribute take it."""
    name, window = attribute.name, attribute.window

    def count(changes: Changes, event: Event) -> None:
        if name in changes.values:
            return
        counts = changes.known.get(name) or NO_EVENTS
        more = one_more(counts, event.time.toordinal(), changes.arrived, window)
        if more is None:
            return
        if not fits(more):
            raise EventRefused("out-of-range", f"{name} cannot hold one more event")
        changes.add_up(name, more)

    return count
