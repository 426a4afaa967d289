"""Profiles, and the fold: how events change the values of one user.

The fold depends on the set of a user's events only, never on their order or their repetition.
For `latest`, `set` and `clear` the event with the greatest (time, identity) decides: identity, a
64-bit hash of source and id, breaks ties between equal times. `count`, `sum`, `subtract` and
`statistics` add up. They remember the identity of each event for `DUPLICATE_DAYS` after its
arrival, so that what its source sends again changes nothing; and the place on the bus up to which
they and their repetitions went (`quadrupel.core.places`), so that what the bus delivers again
changes nothing, however long after. A windowed count adds up by the day of the event, and drops the
days that have left its window whenever it counts one more; dropped or not, no rule sees them.
`first_time` and `last_time` are a minimum and a maximum. Only erasures and registrations take
effect in the order of their arrival: see `quadrupel.core.lifecycle`.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from quadrupel.core import lifecycle, places
from quadrupel.core.attributes import (
    REGISTER,
    Attribute,
    Feed,
    Operation,
    Schema,
    Type,
)
from quadrupel.core.errors import EventRefused
from quadrupel.core.events import Event
from quadrupel.core.fields import bounded, to_decimal, to_key, to_value
from quadrupel.core.marks import NEVER, Mark, mark_of
from quadrupel.core.places import Place
from quadrupel.core.values import Statistic, Value
from quadrupel.core.windows import NO_EVENTS, fits, one_more

DUPLICATE_DAYS = 7
MAX_STATISTIC_KEYS = 1000

_CONDITIONS = (str, int, bool)


class Arrival(NamedTuple):
    """An event, the day (UTC) on which the bus took it, and its place there, if it is known.

    The bus tells the same at every delivery, so a repetition is judged as the first time.
    """

    event: Event
    day: date
    place: Place | None = None


@dataclass(slots=True)
class FoldState:
    """What the fold remembers beside the values.

    `marks`: per attribute tag, the mark of the deciding event; and those of the lifecycle. `seen`:
    per identity of an event that was added up, the day (ordinal) of its arrival. `reached`: up to
    which place in each partition the user's events were judged, see `quadrupel.core.places`.
    """

    marks: dict[int, Mark] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    reached: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Profile:
    """One user: the value of every attribute that has one, and a version that only grows."""

    user_id: str
    version: int = 0
    values: MutableMapping[str, Value] = field(default_factory=dict)
    state: FoldState = field(default_factory=FoldState)


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What a fold of several events did to one profile.

    `applied` counts the events that changed it; `unchanged` those folded before or decided by a
    later event; events that feed no attribute are in neither. `changed`: the profile is to be
    saved, and its version is one higher than before; if nothing was applied, it is because the
    place of a repetition is to be remembered. `erased`: one of them erased the user, so that
    everything else known of the user must go, even if another then opened the user again.
    """

    applied: int
    unchanged: int
    refused: tuple[tuple[Event, EventRefused], ...]
    changed: bool
    erased: bool = False


class Intake(NamedTuple):
    """A feed as the fold asks it: whose it is, and what it does."""

    attribute: Attribute
    feed: Feed
    tag: int
    change: "Change"


class Feeds:
    """A schema's feeds by event type and, of those with a `where`, by its first condition.

    So of the many feeds of one type an event meets only those that are likely to take it.
    """

    def __init__(self, schema: Schema) -> None:
        self._always: dict[str, list[Intake]] = {}
        self._members: dict[str, list[str]] = {}
        self._under: dict[tuple[str, str, type, object], list[Intake]] = {}
        for attribute in schema.attributes.values():
            for feed in attribute.feeds:
                self._add(feed, Intake(attribute, feed, attribute.tag, _change(attribute, feed)))

    def of(self, event: Event) -> list[Intake]:
        """The feeds the event goes into; empty when nothing declared is interested in it."""
        found = self._always.get(event.type, [])
        for member in self._members.get(event.type, ()):
            value = event.data.get(member)
            if type(value) in _CONDITIONS:
                key = (event.type, member, type(value), value)
                found = found + [each for each in self._under.get(key, ()) if _takes(each, event)]
        return found

    def can_change(self, event: Event) -> bool:
        """Whether the event can change a profile, if it came at once and nothing before it decides.

        It cannot when it feeds nothing, lacks what its feeds read, or is refused by all profiles.
        """
        try:
            arrival = Arrival(event, event.time.date())
            changes = _changes(Profile(event.subject), arrival, self.of(event))
        except EventRefused:
            return False
        return changes is not None

    def _add(self, feed: Feed, intake: Intake) -> None:
        if not feed.where:
            self._always.setdefault(feed.event, []).append(intake)
            return
        member, value = next(iter(feed.where.items()))
        members = self._members.setdefault(feed.event, [])
        if member not in members:
            members.append(member)
        key = (feed.event, member, type(value), value)
        self._under.setdefault(key, []).append(intake)


