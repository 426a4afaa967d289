"""A source system that sends garbage, and a database that does not answer: real processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from quadrupel import bootstrap
from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.config import read_settings
from quadrupel.core.events import Event
from quadrupel.core.ports import Outgoing
from quadrupel.store import database, halts, profiles
from quadrupel.supervisor import LAST_SECONDS, STOP_SECONDS, Child, Supervisor

GARBAGE = [b'{"number": %d}' % number for number in range(3_000)]


@pytest.fixture
def kafka(request):
    """The broker of a test that asks for Kafka; None: the bus is tables in the database."""
    asked = getattr(request, "param", "postgres") == "kafka"
    return request.getfixturevalue("kafka_topics") if asked else None


on_both_buses = pytest.mark.parametrize(
    "kafka", ["postgres", pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True
)


@pytest.fixture
def settings(database_url, kafka):
    settings = read_settings(database_url=database_url, kafka_bootstrap=kafka)
    bootstrap.set_up(settings)
    return settings


@pytest.fixture
def environment(database_url, kafka):
    return os.environ | {
        "QUADRUPEL_DATABASE_URL": database_url,
        "QUADRUPEL_KAFKA_BOOTSTRAP": kafka or "",
        "QUADRUPEL_BATCH_SIZE": "10",  # of 50 messages at once, half of what is found to be garbage
    }


@pytest.fixture
def said(tmp_path):
    """The file of what the workers say."""
    return tmp_path / "log"


@pytest.fixture
def workers(environment, said):
    """Two processes of ingest, started again when they die."""
    children = [Child(f"ingest {n}", ["ingest"]) for n in (1, 2)]
    supervisor = Supervisor(children, environment, said)
    supervisor.start()
    yield supervisor
    supervisor.stop()


def good(first, last):
    now = datetime.now(UTC) - timedelta(minutes=1)
    events = [
        Event(str(n), "/registry", "residence.registered", f"u{n:05}", now, {"region": "77"})
        for n in range(first, last)
    ]
    return [Outgoing(topics.EVENTS, each.subject.encode(), encode_event(each)) for each in events]


def poison():
    return [Outgoing(topics.EVENTS, b"source %d" % n, value) for n, value in enumerate(GARBAGE)]


def publish(settings, messages):
    with (
        contextlib.closing(bootstrap.open_bus(settings)) as bus,
        contextlib.closing(bus.producer()) as producer,
    ):
        producer.publish(messages)


def halt(settings):
    with bootstrap.open_engine(settings) as engine, database.transaction(engine) as connection:
        return halts.find(connection, "ingest")


def saved(settings):
    with bootstrap.open_engine(settings) as engine, database.transaction(engine) as connection:
        return profiles.count(connection)


def progress(settings):
    with contextlib.closing(bootstrap.open_bus(settings)) as bus:
        return bus.admin().progress(topics.EVENTS, topics.INGEST_GROUP)


def dead(settings):
    """The letters, each position once."""
    with contextlib.closing(bootstrap.open_bus(settings)) as bus:
        found = map(codec.read_dead_letter, bus.admin().browse(topics.DEAD_LETTERS))
        return {letter.position: letter.body for letter in found}


def wait_for(done, supervisor, seconds=60):
    deadline = time.monotonic() + seconds
    while not done():
        supervisor.check()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def standing(settings, supervisor):
    """What is committed, dead and saved, once none of it has changed for two seconds."""
    found, since = None, time.monotonic()

    def stands():
        nonlocal found, since
        now = progress(settings).committed, len(dead(settings)), saved(settings)
        if now != found:
            found, since = now, time.monotonic()
        return time.monotonic() - since > 2

    wait_for(stands, supervisor)
    return found


def call(environment, *arguments):
    command = [sys.executable, "-m", "quadrupel", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@on_both_buses
def test_a_poison_storm_halts_ingest_until_it_is_resumed_and_nothing_is_lost(
    settings, environment, workers, said, kafka
):
    publish(settings, good(0, 300))
    wait_for(lambda: saved(settings) == 300, workers)
    publish(settings, poison())
    publish(settings, good(300, 1_500))
    wait_for(lambda: said.read_text().count("HALTED") >= 2, workers)

    stood = standing(settings, workers)
    committed, letters, users = stood
    assert committed < 300 + len(GARBAGE)
    assert letters < 500
    assert users < 1_500
    # Whoever starts anew respects the halt. Kafka keeps the partitions of a member that was killed
    # for as long as its session lasts, so there the workers leave.
    before = set(workers.pids().values())
    for pid in before:
        os.kill(pid, signal.SIGTERM if kafka else signal.SIGKILL)
    wait_for(lambda: len(set(workers.pids().values()) - before) == 2, workers)
    wait_for(lambda: said.read_text().count("HALTED") >= 4, workers)
    assert standing(settings, workers) == stood
    told = json.loads(call(environment, "status", "--json"))["stages"][0]
    assert told["halt"]["reason"].startswith(halt(settings).reason)

    call(environment, "dead-letters", "resume", "ingest")
    wait_for(lambda: progress(settings).lag == 0, workers)
    assert saved(settings) == 1_500
    assert sorted(dead(settings).values()) == sorted(GARBAGE)

    # Duplicates are good events: enough of them for each worker, and the alarm is armed again.
    publish(settings, 2 * good(0, 1_500))
    wait_for(lambda: halt(settings) is None, workers)
    publish(settings, poison())
    wait_for(lambda: halt(settings) is not None, workers)


def test_ingest_started_with_resume_goes_on(settings, environment):
    publish(settings, [*poison()[:400], *good(0, 10)])
    supervisor = Supervisor([Child("ingest", ["ingest"])], environment)
    supervisor.start()
    try:
        wait_for(lambda: halt(settings) is not None, supervisor)
    finally:
        supervisor.stop()
    resumed = Supervisor([Child("ingest", ["ingest", "--resume"])], environment)
    resumed.start()
    try:
        wait_for(lambda: progress(settings).lag == 0, resumed)
    finally:
        resumed.stop()
    assert saved(settings) == 10
    assert len(dead(settings)) == 400


def test_a_machine_started_with_resume_lets_ingest_go_on(settings, environment):
    publish(settings, good(0, 10))
    with bootstrap.open_engine(settings) as engine, database.transaction(engine) as connection:
        found = halts.Halt("ingest", "garbage", datetime.now(UTC), "host:1")
        halts.begin(connection, found)
    machine = subprocess.Popen(
        [sys.executable, "-m", "quadrupel", "up", "--resume", "--api-port", "0"], env=environment
    )
    try:
        wait_for(lambda: saved(settings) == 10, Supervisor([], environment))
    finally:
        machine.terminate()
        assert machine.wait(40) == 0


HURRY_SECONDS = 3.0
IN_A_HURRY = """
from functools import partial
from quadrupel import supervisor
from quadrupel.cli.main import main

