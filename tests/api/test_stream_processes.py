"""Streams of real processes: of several at once, of one that stops, and 5,000 in one."""

import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import LiteralString

import httpx
import psutil
import psycopg
import pytest

from quadrupel import bootstrap, portal
from quadrupel.bus import codec
from quadrupel.config import Settings, read_settings
from quadrupel.core.ports import Producer
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.store.banner_news import APPLICATION

from .front_end import PATH, reading

SOON = 10.0
"""Seconds in which a process ends with its streams. It takes one or two, unless it waits for a
stream: then it is killed after 15."""


@dataclass
class Processes:
    """API processes, a publisher, and the bus between; `rule` has a banner that shows no values."""

    settings: Settings
    environment: dict[str, str]
    identity: portal.Identity
    producer: Producer
    rule: str
    started: list[subprocess.Popen] = field(default_factory=list)

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "quadrupel", *arguments]
        process = subprocess.Popen(command, env=self.environment | settings)
        self.started.append(process)
        return process

    @contextlib.contextmanager
    def api(self, *arguments: str) -> Iterator[tuple[subprocess.Popen, httpx.Client]]:
        """A process of the API, and a client of it."""
        port = portal.free_port(0)
        process = self.start("api", *arguments, QUADRUPEL_API_PORT=str(port))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            until(lambda: client.get("/readyz").is_success)
            yield process, client

    def bearer(self, user: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.identity.token(user, datetime.now(UTC))}"}

    def publish(self, user: str, version: int) -> None:
        """Hand a verdict to the publisher, that changes the banner set to this version."""
        match = RuleMatch(self.rule, values={"version": str(version)})
        day, now = date(2026, 11, 23), datetime.now(UTC)
        evaluation = Evaluation(user, version, day, now, "set", (match,))
        self.producer.publish([codec.verdicts(evaluation)])

    def listening(self) -> int:
        """How many processes listen for what is new."""
        return self._connections("count(*)")

    def cut(self) -> int:
        """End the connections over which they listen; how many there were."""
        return self._connections("count(pg_terminate_backend(pid))")

    def _connections(self, what: LiteralString) -> int:
        with psycopg.connect(self.settings.database, autocommit=True) as connection:
            [[count]] = connection.execute(
                "SELECT " + what + " FROM pg_stat_activity"
                " WHERE application_name = %s AND datname = current_database()",
                [APPLICATION],
            ).fetchall()
        return count


@pytest.fixture
def processes(database_url: str, tmp_path: Path) -> Iterator[Processes]:
    settings = read_settings(database_url=database_url)
    bootstrap.set_up(settings)
    identity = portal.create_identity(tmp_path)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("QUADRUPEL_")}
    environment = inherited | {
        "QUADRUPEL_DATABASE_URL": database_url,
        "QUADRUPEL_JWT_KEYS": str(identity.public_file),
        "QUADRUPEL_JWT_ISSUER": portal.ISSUER,
    }
    rules = bootstrap.load_rules(settings).rules.values()
    rule = next(each.id for each in rules if each.banner and not each.shown)
    with contextlib.closing(bootstrap.open_bus(settings).producer()) as producer:
        made = Processes(settings, environment, identity, producer, rule)
        try:
            yield made
        finally:
            for each in made.started:
                each.terminate()
            for each in made.started:
                each.wait(60)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return
        time.sleep(0.05)
    raise TimeoutError


def test_what_is_published_is_shown_by_every_process_although_its_line_is_cut(
    processes: Processes,
) -> None:
    processes.start("publish")
    with (
        processes.api() as (_, one),
        processes.api() as (_, other),
        reading(one, processes.bearer("citizen")) as first,
        reading(other, processes.bearer("citizen")) as second,
    ):
        assert first.next() == second.next()
        for version, cut in enumerate(("", "", "before", "when", "about when"), start=1):
            until(lambda: processes.listening() == 2)
            if cut == "before":
                assert processes.cut() == 2
            processes.publish("citizen", version)
            if cut.endswith("when"):  # it is told
                time.sleep(0.005 if cut.startswith("about") else 0.0)
                assert processes.cut() == 2
            assert first.next().data["version"] == second.next().data["version"] == version


