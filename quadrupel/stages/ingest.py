"""Ingest: events in, profiles folded and saved, the changed profiles handed on to evaluate."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from quadrupel.bus import codec
from quadrupel.bus.event_codec import decode_event
from quadrupel.core.attributes import Schema
from quadrupel.core.errors import EventRefused
from quadrupel.core.events import check_time, is_late
from quadrupel.core.experiments import NO_GOALS, Goals
from quadrupel.core.exposures import Reached
from quadrupel.core.feedback import TYPES as FEEDBACK
from quadrupel.core.feedback import Given
from quadrupel.core.places import Place
from quadrupel.core.ports import Message, Outgoing
from quadrupel.core.positions import Cause, Position
from quadrupel.core.profiles import Arrival, Feeds, Profile, fold
from quadrupel.stages.alarm import Alarm, Tell
from quadrupel.stages.aside import Refused, put_aside
from quadrupel.stages.feedback_limit import within_limit
from quadrupel.stages.halving import Unsaved, save_all
from quadrupel.store import banner_feedback, banner_news, erasure, exposures
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.telemetry import (
    BANNER_FEEDBACK,
    EVENTS_CONSUMED,
    EVENTS_FOLDED,
    EVENTS_LATE,
    EVENTS_UNCHANGED,
    PROFILES_WRITTEN,
    USERS_ERASED,
    Laps,
)

NAME = "ingest"

Carried = tuple[Message, Arrival]
"""An event as it arrived, with the message that carried it."""

Events = Mapping[str, Sequence[Carried]]
"""Events by user."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The declaration of profiles in force: how events feed them, and where they are kept.

    `goals` are the events that rules want, by type.
    """

    feeds: Feeds
    store: ProfileStore
    goals: Goals


def declared(schema: Schema, goals: Goals = NO_GOALS) -> Declared:
    """What ingest needs of a schema, and of what rules want."""
    return Declared(Feeds(schema), ProfileStore(schema), goals)


@dataclass(slots=True)
class _Outcome:
    """What became of a batch, or of a part of it.

    `last` has the users to hand on, each with the message of the last of its events. `feedback`
    has what users told of banners, each with its user.
    """

    last: dict[str, Message] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    feedback: list[tuple[str, Given]] = field(default_factory=list)
    folded: int = 0
    unchanged: int = 0
    written: int = 0
    erased: int = 0

    def add(self, part: "_Outcome | Unsaved[Carried]") -> None:
        if isinstance(part, Unsaved):
            message, arrival = part.event
            self.last[arrival.event.subject] = message
            self.refused.append((message, EventRefused("database-refused", str(part.refusal))))
            return
        self.last |= part.last
        self.refused += part.refused
        self.feedback += part.feedback
        self.folded += part.folded
        self.unchanged += part.unchanged
        self.written += part.written
        self.erased += part.erased


class Ingest:
    """Folds batches of events into profiles, each batch with the declaration then in force.

    A batch is folded per user in memory and saved in one transaction, every user at most once.
    Each user of whom an event feeds something declared is handed on, changed or not: after a crash
    between commit and publish, the redelivered events change nothing, and still must reach
    evaluate. So must a refused event, for whoever waits until the banner set contains it.

    An event that the database refuses is found by halving the batch, and put aside; `keep_alive`
    is called meanwhile. When most of what comes is garbage, `alarm` halts the stage.
    """

    def __init__(
        self,
        engine: sa.Engine,
        declared: Callable[[], Declared],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        alarm: Alarm | None = None,
        keep_alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._declared = declared
        self._clock = clock
        self._alarm = alarm or Alarm(engine, NAME, "", clock)
        self._keep_alive = keep_alive

    def process(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Fold, save, and return the changed profiles and the dead letters.

        Raises Halted, and saves nothing, when the events are garbage.
        """
        laps = Laps(NAME)
        outcome = _Outcome()
        events, givers, outcome.refused = _decode(messages)
        laps.end("decode")
        with self._alarm.judging(messages) as tell:

            def save(part: Events) -> _Outcome:
                of_part = givers & part.keys()
                return self._save(part, of_part, laps, lambda more: tell([*outcome.refused, *more]))

            for part in save_all(events, save, self._keep_alive):
                outcome.add(part)
                if isinstance(part, Unsaved):
                    tell(outcome.refused)
        _count(outcome, len(messages))
        return [
            *(
                codec.changed_profile(user, cause=_cause(message))
                for user, message in outcome.last.items()
            ),
            *(put_aside(NAME, message, error) for message, error in outcome.refused),
        ]

    def _save(self, events: Events, givers: Collection[str], laps: Laps, tell: Tell) -> _Outcome:
        """Fold and save in one transaction, unless what was refused is too much.

        `givers` are the users with feedback among their events.
        """
        now, declared = self._clock(), self._declared()
        with transaction(self._engine) as connection:
            if givers:
                events = within_limit(connection, events, givers)
            known = declared.store.read(connection, list(events), erased=True)
            laps.end("read")
            outcome, changed, erased = _fold(events, known, declared.feeds)
            reached = _reached(events, outcome.refused, declared.goals)
            laps.end("fold")
            tell(outcome.refused)
            declared.store.write(connection, changed, now)
            contained = {each.user_id: _position(outcome.last[each.user_id]) for each in erased}
            emptied = erasure.erase(connection, erased, now, contained)
            banner_feedback.save(connection, outcome.feedback)
            exposures.reach(connection, reached)
        banner_news.tell(self._engine, emptied, self._clock())
        laps.end("write")
        return outcome


