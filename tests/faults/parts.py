"""What the fault tests are built from: servers to break, a source that never stops, the truth."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self

import psycopg
from confluent_kafka.admin import AdminClient

from quadrupel import bootstrap, population
from quadrupel.bus import topics
from quadrupel.bus.event_codec import decode_event, encode_event
from quadrupel.config import Settings
from quadrupel.core.errors import BusUnavailable
from quadrupel.core.events import Event
from quadrupel.core.ports import Bus, Outgoing
from quadrupel.core.profiles import Arrival, Feeds, Profile, fold
from quadrupel.core.publishing import Publication, decide
from quadrupel.stages.publish import offers
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.supervisor import Child, Supervisor

STAGES = ("ingest", "evaluate", "publish")
FLOW = (
    (topics.EVENTS, topics.INGEST_GROUP),
    (topics.PROFILES, topics.EVALUATE_PROFILES_GROUP),
    (topics.VERDICTS, topics.PUBLISH_GROUP),
)
WAITING = "waiting for what is away"


class Postgres:
    """A server of the distribution's PostgreSQL on one port, whose data outlive every stop."""

    def __init__(self, folder: Path, data: Path, wal: Path) -> None:
        self._binaries = min(Path("/usr/lib/postgresql").glob("*/bin/initdb")).parent
        self._folder, self._data = folder, data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        if os.geteuid() == 0:
            for parent in (folder, data.parent, wal.parent):
                shutil.chown(parent, "postgres")
        # The smallest segments of WAL: so that a disk that is full is noticed at once.
        place = ["--waldir", wal, "--wal-segsize=1"]
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", *place)

    def start(self) -> None:
        """Start it; return when it takes connections."""
        limits = "-c fsync=off -c shared_buffers=32MB -c min_wal_size=2MB -c max_wal_size=8MB"
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder} {limits}"
        self._run("pg_ctl", "-w", "-l", self._folder / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; by default as a crash does, and without a word to clients."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def runs(self) -> bool:
        """Whether there is a server process, whatever it does."""
        return self._call("pg_ctl", "status").returncode == 0

    def cut(self) -> int:
        """End every connection but the one that asks; return how many there were."""
        query = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"""
        return int(self.ask(query)[0][0])

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, over a connection of its own."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(query, values).fetchall()

    def log(self) -> str:
        """What the server wrote into its log."""
        return (self._folder / "log").read_text(errors="replace")

    def _run(self, program: str, *arguments: object) -> None:
        done = self._call(program, *arguments)
        assert done.returncode == 0, f"{program}: {done.stderr!r}"

    def _call(self, program: str, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_user, self._binaries / program, "-D", self._data, *arguments]
        # The server keeps what it inherits: it gets no pipe that somebody reads to its end.
        with (self._folder / "said").open("w+b") as said:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, cwd="/",
                check=False,
            )  # fmt: skip
            said.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, b"", said.read())


@contextlib.contextmanager
def postgres(data: Path | None = None, wal: Path | None = None) -> Iterator[Postgres]:
    """A running server, its data or its WAL in new folders of these names; stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="quadrupel-faults-", dir="/tmp"))
    try:
        server = Postgres(folder, data or folder / "data", wal or folder / "wal")
        server.start()
        try:
            yield server
        finally:
            if server.runs():
                server.stop()
    finally:
        shutil.rmtree(folder)


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
                messages = [as_message(event) for event in batch]
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


def as_message(event: Event) -> Outgoing:
    return Outgoing(topics.EVENTS, event.subject.encode(), encode_event(event))


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
        return sum(admin.progress(topic, group).lag for topic, group in FLOW)

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


def without_topics(bootstrap_servers: str) -> None:
    """Delete what an earlier test left on a broker that is shared."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    names = [name for name in admin.list_topics(timeout=10).topics if name.startswith("quadrupel.")]
    if names:
        for future in admin.delete_topics(names).values():
            future.result()


def midday_zone() -> str:
    """A zone where it is about noon, so that no day ends during a test."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def accepted(bus: Bus) -> list[Arrival]:
    """Everything in the topic of events, as it came in."""
    return [
        Arrival(decode_event(message.value), message.timestamp.date())
        for message in bus.admin().browse(topics.EVENTS)
    ]


def folded(settings: Settings, arrivals: Sequence[Arrival]) -> dict[str, Profile]:
    """The profiles that follow from them, folded in memory and each event once."""
    feeds = Feeds(bootstrap.load_rules(settings).schema)
    once: dict[str, dict[tuple[str, str], Arrival]] = {}
    for arrival in arrivals:
        event = arrival.event
        once.setdefault(event.subject, {}).setdefault((event.source, event.id), arrival)
    profiles = {user_id: Profile(user_id) for user_id in once}
    for user_id, profile in profiles.items():
        assert not fold(profile, once[user_id].values(), feeds).refused
    return {user_id: profile for user_id, profile in profiles.items() if profile.version}


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
    evaluation, catalogue = bootstrap.asked(rules).evaluator, offers(rules)
    found = {}
    for user_id, profile in profiles.items():
        asked = evaluation(profile, bootstrap.today(settings), bootstrap.now())
        decision = decide(asked, None, (), catalogue)
        assert isinstance(decision, Publication)
        banners = [[rule, dict(shown)] for rule, shown in decision.published.banners]
        found[user_id] = profile.version, banners
    return found


def assert_whole(settings: Settings, bus: Bus, sent: Sequence[Event]) -> None:
    """Nothing lost, nothing counted twice, nothing put aside, and everyone's banners are there."""
    arrivals = accepted(bus)
    identities = {(arrival.event.source, arrival.event.id) for arrival in arrivals}
    assert identities == {(event.source, event.id) for event in sent}
    expected, found = folded(settings, arrivals), saved(settings)
    assert {user: each.values for user, each in found.items()} == {
        user: each.values for user, each in expected.items()
    }
    assert list(bus.admin().browse(topics.DEAD_LETTERS)) == []
    assert published(settings) == to_publish(settings, found)
