"""Splits of slow ranges, and what happens while they are looked for."""

import threading

import pytest
import sqlalchemy as sa

from quadrupel.core.contacts import Contact
from quadrupel.core.runs import LEASE, RangeCounts
from quadrupel.core.zones import UTC_ZONE
from quadrupel.store import contacts, range_splits, run_ranges, runs
from quadrupel.store.database import transaction
from quadrupel.store.run_ranges import NotTaken
from quadrupel.store.run_users import zone_users

from .night_ledger import DAY, NOW, SECOND, TEN, Ledger, add


def slow(night):
    """The last range is worked on, and has claimed `c021` of `c020` to `c024`."""
    for number in (0, 1):
        night.finish(night.take("night", number, "two", NOW), TEN, "set", NOW + 20 * SECOND)
    taken = night.take("night", 2, "one", NOW)
    night.claim(taken, "c021", RangeCounts(), NOW + 39 * SECOND)
    return taken


def test_a_slow_range_is_halved_behind_what_is_claimed(night):
    taken = slow(night)
    assert night.split_slow("night", NOW + 40 * SECOND, least=2) == []
    assert night.split_slow("night", NOW + 41 * SECOND, least=2) == [3]
    assert night.spans()[2:] == [("c020", "c023", 3), ("c023", None, 2)]
    assert night.seams("night") == []
    assert night.pending_fan_outs() == ["night"]
    assert night.claim(taken, "c024", TEN, NOW).end_user == "c023"


def test_while_the_middle_is_looked_for_workers_go_on(night):
    taken = slow(night)
    later = NOW + 60 * SECOND
    with transaction(night.engine) as connection:
        assert range_splits.halves(connection, "night", later, UTC_ZONE, 2) != []
        with transaction(night.engine) as worker:
            worker.execute(sa.text("SET LOCAL lock_timeout = '1s'"))
            assert run_ranges.claim(worker, taken, "c022", TEN, later) is not None
            assert runs.lock(worker, "night") == "running"


@pytest.mark.parametrize(
    ("meanwhile", "is_split"),
    [
        (lambda night, taken: night.claim(taken, "c022", TEN, NOW + 59 * SECOND), True),
        (lambda night, taken: night.claim(taken, "c023", TEN, NOW + 59 * SECOND), False),
        (lambda night, taken: night.finish(taken, TEN, "set", NOW), False),
        (lambda night, taken: night.hand_back(taken, TEN, "set", "c022", NOW), False),
        (lambda night, taken: night.take("night", 2, "two", NOW + 39 * SECOND + LEASE), False),
        (lambda night, taken: night.split_slow("night", NOW + 60 * SECOND, least=2), False),
        (lambda night, taken: night.pause("night"), False),
    ],
    ids=["some claimed", "too much claimed", "done", "left", "taken anew", "split", "paused"],
)
def test_what_happens_while_the_middle_is_looked_for_is_heeded(night, meanwhile, is_split):
    taken = slow(night)
    found = night.halves("night", NOW + 60 * SECOND, UTC_ZONE, 2)
    assert found == [(2, "c023", None, 2)]
    meanwhile(night, taken)
    before = night.lines("night")
    assert bool(night.split("night", found, NOW + 60 * SECOND)) is is_split
    assert (night.lines("night") != before) is is_split
    assert night.seams("night") == []


def test_of_those_due_half_go_with_the_new_range(due_night):
    """Beyond them are twice as many whom the run does not mean."""
    due_night.claim(due_night.take("night", 0, "one", NOW), "c003", TEN, NOW + 20 * SECOND)
    assert due_night.split_slow("night", NOW + 31 * SECOND, least=7) == []
    assert due_night.split_slow("night", NOW + 31 * SECOND, least=6) == [1]
    assert due_night.spans() == [("", "c007", 7), ("c007", None, 3)]


@pytest.mark.parametrize(
    ("zone", "spans"),
    [
        ("Asia/Kamchatka", [("", "c003", 3), ("c003", None, 3)]),
        ("UTC", [("", "c015", 9), ("c015", None, 10)]),
    ],
)
def test_of_the_users_of_a_zone_half_go_with_the_new_range(engine, zone, spans):
    add(engine, *(f"c{n:03}" for n in range(25)))
    living = [Contact(f"c{n:03}", None, None, {}, None, "Asia/Kamchatka") for n in range(6)]
    with transaction(engine) as connection:
        contacts.save(connection, living, NOW)
        of = zone_users(zone, contacts.time_zones(connection), UTC_ZONE)
    ledger = Ledger(engine)
    ledger.start("night", DAY, "set", 100, NOW, of=of)
    ledger.mark_fanned_out("night", [0], NOW)
    ledger.beat(ledger.take("night", 0, "one", NOW), NOW + 20 * SECOND)
    assert ledger.split_slow("night", NOW + 31 * SECOND, least=2) == [1]
    assert ledger.spans() == spans


def test_nothing_is_split_while_a_range_waits_or_too_little_is_left(night):
    slow(night)
    assert night.split_slow("night", NOW + 60 * SECOND, least=4) == []
    assert night.split_slow("night", NOW + 60 * SECOND, least=3) == [3]
    assert night.split_slow("night", NOW + 60 * SECOND, least=2) == []


def test_a_range_of_a_dead_worker_is_not_split(night):
    slow(night)
    assert night.split_slow("night", NOW + 39 * SECOND + LEASE, least=2) == []


def test_a_paused_run_is_not_split_and_gives_no_ranges(night):
    slow(night)
    night.pause("night")
    assert night.split_slow("night", NOW + 60 * SECOND, least=2) == []
    assert night.take("night", 2, "two", NOW + 90 * SECOND) is NotTaken.OVER
    night.resume("night", NOW)
    assert night.take("night", 2, "two", NOW + 90 * SECOND).attempt == 2


def test_two_schedulers_at_once_split_a_range_once(night):
    slow(night)
    barrier, added = threading.Barrier(2), []

    def scheduler():
        barrier.wait()
        added.extend(night.split_slow("night", NOW + 60 * SECOND, least=2))

    threads = [threading.Thread(target=scheduler) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert added == [3]


def test_a_split_between_a_fan_out_and_its_mark_is_fanned_out_too(night):
    slow(night)
    night.split_slow("night", NOW + 60 * SECOND, least=2)
    night.mark_fanned_out("night", [0, 1, 2], NOW)
    assert night.pending_fan_outs() == ["night"]
    night.mark_fanned_out("night", [3], NOW)
    assert night.pending_fan_outs() == []
