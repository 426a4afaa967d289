"""What the crash and zombie tests share: events into profiles, and what must be true of them.

A `Flow` is a database and a bus that are set up. The profiles that must come out are told by the
undisturbed fold: every message of the topic, once, in its order, in memory. What adds up is counted
once more without the fold.
"""

import contextlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from quadrupel import bootstrap, population
from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import decode_event, event_message
from quadrupel.config import Settings, read_settings
from quadrupel.core.events import Event
from quadrupel.core.lifecycle import Place
from quadrupel.core.ports import Bus, Message, Outgoing, Producer, Progress
from quadrupel.core.positions import Position
from quadrupel.core.profiles import Arrival, Feeds, Profile, fold
from quadrupel.rules.catalogue import RuleSet
from quadrupel.store import database
from quadrupel.store.profiles import ProfileStore

DUPLICATES = 0.05
BATCH_SIZE = 50
"""A fifth of what ingest takes at once: small, so that there are many batches."""

JOURNAL = """
    CREATE TABLE went_back (user_id text, old bigint, new bigint);
    CREATE FUNCTION note_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            INSERT INTO went_back VALUES (OLD.user_id, OLD.version, NULL);
        ELSE
            INSERT INTO went_back VALUES (OLD.user_id, OLD.version, NEW.version);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_update AFTER UPDATE ON profiles FOR EACH ROW
        WHEN (NEW.version <= OLD.version) EXECUTE FUNCTION note_version();
    CREATE TRIGGER note_delete AFTER DELETE ON profiles FOR EACH ROW
        EXECUTE FUNCTION note_version();
"""
"""Notes every version that does not grow, in the transaction in which it does not."""


def lives(count: int, seed: int) -> list[Event]:
    """So many events of citizens up to yesterday, those of each in the order of their times."""
    return list(islice(population.events(count, seed, datetime.now(UTC).date()), count))


def stream(count: int, chance: random.Random) -> list[Event]:
    """So many events of citizens, in no order; one of twenty is there twice, somewhere."""
    distinct = round(count / (1 + DUPLICATES))
    once = lives(distinct, chance.randrange(10**9))
    events = [*once, *chance.sample(once, count - distinct)]
    chance.shuffle(events)
    return events


@dataclass(slots=True)
class Flow:
    """A database and a bus, ready for ingest. `folder`: where workers write."""

    settings: Settings
    folder: Path
    bus: Bus
    producer: Producer
    rules: RuleSet
    sent: list[Outgoing] = field(default_factory=list)

    def publish(self, events: Sequence[Event]) -> None:
        """Send events and remember them."""
        messages = list(map(event_message, events))
        self.producer.publish(messages)
        self.sent += messages

    def progress(self) -> Progress:
        """How far ingest is."""
        return self.bus.admin().progress(topics.EVENTS, topics.INGEST_GROUP)

    def query(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.settings.database, autocommit=True) as connection:
            return connection.execute(statement, arguments).fetchall()

    def arrived(self) -> list[Message]:
        """Every message of the topic of events: those that were sent, no more and no less."""
        messages = list(self.bus.admin().browse(topics.EVENTS))
        assert Counter(each.value for each in messages) == Counter(each.value for each in self.sent)
        return messages

    def saved(self) -> dict[str, Profile]:
        """The profiles in the database, as the fold finds them."""
        store = ProfileStore(self.rules.schema)
        users = [user for [user] in self.query("SELECT user_id FROM profiles")]
        with (
            bootstrap.open_engine(self.settings) as engine,
            database.transaction(engine) as connection,
        ):
            return store.read(connection, users, erased=True)

    def check(self) -> None:
        """What must be true at rest: nothing lost, counted twice, gone back or not handed on."""
        arrived = self.arrived()
        saved = self.saved()
        check_counts(arrived, saved)
        undisturbed = folded(arrived, Feeds(self.rules.schema))
        assert differences(told(saved), told(undisturbed)) == {}
        assert self.query("SELECT * FROM went_back") == []
        assert list(self.bus.admin().browse(topics.DEAD_LETTERS)) == []
        assert behind(arrived, self.handed_on()) == {}

    def handed_on(self) -> dict[str, Position]:
        """By user the last event that reached `quadrupel.profiles`."""
        found: dict[str, Position] = {}
        for message in self.bus.admin().browse(topics.PROFILES):
            changed = codec.read_changed_profile(message)
            assert changed.cause is not None
            position = changed.cause.position
            found[changed.user_id] = max(position, found.get(changed.user_id, position))
        return found