def _takes(intake: Intake, event: Event) -> bool:
    """Whether the event, of which the first condition holds, fulfils the others too."""
    where = intake.feed.where
    return len(where) == 1 or all(
        type(event.data.get(name)) is type(value) and event.data.get(name) == value
        for name, value in where.items()
    )


def arrived(events: Iterable[Event], on: date) -> list[Arrival]:
    """Events that all arrived on one day."""
    return [Arrival(event, on) for event in events]


def fold(profile: Profile, arrivals: Iterable[Arrival], feeds: Feeds) -> FoldResult:
    """Fold events of one user into `profile`, in place.

    An event is applied whole or refused whole.
    """
    applied = unchanged = 0
    repeated = erased = False
    latest = date.min
    refused: list[tuple[Event, EventRefused]] = []
    for arrival in arrivals:
        event = arrival.event
        interested = feeds.of(event)
        if not interested and event.type not in lifecycle.TYPES:
            continue
        try:
            changes = _changes(profile, arrival, interested)
        except EventRefused as error:
            refused.append((event, error))
            continue
        if changes is None:
            unchanged += 1
            continue
        changes.apply(profile, arrival.place)
        if changes.repeats:
            unchanged += 1
            repeated = True
            continue
        latest = max(latest, arrival.day)
        applied += 1
        erased |= changes.erases
    if applied:
        _forget(profile.state, latest.toordinal())
    changed = applied > 0 or repeated
    profile.version += changed
    return FoldResult(applied, unchanged, tuple(refused), changed, erased)


@dataclass(slots=True)
class _Changes:
    identity: int
    arrived: int
    values: dict[str, Value | None]
    marks: dict[int, Mark]
    adds_up: bool = False
    erases: bool = False
    repeats: bool = False

    def apply(self, profile: Profile, place: Place | None) -> None:
        if self.erases:
            profile.values, profile.state = {}, FoldState()
        for name, value in self.values.items():
            if value is None:
                profile.values.pop(name, None)
            else:
                profile.values[name] = value
        profile.state.marks.update(self.marks)
        if self.adds_up:
            profile.state.seen[self.identity] = self.arrived
        if place is not None and (self.adds_up or self.repeats):
            places.reach(place, profile.state.reached)


def _changes(profile: Profile, arrival: Arrival, interested: list[Intake]) -> _Changes | None:
    """What the event changes; None when it was folded before, or decides nothing any more."""
    event, day, place = arrival
    mark, marks = mark_of(event), profile.state.marks
    identity = mark[1]
    if identity in profile.state.seen:
        if place is None or places.is_reached(place, profile.state.reached):
            return None
        return _Changes(identity, day.toordinal(), {}, {}, repeats=True)
    if lifecycle.ERASED_TAG in marks:
        if lifecycle.is_over(place, marks):
            return None
        lifecycle.check(event, mark, place, marks)
    if event.type == lifecycle.ERASED:
        remembered = lifecycle.erase(mark, place, marks)
        return (
            None
            if remembered is None
            else _Changes(identity, day.toordinal(), {}, remembered, erases=True)
        )
    changes = _Changes(identity, day.toordinal(), {}, {})
    if event.type == lifecycle.REGISTERED:
        changes.marks.update(lifecycle.register(mark, place, marks))
    for intake in interested:
        intake.change(changes, profile, intake, event, mark)
    if changes.adds_up and place is not None and places.is_reached(place, profile.state.reached):
        return None
    return changes if changes.values or changes.marks else None


def _decide(changes: _Changes, profile: Profile, intake: Intake, event: Event, mark: Mark) -> None:
    attribute, feed, tag, *_ = intake
    if feed.operation is Operation.LATEST and feed.field not in event.data:
        return
    value = _register_value(attribute, feed, event)
    if mark > profile.state.marks.get(tag, NEVER):
        changes.values[attribute.name] = value
        changes.marks[tag] = mark


