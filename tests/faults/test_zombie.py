"""Zombies: workers that were frozen for so long that others took over, and then go on.

A zombie believes that its batch is its own. Whatever it still does with it must not undo what its
successor did, and then it must work on as a good member. And workers that are asked to leave.
"""

import random
import signal
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from quadrupel.core.events import Event

from .flow import Flow, stream
from .nest import Nest, Worker, ended, orders_for, wait_for

SECONDS = 120


def frozen(flow: Flow, nest: Nest, point: str, **others: object) -> Worker:
    """A worker that froze at this point of its second batch, the only one in its group."""
    orders = orders_for(
        flow.settings, flow.folder, point=point, batch=2, signal=signal.SIGSTOP, **others
    )
    zombie = nest.start(orders)
    wait_for(lambda: is_stopped(zombie))
    assert zombie.notes()[-1] == point
    return zombie


def is_stopped(worker: Worker) -> bool:
    return Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def after_freezing(zombie: Worker) -> list[str]:
    """What the zombie noted since it was woken."""
    notes = zombie.notes()
    return notes[notes.index(zombie.orders.point) + 1 :]


def check_good_member(flow: Flow, zombie: Worker, events: Sequence[Event]) -> None:
    """The zombie takes part in the work again, and all is as if nothing had happened."""
    portions = iter([events[at : at + 100] for at in range(0, len(events), 100)])
    before = len(zombie.notes())

    def works() -> bool:
        if "batch" in zombie.notes()[before:]:
            return True
        if flow.progress().lag == 0:
            flow.publish(next(portions))
        return False

    wait_for(works, SECONDS)
    wait_for(lambda: flow.progress().lag == 0, SECONDS)
    flow.check()


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "ends_with"),
    [
        ("folded", "rewind"),  # what it read is out of date: its versions do not fit any more
        ("written", "rewind"),  # the server ended its transaction, which held the locks
        ("committed", "batch"),  # what it publishes and owes changes nothing
        ("published", "batch"),
    ],
)
def test_a_zombie_does_not_write_over_its_successor(
    kafka_flow: Flow, nest: Nest, seed: int, full: bool, point: str, ends_with: str
) -> None:
    events = stream(6_000, random.Random(seed))
    kafka_flow.publish(events[:2_000])
    session = 30.0 if full else 1.5
    patience = 120 if point == "folded" else 30 if full else 2
    zombie = frozen(kafka_flow, nest, point, session_timeout=session, idle_in_transaction=patience)
    successor = nest.start(
        orders_for(kafka_flow.settings, kafka_flow.folder, session_timeout=session)
    )
    with ended([zombie, successor]):
        wait_for(lambda: kafka_flow.progress().lag == 0, SECONDS)
        kafka_flow.check()
        left = kafka_flow.saved()
        zombie.send(signal.SIGCONT)
        wait_for(lambda: ends_with in after_freezing(zombie))
        assert kafka_flow.saved() == left
        assert kafka_flow.progress().lag == 0
        check_good_member(kafka_flow, zombie, events[2_000:])


@pytest.mark.kafka
def test_a_zombie_that_wakes_while_its_successor_waits_for_its_locks_has_written_first(
    kafka_flow: Flow, nest: Nest, seed: int
) -> None:
    events = stream(6_000, random.Random(seed))
    kafka_flow.publish(events[:2_000])
    zombie = frozen(kafka_flow, nest, "written", session_timeout=1.5)
    successor = nest.start(orders_for(kafka_flow.settings, kafka_flow.folder, session_timeout=1.5))
    with ended([zombie, successor]):
        wait_for(lambda: waits_for_a_lock(kafka_flow))
        zombie.send(signal.SIGCONT)
        wait_for(lambda: kafka_flow.progress().lag == 0)
        assert "rewind" in successor.notes()
        assert after_freezing(zombie)[0] == "batch"
        check_good_member(kafka_flow, zombie, events[2_000:])


def waits_for_a_lock(flow: Flow) -> bool:
    return bool(
        flow.query("""
            SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~ 'profiles'
        """)
    )


@pytest.mark.parametrize(
    ("point", "ends_with"), [("folded", "rewind"), ("published", "BusUnavailable")]
)
def test_a_zombie_whose_session_on_the_postgres_bus_is_gone_does_not_either(
    postgres_flow: Flow, nest: Nest, seed: int, point: str, ends_with: str
) -> None:
    events = stream(6_000, random.Random(seed))
    postgres_flow.publish(events[:2_000])
    zombie = frozen(postgres_flow, nest, point)
    with psycopg.connect(postgres_flow.settings.database) as connection:
        [[ended_sessions]] = connection.execute("""
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name ~ '^quadrupel bus reader'
        """)
    assert ended_sessions == 1
    successor = nest.start(orders_for(postgres_flow.settings, postgres_flow.folder))
    with ended([zombie, successor]):
        wait_for(lambda: postgres_flow.progress().lag == 0)
        postgres_flow.check()
        left = postgres_flow.saved()
        zombie.send(signal.SIGCONT)
        wait_for(lambda: ends_with in after_freezing(zombie))
        assert postgres_flow.saved() == left
        check_good_member(postgres_flow, zombie, events[2_000:])
