from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quadrupel.core.errors import NotFound
from quadrupel.store import halts
from quadrupel.store.database import transaction
from quadrupel.store.halts import Halt

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HALT = Halt("ingest", "100 messages in a row were bad", NOW, "host:1")


@pytest.fixture
def connection(engine):
    with transaction(engine) as connection:
        yield connection


def test_a_stage_is_halted_resumed_and_healthy_again(connection):
    assert halts.find(connection, "ingest") is None
    halts.begin(connection, HALT)
    assert halts.find(connection, "ingest") == HALT
    assert halts.every(connection) == [HALT]
    later = NOW + timedelta(minutes=1)
    halts.resume(connection, "ingest", later)
    assert halts.find(connection, "ingest") == replace(HALT, resumed_at=later)
    halts.end(connection, "ingest")
    assert halts.find(connection, "ingest") is None


def test_the_first_of_two_workers_says_why(connection):
    halts.begin(connection, HALT)
    halts.begin(connection, replace(HALT, reason="another", worker="host:2"))
    assert halts.find(connection, "ingest") == HALT


def test_a_worker_that_comes_late_does_not_halt_what_was_just_resumed(connection):
    halts.begin(connection, HALT)
    halts.resume(connection, "ingest", NOW)
    halts.begin(connection, replace(HALT, worker="host:2"))
    assert halts.find(connection, "ingest") == replace(HALT, resumed_at=NOW)


def test_what_is_not_halted_cannot_be_resumed(connection):
    with pytest.raises(NotFound, match="publish is not halted"):
        halts.resume(connection, "publish", NOW)
    halts.begin(connection, HALT)
    halts.resume(connection, "ingest", NOW)
    with pytest.raises(NotFound, match="ingest is not halted"):
        halts.resume(connection, "ingest", NOW)


def test_health_does_not_end_a_halt_that_nobody_resumed(connection):
    halts.begin(connection, HALT)
    halts.end(connection, "ingest")
    assert halts.find(connection, "ingest") == HALT
