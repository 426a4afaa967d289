"""Stages that are started before the database or the broker: they wait, and end when asked to."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quadrupel import bootstrap
from quadrupel.config import read_settings
from tests import standby

STAGES = ("ingest", "evaluate", "publish", "send", "schedule")
WAITS = "not begun, waiting for what is away"
SECONDS = 60.0


@dataclass
class Started:
    """A stage in a process of its own, with its log and the port of its metrics."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def waits(self) -> int:
        """How often it said that it waits."""
        return self.log.read_text().count(WAITS)

    def is_ready(self) -> bool:
        """Whether its metrics are served."""
        with contextlib.suppress(OSError):
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics").read())
        return False

    def end(self) -> int:
        """Its exit code after SIGTERM, which it obeys at once."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture
def start(tmp_path) -> Iterator[object]:
    """Starts stages with settings."""
    all_of_them = []

    def start(stage: str, **settings: str) -> Started:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        named = {f"QUADRUPEL_{name.upper()}": value for name, value in settings.items()}
        log = tmp_path / f"{stage}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "quadrupel", stage, "--metrics-port", str(port)],
                env=os.environ | named,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        all_of_them.append(process)
        return Started(process, log, port)

    yield start
    for process in all_of_them:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def one_server():
    """A server with everything that stages want, its topics included."""
    with standby.primary() as started:
        bootstrap.set_up(read_settings(database_url=started.url))
        yield started


@pytest.fixture
def server(one_server):
    """That server, to stop and start."""
    yield one_server
    one_server.start_again()


def wait_for(condition, started: Started) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition(started):
        assert started.process.poll() is None, f"it ended:\n{started.log.read_text()}"
        assert time.monotonic() < deadline, started.log.read_text()
        time.sleep(0.1)


def test_every_stage_waits_for_the_database_and_then_goes_on_by_itself(server, start):
    server.stop()
    all_of_them = [start(stage, database_url=server.url) for stage in STAGES]
    for each in all_of_them:
        wait_for(Started.waits, each)
    time.sleep(3)  # some more attempts
    for each in all_of_them:
        assert each.waits() == 1
        assert not each.is_ready()
    server.start()
    for each in all_of_them:
        wait_for(Started.is_ready, each)
        assert each.end() == 0


@pytest.mark.kafka
def test_a_stage_waits_for_the_broker_and_then_goes_on_by_itself(broker, server, start):
    where = {"database_url": server.url, "kafka_bootstrap": broker.bootstrap}
    bootstrap.set_up(read_settings(**where))
    broker.stop()
    late, stopped = start("ingest", **where), start("publish", **where)
    time.sleep(3)  # both ask the broker, which may take half a minute to be given up
    assert stopped.end() == 0
    assert not late.is_ready()
    wait_for(Started.waits, late)
    broker.start()
    wait_for(Started.is_ready, late)
    assert late.end() == 0


def nobody_there(server) -> str:
    server.stop()
    return server.url


def a_name_that_does_not_resolve(server) -> str:
    return "postgresql://postgres@nowhere.invalid/postgres"


@pytest.mark.parametrize("where", [nobody_there, a_name_that_does_not_resolve])
def test_a_stage_that_waits_ends_at_once_when_it_is_asked_to(server, start, where):
    waiting = start("ingest", database_url=where(server))
    wait_for(Started.waits, waiting)
    assert waiting.end() == 0


def test_a_stage_ends_at_once_when_it_is_asked_to_while_the_database_hangs(server, start):
    with server.frozen():
        hanging = start("ingest", database_url=server.url)
        time.sleep(3)
        assert hanging.process.poll() is None
        assert hanging.end() == 0


def wrong_password(server) -> str:
    server.ask("DROP ROLE IF EXISTS late")
    server.ask("CREATE ROLE late LOGIN PASSWORD 'right'")
    [(rules,)] = server.ask("SHOW hba_file")
    Path(rules).write_text("local all late scram-sha-256\nlocal all all trust\n")
    server.ask("SELECT pg_reload_conf()")
    return server.url.replace("postgres@", "late:wrong@")


def no_password(server) -> str:
    return wrong_password(server).replace(":wrong@", "@")


def no_such_user(server) -> str:
    return server.url.replace("postgres@", "nobody@")


def no_such_database(server) -> str:
    return server.at("elsewhere")


def older_tables(server) -> str:
    server.ask("CREATE DATABASE older")
    versions = "CREATE TABLE alembic_version AS SELECT '0001' AS version_num"
    server.ask(versions, database="older")
    return server.at("older")


def no_tables(server) -> str:
    server.ask("CREATE DATABASE empty")
    return server.at("empty")


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (wrong_password, "password authentication failed"),
        (no_password, "no password supplied"),
        (no_such_user, 'role "nobody" does not exist'),
        (no_such_database, 'database "elsewhere" does not exist'),
        (older_tables, "the database is at 0001"),
        (no_tables, "the database has no tables yet"),
    ],
)
def test_what_a_person_must_mend_is_not_waited_for(server, start, where, says):
    refusing = start("ingest", database_url=where(server))
    assert refusing.process.wait(SECONDS) == 2
    said = " ".join(refusing.log.read_text().split())
    assert says in said
    assert WAITS not in said
