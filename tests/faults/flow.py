"""What the crash and zombie tests share: events into profiles, and what must be true of them.

A `Flow` is a database and a bus that are set up. A `Nest` gives workers of ingest that may have a
fate. The profiles that must come out are told by the undisturbed fold: every message of the topic,
once, in its order, in memory.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Self

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

from .worker import LOG, RECORD, Orders

TODAY = date(2026, 11, 23)
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


def stream(count: int, chance: random.Random) -> list[Event]:
    """So many events of citizens, in no order; one of twenty is there twice, somewhere."""
    distinct = round(count / (1 + DUPLICATES))
    lives = population.events(count, chance.randrange(10**9), TODAY)
    once = [event for event, _ in zip(lives, range(distinct), strict=False)]
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
        assert told(saved) == told(undisturbed)
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


def check_counts(messages: Iterable[Message], saved: dict[str, Profile]) -> None:
    """Count what adds up anew, without the fold."""
    events = {(each.source, each.id): each for each in map(decode_event, values(messages))}
    orders: Counter[tuple[str, object]] = Counter()
    children: Counter[str] = Counter()
    fines: Counter[str] = Counter()
    for event in events.values():
        if event.type == "service.ordered":
            orders[event.subject, event.data["service"]] += 1
        elif event.type == "child.registered":
            children[event.subject] += 1
        elif event.type in ("fine.issued", "fine.paid"):
            sign = 1 if event.type == "fine.issued" else -1
            fines[event.subject] += sign * event.data["amount"]  # type: ignore[operator]
    assert orders
    assert children
    for name, counted in (("children", children), ("fines_owed", fines)):
        assert {
            user: each.values.get(name) for user, each in saved.items() if name in each.values
        } == counted
    assert {
        (user, service): statistic.count
        for user, each in saved.items()
        for service, statistic in each.values.get("orders", {}).items()  # type: ignore[union-attr]
    } == orders


def values(messages: Iterable[Message]) -> Iterator[bytes]:
    return (message.value for message in messages)


def behind(messages: Iterable[Message], handed_on: dict[str, Position]) -> dict[str, object]:
    """The users whose last event was not handed on. Every event of a life feeds something."""
    last = {
        user: Position(sent[-1][0].partition, sent[-1][0].offset)
        for user, sent in by_user(messages).items()
    }
    return {
        user: (at, handed_on.get(user)) for user, at in last.items() if handed_on.get(user) != at
    }


@dataclass(slots=True)
class Worker:
    """A process of ingest that the nest started."""

    pid: int
    orders: Orders

    def is_alive(self) -> bool:
        """Whether the process is there, stopped or not."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def notes(self) -> list[str]:
        """What it wrote into the record: points, batches, errors, that it left."""
        path = Path(self.orders.folder, RECORD)
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1] for line in lines if line.startswith(f"{self.pid} ")]

    def last_words(self) -> str:
        """The end of the log of all workers of its folder."""
        path = Path(self.orders.folder, LOG)
        return path.read_text()[-3000:] if path.exists() else ""


class Nest:
    """Starts workers at once: forks of a process that imported everything before."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, orders: Orders) -> Worker:
        """A new worker."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        stdin.flush()
        return Worker(int(stdout.readline()), orders)


@contextlib.contextmanager
def ended(workers: list[Worker], seconds: float = 30.0) -> Iterator[None]:
    """Ask the workers to leave at the end of the block, and wait; kill what does not."""
    try:
        yield
        for worker in workers:
            worker.send(signal.SIGTERM)
        wait_for(lambda: not any(worker.is_alive() for worker in workers), seconds)
    finally:
        for worker in workers:
            worker.send(signal.SIGKILL)


def orders_for(settings: Settings, folder: Path, **others: Any) -> Orders:
    """Orders of a worker in a flow."""
    named = settings.model_dump(mode="json", exclude_unset=True)
    return Orders(str(folder), named, **others)


def wait_for(done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)


def settings_for(database_url: str, rules: Path, **others: Any) -> Settings:
    """The settings of a flow."""
    return read_settings(database_url=database_url, rules=rules, batch_size=BATCH_SIZE, **others)