def test_a_process_that_is_stopped_ends_its_streams_and_another_goes_on_with_them(
    processes: Processes,
) -> None:
    with processes.api("--workers", "2") as (stopping, one), processes.api() as (_, other):
        with contextlib.ExitStack() as stack:
            users = [processes.bearer(f"citizen{number}") for number in range(20)]
            streams = [stack.enter_context(reading(one, each)) for each in users]
            shown = [each.next() for each in streams]
            began = time.monotonic()
            stopping.send_signal(signal.SIGTERM)
            ends = [each.next() for each in streams]
            assert {each.name for each in ends} == {"end"}
            assert all(each.data == {"reason": "shutdown"} for each in ends)
            assert [each.id for each in ends] == [each.id for each in shown]
            assert [each.next() for each in streams] == [None] * 20
            assert stopping.wait(SOON) == 0
            assert time.monotonic() - began < SOON
            assert len({each.retry for each in streams}) > 10  # not all come back at once
        processes.start("publish")
        with reading(other, users[0], last=ends[0].id) as front_end:
            front_end.sign_of_life()
            processes.publish("citizen0", 1)
            assert front_end.next().data["version"] == 1


class Crowd:
    """Very many streams, each a socket."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()

    def join(self, tokens: list[dict[str, str]]) -> None:
        """Open a stream for each; returns when all were answered with a set."""
        for first in range(0, len(tokens), 100):
            self._join(tokens[first : first + 100])

    def _join(self, tokens: list[dict[str, str]]) -> None:
        for each in tokens:
            reader = socket.create_connection(("127.0.0.1", self._port), timeout=20)
            lines = f"GET {PATH} HTTP/1.1\r\nHost: api\r\nAuthorization: {each['authorization']}"
            reader.sendall(f"{lines}\r\n\r\n".encode())
            self._sockets.append(reader)
        for reader in self._sockets[-len(tokens) :]:
            came = b""
            while b"event: banners" not in came:
                more = reader.recv(4096)
                assert more, came
                came += more

    def alive(self) -> int:
        """How many had a sign of life since they were asked for the last time."""
        poll = select.poll()
        for each in self._sockets:
            poll.register(each, select.POLLIN)
        by_number = {each.fileno(): each for each in self._sockets}
        return sum(b":\n\n" in by_number[number].recv(4096) for number, _ in poll.poll(0))


@pytest.mark.slow
def test_very_many_idle_streams_keep_the_memory_flat(
    processes: Processes, full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    many, seconds = (5_000, 60.0) if full else (1_500, 20.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < many + 512:
        pytest.skip("the system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, many + 512), hard))
    try:
        with processes.api() as (process, client), Crowd(client.base_url.port) as crowd:
            [worker, *_] = sorted(
                psutil.Process(process.pid).children(recursive=True),
                key=lambda each: -each.memory_info().rss,
            )

            def megabytes() -> float:
                return worker.memory_full_info().uss / 1e6

            tokens = [processes.bearer(f"citizen{number}") for number in range(many)]
            crowd.join(tokens[:500])
            few = megabytes()
            crowd.join(tokens[500:])
            before = megabytes()
            crowd.alive()
            time.sleep(seconds)
            after = megabytes()
            each = (before - few) / (many - 500) * 1_000
            figures = f"{many} streams: {each:.0f} MB for 1,000, {after - before:+.1f} MB idle"
            with capsys.disabled():
                sys.stdout.write(f"\n{figures}\n")
            assert crowd.alive() == many
            assert each < 40
            assert after - before < 0.02 * before
            assert client.get("/livez").is_success
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
