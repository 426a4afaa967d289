"""`kill -9` of a worker in the middle of a run: another takes over, and the run says the same."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import date

import pytest

from quadrupel import bootstrap
from quadrupel.config import read_settings
from quadrupel.core.profiles import Profile
from quadrupel.stages import schedule
from quadrupel.store import run_ranges, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

DAY = date(2026, 11, 23)
USERS = 4_000
SECONDS = 240


@contextlib.contextmanager
def processes(settings, *commands):
    """Stages in processes of their own, for as long as the block."""
    environment = os.environ | {"QUADRUPEL_DATABASE_URL": settings.database_url}
    environment |= {"QUADRUPEL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap or ""}
    started = [
        subprocess.Popen([sys.executable, "-m", "quadrupel", *command], env=environment)
        for command in commands
    ]
    try:
        yield started
    finally:
        for each in started:
            each.terminate()
        for each in started:
            each.wait(40)


def start(parts, name, rate=None):
    now = bootstrap.now()
    schedule.start_run(parts.engine, name, DAY, parts.rules, 100, now, full=True, rate=rate)
    schedule.fan_out(parts.engine, parts.producer, now)


def until(parts, name, done):
    """Wait until `done` says so of the run's progress and working ranges; returns both."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with transaction(parts.engine) as connection:
            progress = runs.progress(connection, name)
            working = run_ranges.lines(connection, name, "running")
        if done(progress, working):
            return progress, working
        time.sleep(0.05)
    raise AssertionError(f"{name} is {progress}")


def holds_a_range(parts, name, process):
    with transaction(parts.engine) as connection:
        working = run_ranges.lines(connection, name, "running")
    return any(each.worker.endswith(f":{process.pid}") for each in working)


def kill_a_holder(parts, name, processes):
    """Kill a worker that surely holds a range: it is stopped before the ledger is asked."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for process in processes:
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.1)  # what it had asked of the database is answered
            if holds_a_range(parts, name, process):
                process.send_signal(signal.SIGKILL)
                return
            process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    raise AssertionError(f"nobody holds a range of {name}")


def check_kill(settings):
    bootstrap.set_up(settings)
    lane = ("evaluate", "--lane", "ranges")
    with bootstrap.open_parts(settings) as parts:
        with transaction(parts.engine) as connection:
            born = [date(1940 + n % 80, 1 + n % 12, 1 + n % 28) for n in range(USERS)]
            profiles = [Profile(f"c{n:05}", 1, {"birth_date": day}) for n, day in enumerate(born)]
            ProfileStore(parts.rules.schema).write(connection, profiles, bootstrap.now())
        with processes(settings, lane, lane, ("publish",), ("schedule",)) as (first, second, *_):
            start(parts, "disturbed", rate=400)
            until(parts, "disturbed", lambda run, working: run.ranges_done and working)
            kill_a_holder(parts, "disturbed", (first, second))
            disturbed, _ = until(parts, "disturbed", lambda run, _: run.state == "finished")
            start(parts, "undisturbed")
            undisturbed, _ = until(parts, "undisturbed", lambda run, _: run.state == "finished")
        with transaction(parts.engine) as connection:
            assert run_ranges.seams(connection, "disturbed") == []
            tries = [each.attempts for each in run_ranges.lines(connection, "disturbed")]
    assert disturbed.evaluated == disturbed.users == USERS
    assert disturbed.digest == undisturbed.digest
    assert disturbed.matched == undisturbed.matched > 0
    # What was in flight is begun anew; so is what was just taken when partitions moved.
    assert 1 <= sum(tries) - len(tries) <= 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_worker_is_replaced_on_postgres(migrated_url):
    check_kill(read_settings(database_url=migrated_url))


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_a_killed_worker_is_replaced_on_kafka(migrated_url, kafka_topics):
    check_kill(read_settings(database_url=migrated_url, kafka_bootstrap=kafka_topics))
