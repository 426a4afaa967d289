"""Ingest: events in, profiles folded and saved, the changed profiles handed on to evaluate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog

from quadrupel.bus import codec
from quadrupel.bus.event_codec import decode_event
from quadrupel.core.attributes import Schema
from quadrupel.core.errors import EventRefused
from quadrupel.core.events import Event, check_time, is_late
from quadrupel.core.lifecycle import Place
from quadrupel.core.ports import Message, Outgoing
from quadrupel.core.positions import Cause
from quadrupel.core.profiles import Arrival, Feeds, Profile, fold
from quadrupel.store import erasure
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.telemetry import (
    EVENTS_CONSUMED,
    EVENTS_DEAD,
    EVENTS_LATE,
    PROFILES_WRITTEN,
    USERS_ERASED,
)

NAME = "ingest"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Declared:
    """The declaration of profiles in force: how events feed them, and where they are kept."""

    feeds: Feeds
    store: ProfileStore


def declared(schema: Schema) -> Declared:
    """What ingest needs of a schema."""
    return Declared(Feeds(schema), ProfileStore(schema))


class Ingest:
    """Folds batches of events into profiles, each batch with the declaration then in force.

    A batch is folded per user in memory and saved in one transaction, every user at most once.
    Each user of whom an event feeds something declared is handed on, changed or not: after a crash
    between commit and publish, the redelivered events change nothing, and still must reach
    evaluate. So must a refused event, for whoever waits until the banner set contains it.
    """

    def __init__(
        self,
        engine: sa.Engine,
        declared: Callable[[], Declared],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._declared = declared
        self._clock = clock

    def process(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Fold, save, and return the changed profiles and the dead letters."""
        events, dead = _decode(messages)
        causes, refused = self._save(events)
        dead += refused
        EVENTS_CONSUMED.inc(len(messages))
        EVENTS_DEAD.inc(len(dead))
        changed = [codec.changed_profile(user_id, cause=causes[user_id]) for user_id in causes]
        return [*changed, *dead]

    def _save(
        self, events: dict[str, list[tuple[Message, Event]]]
    ) -> tuple[dict[str, Cause], list[Outgoing]]:
        """The users to hand on, each with the last of its events, and dead letters."""
        now, declared = self._clock(), self._declared()
        changed: list[Profile] = []
        erased: list[Profile] = []
        causes: dict[str, Cause] = {}
        dead: list[Outgoing] = []
        with transaction(self._engine) as connection:
            known = declared.store.read(connection, list(events), erased=True)
            for user_id, sent in sorted(events.items()):
                profile = known.get(user_id) or Profile(user_id)
                arrivals = [
                    Arrival(
                        event, message.timestamp.date(), Place(message.timestamp, message.offset)
                    )
                    for message, event in sent
                ]
                result = fold(profile, arrivals, declared.feeds)
                if result.refused:
                    carriers = {id(event): message for message, event in sent}
                    dead += [
                        _dead_letter(carriers[id(event)], error) for event, error in result.refused
                    ]
                if result.applied:
                    changed.append(profile)
                if result.erased:
                    erased.append(profile)
                if result.applied or result.unchanged or result.refused:
                    causes[user_id] = _cause(sent[-1][0])
            declared.store.write(connection, changed, now)
            contained = {user_id: cause.position for user_id, cause in causes.items()}
            erasure.erase(connection, erased, now, contained)
        PROFILES_WRITTEN.inc(len(changed))
        USERS_ERASED.inc(len(erased))
        return causes, dead


def _cause(message: Message) -> Cause:
    return Cause(message.partition, message.offset, message.timestamp)


def _decode(
    messages: Sequence[Message],
) -> tuple[dict[str, list[tuple[Message, Event]]], list[Outgoing]]:
    """The events of a batch by user, and the dead letters of what is no event."""
    events: dict[str, list[tuple[Message, Event]]] = {}
    dead: list[Outgoing] = []
    for message in messages:
        try:
            event = decode_event(message.value)
            check_time(event, message.timestamp)
        except EventRefused as error:
            dead.append(_dead_letter(message, error))
        else:
            events.setdefault(event.subject, []).append((message, event))
            if is_late(event, message.timestamp):
                EVENTS_LATE.inc()
    return events, dead


def _dead_letter(message: Message, error: EventRefused) -> Outgoing:
    log.warning(
        "event refused",
        reason=error.reason,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
    )
    return codec.dead_letter(NAME, message, error)