def _register_value(attribute: Attribute, feed: Feed, event: Event) -> Value | None:
    if feed.operation is Operation.SET:
        return feed.value
    if feed.operation is Operation.CLEAR or feed.field is None:
        return None
    raw = event.data[feed.field]
    return None if raw is None else to_value(attribute, feed.field, raw)


def _extend(changes: _Changes, profile: Profile, intake: Intake, event: Event, _: Mark) -> None:
    attribute, feed = intake.attribute, intake.feed
    time = event.time.date() if attribute.type is Type.DATE else event.time
    present = changes.values.get(attribute.name, profile.values.get(attribute.name))
    choose = min if feed.operation is Operation.FIRST_TIME else max
    extended = choose(present, time) if isinstance(present, date) else time
    if extended != present:
        changes.values[attribute.name] = extended


def _add(changes: _Changes, profile: Profile, intake: Intake, event: Event, _: Mark) -> None:
    attribute, feed = intake.attribute, intake.feed
    present = changes.values.get(attribute.name, profile.values.get(attribute.name))
    if feed.operation is Operation.STATISTICS:
        statistics = present if isinstance(present, Mapping) else {}
        total: Value | None = _statistics(statistics, attribute, feed, event)
    else:
        total = _total(present if isinstance(present, int | Decimal) else 0, attribute, feed, event)
    if total is not None:
        changes.values[attribute.name] = total
        changes.adds_up = True


def _count(changes: _Changes, profile: Profile, intake: Intake, event: Event, _: Mark) -> None:
    """Count the event once, even if several feeds of the attribute take it."""
    attribute = intake.attribute
    if attribute.name in changes.values:
        return
    present = profile.values.get(attribute.name)
    counts = present if isinstance(present, tuple) else NO_EVENTS
    more = one_more(counts, event.time.toordinal(), changes.arrived, attribute.window)
    if more is None:
        return
    if not fits(more):
        raise EventRefused("out-of-range", f"{attribute.name} cannot hold one more event")
    changes.values[attribute.name] = more
    changes.adds_up = True


Change = Callable[[_Changes, Profile, Intake, Event, Mark], None]
"""Adds to the changes what one feed makes of an event; EventRefused if its data is wrong."""


def _change(attribute: Attribute, feed: Feed) -> Change:
    if attribute.type is Type.WINDOWED_COUNT:
        return _count
    if feed.operation in REGISTER:
        return _decide
    if feed.operation in (Operation.FIRST_TIME, Operation.LAST_TIME):
        return _extend
    return _add


def _total(
    present: int | Decimal, attribute: Attribute, feed: Feed, event: Event
) -> int | Decimal | None:
    if feed.operation is Operation.COUNT:
        return bounded(attribute, present + 1)
    if feed.field is None or feed.field not in event.data:
        return None
    amount = to_value(attribute, feed.field, event.data[feed.field])
    if not isinstance(amount, int | Decimal):
        raise TypeError(f"{attribute.name} is a sum of {type(amount).__name__}")
    signed = -amount if feed.operation is Operation.SUBTRACT else amount
    return bounded(attribute, present + signed)


def _statistics(
    present: Mapping[str, Statistic], attribute: Attribute, feed: Feed, event: Event
) -> dict[str, Statistic] | None:
    if feed.key is None or feed.key not in event.data:
        return None
    key = to_key(attribute, feed.key, event.data[feed.key])
    amount = Decimal(0)
    if feed.field is not None and feed.field in event.data:
        amount = to_decimal(attribute, feed.field, event.data[feed.field])
    old = present.get(key)
    if old is None and len(present) >= MAX_STATISTIC_KEYS:
        detail = f"{attribute.name} already has {MAX_STATISTIC_KEYS} keys"
        raise EventRefused("too-many-keys", detail)
    if old is None:
        return {**present, key: Statistic(1, amount, event.time, event.time)}
    total = Decimal(bounded(attribute, old.sum + amount))
    first, last = min(old.first, event.time), max(old.last, event.time)
    return {**present, key: Statistic(old.count + 1, total, first, last)}


def _forget(state: FoldState, today: int) -> None:
    old = [identity for identity, day in state.seen.items() if day < today - DUPLICATE_DAYS]
    for identity in old:
        del state.seen[identity]
