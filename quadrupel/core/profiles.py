"""Profiles, and the fold: how events change the values of one user.

The fold depends on the set of a user's events only, not on their order or their repetition.
For `latest`, `set` and `clear` the event with the greatest (time, identity) decides: identity, a
64-bit hash of source and id, breaks ties between equal times. `count`, `sum`, `subtract` and
`statistics` add up. They remember the identity of each event for `DUPLICATE_DAYS` after its
arrival, so that what its source sends again changes nothing; and the place on the bus up to which
they and their repetitions went (`quadrupel.core.places`), so that what the bus delivers again
changes nothing, however long after. A windowed count adds up by the day of the event, and drops the
days that have left its window whenever it counts one more; dropped or not, no rule sees them.
`first_time` and `last_time` are a minimum and a maximum. Only erasures and registrations take
effect in the order of their arrival: see `quadrupel.core.lifecycle`. And where a value is full (a
statistic of MAX_STATISTIC_KEYS keys, a sum at the end of its range), the event that comes then is
refused whole: which one that is depends on the order.
"""

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from quadrupel.core import lifecycle, places
from quadrupel.core.errors import EventRefused
from quadrupel.core.events import Event
from quadrupel.core.feedback import TYPES as FEEDBACK
from quadrupel.core.feedback import Given, read_feedback
from quadrupel.core.feeds import MAX_STATISTIC_KEYS as MAX_STATISTIC_KEYS
from quadrupel.core.feeds import Change, Changes
from quadrupel.core.feeds import Feeds as Feeds
from quadrupel.core.marks import Mark, mark_of
from quadrupel.core.places import Place
from quadrupel.core.values import Value

DUPLICATE_DAYS = 7


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

    marks: MutableMapping[int, Mark] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    reached: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Profile:
    """One user: the value of every attribute that has one, and a version that only grows."""

    user_id: str
    version: int = 0
    values: MutableMapping[str, Value] = field(default_factory=dict)
    state: FoldState = field(default_factory=FoldState)


class FoldResult(NamedTuple):
    """What a fold of several events did to one profile.

    `applied` counts the events that changed it; `unchanged` those folded before or decided by a
    later event; events that feed no attribute are in neither. `changed`: the profile is to be
    saved, and its version is one higher than before; if nothing was applied, it is because the
    place of a repetition is to be remembered. `erased`: one of them erased the user, so that
    everything else known of the user must go, even if another then opened the user again.
    `feedback` is what is to be kept of it: all that came after an erasure, repetitions too, since
    they may tell another time.
    """

    applied: int
    unchanged: int
    refused: tuple[tuple[Event, EventRefused], ...]
    changed: bool
    erased: bool = False
    feedback: tuple[Given, ...] = ()


def arrived(events: Iterable[Event], on: date) -> list[Arrival]:
    """Events that all arrived on one day."""
    return [Arrival(event, on) for event in events]


def fold(profile: Profile, arrivals: Iterable[Arrival], feeds: Feeds) -> FoldResult:
    """Fold events of one user into `profile`, in place.

    An event is applied whole or refused whole.
    """
    applied = unchanged = latest = 0
    repeated = erased = False
    refused: list[tuple[Event, EventRefused]] = []
    feedback: list[Given] = []
    for event, day, place in arrivals:
        interested = feeds.of(event)
        if not interested and event.type not in lifecycle.TYPES:
            continue
        try:
            changes = _changes(profile, event, day, place, interested)
            if changes is not None and event.type in FEEDBACK:
                feedback.append(read_feedback(event))
        except EventRefused as error:
            refused.append((event, error))
            continue
        if changes is None:
            unchanged += 1
            continue
        _apply(changes, profile, place)
        if changes.repeats:
            unchanged += 1
            repeated = True
            continue
        if changes.arrived > latest:
            latest = changes.arrived
        applied += 1
        if changes.erases:
            erased = True
            feedback.clear()
    if applied:
        _forget(profile.state, latest)
    changed = applied > 0 or repeated
    profile.version += changed
    return FoldResult(applied, unchanged, tuple(refused), changed, erased, tuple(feedback))


def _apply(changes: Changes, profile: Profile, place: Place | None) -> None:
    if changes.erases:
        profile.values, profile.state = {}, FoldState()
    state = profile.state
    values = changes.values
    if changes.takes_away:
        for name in [name for name, value in values.items() if value is None]:
            profile.values.pop(name, None)
        values = {name: value for name, value in values.items() if value is not None}
    profile.values.update(values)
    state.marks.update(changes.marks)
    if changes.adds_up:
        state.seen[changes.mark[1]] = changes.arrived
    if place is not None and (changes.adds_up or changes.repeats):
        places.reach(place, state.reached)


def _changes(
    profile: Profile, event: Event, day: date, place: Place | None, interested: Sequence[Change]
) -> Changes | None:
    """What the event changes; None when it was folded before, or decides nothing any more."""
    state = profile.state
    mark, marks = mark_of(event), state.marks
    changes = Changes(mark, day.toordinal(), profile.values, marks)
    if mark[1] in state.seen:
        changes.repeats = True
        return None if _is_known(place, state) else changes
    if lifecycle.ERASED_TAG in marks:
        if lifecycle.is_over(place, marks):
            return None
        lifecycle.check(event, mark, place, marks)
    if event.type in lifecycle.TYPES and not _turn(changes, event, place):
        return None
    if not changes.erases:
        for change in interested:
            change(changes, event)
    if changes.adds_up and place is not None and places.is_reached(place, state.reached):
        return None
    return changes if changes.values or changes.marks or changes.adds_up else None


def _is_known(place: Place | None, state: FoldState) -> bool:
    return place is None or places.is_reached(place, state.reached)


def _turn(changes: Changes, event: Event, place: Place | None) -> bool:
    """Add what an event of the lifecycle changes; False: an erasure that changes nothing."""
    if event.type == lifecycle.REGISTERED:
        changes.marks |= lifecycle.register(changes.mark, place, changes.decided)
        return True
    remembered = lifecycle.erase(changes.mark, place, changes.decided)
    if remembered is None:
        return False
    changes.marks, changes.erases = remembered, True
    return True


def _forget(state: FoldState, today: int) -> None:
    old = [identity for identity, day in state.seen.items() if day < today - DUPLICATE_DAYS]
    for identity in old:
        del state.seen[identity]