def _fold(
    events: Events, known: Mapping[str, Profile], feeds: Feeds
) -> tuple[_Outcome, list[Profile], list[Profile]]:
    """Fold user by user; also returns the profiles that changed, and those that were erased."""
    outcome = _Outcome()
    changed: list[Profile] = []
    erased: list[Profile] = []
    for user_id, sent in sorted(events.items()):
        profile = known.get(user_id) or Profile(user_id)
        result = fold(profile, [arrival for _, arrival in sent], feeds)
        if result.refused:
            carriers = {id(arrival.event): message for message, arrival in sent}
            outcome.refused += [(carriers[id(event)], error) for event, error in result.refused]
        outcome.folded += result.applied
        outcome.unchanged += result.unchanged
        if result.changed:
            changed.append(profile)
        if result.erased:
            erased.append(profile)
        outcome.feedback += [(user_id, given) for given in result.feedback]
        if result.applied or result.unchanged or result.refused:
            outcome.last[user_id] = sent[-1][0]
    outcome.written, outcome.erased = len(changed), len(erased)
    return outcome, changed, erased


def _reached(events: Events, refused: Sequence[Refused], goals: Goals) -> list[Reached]:
    """What users did that rules want; what the fold refused was not done."""
    if not goals:
        return []
    not_done = {id(message) for message, _ in refused}
    return [
        Reached(user_id, goal.rule, arrival.event.time, goal.within)
        for user_id, sent in events.items()
        for message, arrival in sent
        if arrival.event.type in goals
        for goal in goals[arrival.event.type]
        if goal.is_met_by(arrival.event) and id(message) not in not_done
    ]


def _decode(
    messages: Sequence[Message],
) -> tuple[dict[str, list[Carried]], set[str], list[Refused]]:
    """The events of a batch by user, the users with feedback among them, and what is no event."""
    events: defaultdict[str, list[Carried]] = defaultdict(list)
    givers: set[str] = set()
    refused: list[Refused] = []
    for message in messages:
        _, partition, offset, _, body, taken_at = message
        try:
            event = decode_event(body)
            check_time(event, taken_at)
        except EventRefused as error:
            refused.append((message, error))
            continue
        # What Place(...) and Arrival(...) do, without two calls of Python functions for each event.
        place = tuple.__new__(Place, (taken_at, offset, partition))
        arrival = tuple.__new__(Arrival, (event, taken_at.date(), place))
        events[event.subject].append((message, arrival))
        if event.type in FEEDBACK:
            givers.add(event.subject)
        if is_late(event, taken_at):
            EVENTS_LATE.inc()
    return events, givers, refused


def _position(message: Message) -> Position:
    return Position(message.partition, message.offset)


def _cause(message: Message) -> Cause:
    return Cause(message.partition, message.offset, message.timestamp)


def _count(outcome: _Outcome, consumed: int) -> None:
    EVENTS_CONSUMED.inc(consumed)
    EVENTS_FOLDED.inc(outcome.folded)
    EVENTS_UNCHANGED.inc(outcome.unchanged)
    PROFILES_WRITTEN.inc(outcome.written)
    USERS_ERASED.inc(outcome.erased)
    for _, given in outcome.feedback:
        BANNER_FEEDBACK.labels(given.action).inc()
