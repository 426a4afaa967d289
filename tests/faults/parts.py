"""What the fault tests are built from: a source that never stops, the truth."""

import contextlib
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, Self

import psycopg

from quadrupel import bootstrap, population
from quadrupel.bootstrap_stages import evaluate
from quadrupel.bus import topics
from quadrupel.bus.event_codec import decode_event, event_message
from quadrupel.config import Settings
from quadrupel.core.errors import BusUnavailable
from quadrupel.core.events import Event
from quadrupel.core.ports import Bus, Outgoing
from quadrupel.core.profiles import Feeds, Profile
from quadrupel.core.publishing import Publication, decide
from quadrupel.rules.offered import offers
from quadrupel.store.banner_rows import write_banners
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.supervisor import Child, Supervisor

from .flow import folded

STAGES = ("ingest", "evaluate", "publish")
LANES = (topics.INGEST, topics.EVALUATE, topics.PUBLISH)
WAITING = "waiting for what is away"


class Source(threading.Thread):
    """A source system that sends the lives of a population, mixed and in part twice, until told.

    What the bus does not take is sent again, so all of `sent` are accepted in the end.
    """

    def __init__(self, bus: Bus, today: date, seed: int, per_second: int = 1_000) -> None:
        super().__init__(daemon=True)
        self.sent: list[Event] = []
        self._bus = bus
        self._events = _mixed(population.events(10_000_000, seed, today), random.Random(seed))
        self._pause = 100 / per_second
        self._end = threading.Event()

    def run(self) -> None:
        with contextlib.closing(self._bus.producer()) as producer:
            while not self._end.wait(self._pause):
                batch = list(islice(self._events, 100))
                messages = [event_message(event) for event in batch]
                while not _taken(producer.publish, messages):
                    self._end.wait(0.2)
                self.sent += batch

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()

    def stop(self) -> None:
        """Stop sending; return when everything sent was accepted."""
        self._end.set()
        self.join(60)
        assert not self.is_alive(), "the bus does not take what the source sends"


def _mixed(stream: Iterator[Event], chance: random.Random) -> Iterator[Event]:
    """In another order, so that a user's events come in several batches; one in ten twice."""
    while part := list(islice(stream, 2_000)):
        part += chance.sample(part, len(part) // 10)
        chance.shuffle(part)
        yield from part


def _taken(publish: Callable[[Sequence[Outgoing]], None], messages: Sequence[Outgoing]) -> bool:
    try:
        publish(messages)
    except BusUnavailable:
        return False
    return True


@dataclass
class Flow:
    """Ingest, evaluate and publish in processes of their own, and their log."""

    settings: Settings
    bus: Bus
    log: Path
    stages: Sequence[str] = STAGES
    environment: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        environment = os.environ | {
            "QUADRUPEL_DATABASE_URL": self.settings.database,
            "QUADRUPEL_KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap or "",
            "QUADRUPEL_TIME_ZONE": self.settings.time_zone,
            "QUADRUPEL_BATCH_SIZE": str(self.settings.batch_size),
            "QUADRUPEL_LOG_FORMAT": "json",
            **self.environment,
        }
        children = [Child(f"{name} {n}", [name]) for n, name in enumerate(self.stages)]
        self._supervisor = Supervisor(children, environment, self.log)
        self._supervisor.start()
        self._started = self.pids()
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()
        sys.stderr.write(self.log.read_text()[-20_000:])

    def pids(self) -> dict[str, int]:
        """By name, the processes that run."""
        return self._supervisor.pids()

    def lag(self) -> int:
        """What waits in the topics; the flow is at rest only if it is 0."""
        admin = self.bus.admin()
        return sum(admin.progress(lane.topic, lane.group).lag for lane in LANES)

    def waits(self) -> int:
        """How often a stage said that it waits."""
        return self.log.read_text().count(WAITING)

    def says(self, stage: str, reason: str) -> int:
        """How often a stage waited for a reason that contains that."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if WAITING in line]
        return sum(each["stage"] == stage and reason in each["reason"] for each in lines)

    def wait_for(
        self, done: Callable[[], bool], seconds: float, what: str, every: float = 0.1
    ) -> None:
        """Ask until it is so, and see that no process ends. `what` says what did not happen."""
        deadline = time.monotonic() + seconds
        while not done():
            assert self.pids() == self._started, "a stage ended"
            assert time.monotonic() < deadline, f"{what} within {seconds} s"
            time.sleep(every)


def saved(settings: Settings) -> dict[str, Profile]:
    """The profiles of the table."""
    store = ProfileStore(bootstrap.load_rules(settings).schema)
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        return {profile.user_id: profile for profile in store.page(connection, "", None, 10**9)}


def published(settings: Settings) -> dict[str, tuple[int, Any]]:
    """By user, the version of the profile that was published, and the banner set."""
    query = "SELECT user_id, profile_version, banners FROM published"
    with psycopg.connect(settings.database) as connection:
        return {user: (version, banners) for user, version, banners in connection.execute(query)}


def to_publish(settings: Settings, profiles: dict[str, Profile]) -> dict[str, tuple[int, Any]]:
    """What must be published of profiles, decided in memory on the present day."""
    rules = bootstrap.load_rules(settings)
    evaluation, catalogue = evaluate.asked(rules).evaluator, offers(rules)
    found = {}
    for user_id, profile in profiles.items():
        asked = evaluation(profile, bootstrap.today(settings), bootstrap.now())
        decision = decide(asked, None, (), catalogue)
        assert isinstance(decision, Publication)
        banners = json.loads(write_banners(decision.published.banners))
        found[user_id] = profile.version, banners
    return found


def assert_whole(settings: Settings, bus: Bus, sent: Sequence[Event]) -> None:
    """Nothing lost, nothing counted twice, nothing put aside, and everyone's banners are there."""
    accepted = list(bus.admin().browse(topics.EVENTS))
    events = map(decode_event, (message.value for message in accepted))
    assert {(e.source, e.id) for e in events} == {(e.source, e.id) for e in sent}
    expected, found = (
        folded(accepted, Feeds(bootstrap.load_rules(settings).schema)),
        saved(settings),
    )
    assert {user: each.values for user, each in found.items()} == {
        user: each.values for user, each in expected.items()
    }
    assert list(bus.admin().browse(topics.DEAD_LETTERS)) == []
    assert published(settings) == to_publish(settings, found)