supervisor.end_in_time = partial(supervisor.end_in_time, seconds={seconds})
main()
"""
"""A stage that takes less for the batch in hand than LAST_SECONDS."""


@pytest.mark.slow
def test_a_stage_ends_in_time_although_its_database_does_not_answer(settings, environment):
    publish(settings, good(0, 10))
    command = [sys.executable, "-c", IN_A_HURRY.format(seconds=HURRY_SECONDS), "ingest"]
    ingest = subprocess.Popen(command, env=environment)
    frozen = []
    try:
        wait_for(lambda: saved(settings) == 10, Supervisor([], environment))
        with psycopg.connect(settings.database_url) as connection:
            query = """SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'quadrupel%'
                       AND datname = current_database()"""
            frozen = [pid for [pid] in connection.execute(query)]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        publish(settings, good(10, 20))
        time.sleep(2)
        began = time.monotonic()
        ingest.terminate()
        assert ingest.wait(30) == 1
        took = time.monotonic() - began
        assert HURRY_SECONDS <= took < HURRY_SECONDS + STOP_SECONDS - LAST_SECONDS
    finally:
        ingest.kill()
        ingest.wait()
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    again = Supervisor([Child("ingest", ["ingest"])], environment)
    again.start()
    try:
        wait_for(lambda: saved(settings) == 20, again)
    finally:
        again.stop()
