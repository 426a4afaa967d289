import threading
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from quadrupel.core.attributes import Schema
from quadrupel.core.errors import Conflict, NotFound
from quadrupel.core.profiles import Profile
from quadrupel.core.runs import RangeCounts
from quadrupel.store import run_ranges as ledger
from quadrupel.store import runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.run_ranges import NotTaken
from quadrupel.store.tables import run_ranges

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 11, 23)


@pytest.fixture
def users(engine):
    ids = [f"c{n:03}" for n in range(25)]
    with transaction(engine) as connection:
        ProfileStore(Schema({})).write(connection, [Profile(user, 1) for user in ids], NOW)
    return engine


def start(engine, name="night", size=10):
    with transaction(engine) as connection:
        return runs.start(connection, name, DAY, "set", size, NOW)


def progress(engine, name="night"):
    with transaction(engine) as connection:
        return runs.progress(connection, name)


def take(engine, number, name="night"):
    with transaction(engine) as connection:
        return ledger.take(connection, name, number, "worker", NOW)


def finish(engine, taken, evaluated=10):
    with transaction(engine) as connection:
        assert ledger.finish(connection, taken, RangeCounts(evaluated, 2, 1), "set", NOW)


def laid_out(engine):
    ranges = run_ranges.c
    columns = (ranges.first_user, ranges.end_user, ranges.users)
    with transaction(engine) as connection:
        rows = connection.execute(sa.select(*columns).order_by(ranges.number)).all()
    return [tuple(row) for row in rows]


def test_ranges_lie_end_to_end_over_all_possible_users(users):
    assert start(users)
    assert laid_out(users) == [("", "c010", 10), ("c010", "c020", 10), ("c020", None, 5)]


def test_a_range_can_be_of_one_user(users):
    assert start(users, size=1)
    assert laid_out(users)[:2] == [("", "c001", 1), ("c001", "c002", 1)]
    assert laid_out(users)[-1] == ("c024", None, 1)


def test_a_run_of_the_same_name_starts_once(users):
    assert start(users)
    assert not start(users)
    assert progress(users).ranges == 3


def test_two_schedulers_at_once_start_one_run(users):
    barrier, started = threading.Barrier(2), []

    def scheduler():
        barrier.wait()
        started.append(start(users))

    threads = [threading.Thread(target=scheduler) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == [False, True]
    assert progress(users).ranges == 3


def test_a_run_over_nobody_is_finished_at_once(engine):
    start(engine)
    assert progress(engine).state == "finished"


def test_the_last_range_finishes_the_run_and_the_counts_add_up(users):
    start(users)
    for number in range(3):
        assert progress(users).state == "running"
        finish(users, take(users, number), evaluated=5 if number == 2 else 10)
    done = progress(users)
    assert (done.state, done.ranges_done, done.evaluated, done.matched, done.errors) == (
        "finished",
        3,
        25,
        6,
        3,
    )
    assert done.evaluated == done.users


def test_of_two_last_ranges_that_end_at_once_one_finishes_the_run(users):
    start(users)
    claims = [take(users, number) for number in range(3)]
    finish(users, claims[0])
    other = threading.Thread(target=finish, args=(users, claims[2]))
    with transaction(users) as connection:
        assert runs.lock(connection, progress(users).run) == "running"
        other.start()
        other.join(0.5)  # it would be done by then, if it did not wait for the run
        assert other.is_alive()
    other.join()
    finish(users, claims[1])
    assert progress(users).state == "finished"


def test_a_range_that_is_done_is_not_taken_again_and_one_of_a_dead_worker_is(users):
    start(users)
    first = take(users, 0)
    again = take(users, 0)
    assert again == replace(first, attempt=2)
    finish(users, again)
    assert take(users, 0) is NotTaken.OVER


def test_a_cancelled_run_gives_no_more_ranges(users):
    start(users)
    with transaction(users) as connection:
        runs.cancel(connection, "night", NOW)
    assert take(users, 0) is NotTaken.OVER
    assert progress(users).state == "cancelled"
    with transaction(users) as connection, pytest.raises(Conflict, match="cancelled already"):
        runs.cancel(connection, "night", NOW)


def test_an_unknown_run_is_named(engine):
    with pytest.raises(NotFound, match="no run nothing"):
        progress(engine, "nothing")


def test_a_run_waits_for_its_fan_out_until_it_is_marked(users):
    start(users)
    with transaction(users) as connection:
        assert runs.pending_fan_outs(connection) == ["night"]
        assert ledger.pending(connection, "night") == [0, 1, 2]
        runs.mark_fanned_out(connection, "night", [0, 1, 2], NOW)
        assert runs.pending_fan_outs(connection) == []


def test_the_latest_runs_are_told_without_a_look_at_the_ranges_of_all_others(engine):
    with transaction(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO runs (run, as_of, rule_set, state, created_at)"
            " SELECT 'run ' || n, '2026-11-23', 'set', 'finished',"
            " '2026-11-23'::timestamptz + n * interval '1 day' FROM generate_series(1, 300) AS n"
        )
        connection.exec_driver_sql(
            "INSERT INTO run_ranges (run, number, first_user, users, state, attempts)"
            " SELECT 'run ' || n, number, number::text, 1, 'done', 1"
            " FROM generate_series(1, 300) AS n, generate_series(1, 50) AS number"
        )
        connection.exec_driver_sql("ANALYZE runs, run_ranges")
    with transaction(engine) as connection:
        found = runs.latest(connection, 2, NOW)
        read = connection.exec_driver_sql(
            "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
            " FROM pg_stat_xact_user_tables WHERE relname = 'run_ranges'"
        ).scalar_one()
    assert [(each.run, each.ranges, each.users) for each in found] == [
        ("run 300", 50, 50),
        ("run 299", 50, 50),
    ]
    assert read < 200