@contextlib.contextmanager
def open_flow(settings: Settings, folder: Path) -> Iterator[Flow]:
    """Set everything up, with the trigger that watches versions."""
    bootstrap.set_up(settings)
    with psycopg.connect(settings.database) as connection:
        connection.execute(JOURNAL)
    with (
        contextlib.closing(bootstrap.open_bus(settings)) as bus,
        contextlib.closing(bus.producer()) as producer,
    ):
        if settings.kafka_bootstrap is None:
            keep_events(bus)
        yield Flow(settings, folder, bus, producer, bootstrap.load_rules(settings))


def keep_events(bus: Bus) -> None:
    """Let the Postgres bus delete no event: a group that never reads may need them all."""
    with contextlib.closing(bus.consumer(topics.EVENTS, "never reads")) as consumer:
        assert consumer.poll(1, 0) == []


def by_user(messages: Iterable[Message]) -> dict[str, list[tuple[Message, Event]]]:
    """The events of each user, in the order of the topic."""
    users: dict[str, list[tuple[Message, Event]]] = {}
    for message in messages:
        event = decode_event(message.value)
        users.setdefault(event.subject, []).append((message, event))
    return users


def folded(messages: Iterable[Message], feeds: Feeds) -> dict[str, Profile]:
    """The profiles after every message, each once."""
    profiles: dict[str, Profile] = {}
    for user_id, sent in by_user(messages).items():
        profile = Profile(user_id)
        arrivals = [
            Arrival(event, at.timestamp.date(), Place(at.timestamp, at.offset, at.partition))
            for at, event in sent
        ]
        assert not fold(profile, arrivals, feeds).refused
        if profile.version:
            profiles[user_id] = profile
    return profiles


def told(profiles: dict[str, Profile]) -> dict[str, object]:
    """What profiles say and remember; not how many batches it took."""
    return {user: (dict(each.values), each.state) for user, each in profiles.items()}


def check_counts(messages: Sequence[Message], saved: Mapping[str, Profile]) -> None:
    """Count what adds up anew, without the fold."""
    decoded = (decode_event(message.value) for message in messages)
    events = {(each.source, each.id): each for each in decoded}.values()
    children: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    ordered: Counter[tuple[str, str]] = Counter()
    fined: Counter[tuple[str, int]] = Counter()
    for event in events:
        user = event.subject
        if event.type == "child.registered":
            children[user] += 1
        elif event.type == "service.ordered":
            ordered[user, str(event.data["service"])] += 1
        elif event.type in ("fine.issued", "fine.paid"):
            sign = 1 if event.type == "fine.issued" else -1
            owed[user] += sign * event.data["amount"]  # type: ignore[operator]
            if sign == 1 and event.time.toordinal() > messages[0].timestamp.toordinal() - 366:
                fined[user, event.time.toordinal()] += 1
    assert all([children, owed, ordered, fined])
    found = {name: added_up(saved, name) for name in ("children", "fines_owed")}
    assert differences(found["children"], children) == {}
    assert differences(found["fines_owed"], owed) == {}
    orders = added_up(saved, "orders").items()
    counted = {(user, service): one.count for user, each in orders for service, one in each.items()}
    assert differences(counted, ordered) == {}
    recent = added_up(saved, "recent_fines").items()
    assert differences({(user, day): n for user, days in recent for day, n in days}, fined) == {}


def added_up(saved: Mapping[str, Profile], name: str) -> dict[str, Any]:
    """The value of an attribute by user, where there is one."""
    return {user: each.values[name] for user, each in saved.items() if name in each.values}


def differences(saved: Mapping[Any, object], expected: Mapping[Any, object]) -> dict[Any, object]:
    """By user what is saved and what is expected, where they differ; a few of them."""
    users = sorted(saved.keys() | expected.keys())
    found = ((user, (saved.get(user), expected.get(user))) for user in users)
    return dict(islice(((user, both) for user, both in found if both[0] != both[1]), 5))


def behind(messages: Iterable[Message], handed_on: dict[str, Position]) -> dict[str, object]:
    """The users whose last event was not handed on. Every event of a life feeds something."""
    last = {
        user: Position(sent[-1][0].partition, sent[-1][0].offset)
        for user, sent in by_user(messages).items()
    }
    return {
        user: (at, handed_on.get(user)) for user, at in last.items() if handed_on.get(user) != at
    }


def settings_for(database_url: str, rules: Path, **others: Any) -> Settings:
    """The settings of a flow."""
    return read_settings(database_url=database_url, rules=rules, batch_size=BATCH_SIZE, **others)
