"""Pages come from a replica that has everything, else from the primary; on two real servers."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.store import replica
from quadrupel.store.database import open_engine, transaction
from quadrupel.store.replica import Lag, Mark, PageReads, Standing
from quadrupel.telemetry import REPLICA_LAG_SECONDS

from .replica_world import NUMBER, open_world

MARK = Mark(system=7, timeline=2, place=1_000)
FRESH = Standing(in_recovery=True, system=7, timeline=2, replayed=1_000, seconds=3.0)

UNFIT = [
    (FRESH, None),
    (replace(FRESH, replayed=1), None),
    (replace(FRESH, in_recovery=False), "it is no replica, or was promoted"),
    (replace(FRESH, system=8), "it is a replica of another database"),
    (replace(FRESH, timeline=1), "it does not follow the primary since that was promoted"),
]


@pytest.mark.parametrize(("standing", "reason"), UNFIT)
def test_only_a_replica_of_this_primary_on_its_timeline_is_fit(standing, reason):
    assert standing.unfit(MARK) == reason


LAGS = [
    (FRESH, Lag(0.0, 0)),
    (replace(FRESH, replayed=2_000), Lag(0.0, 0)),
    (replace(FRESH, replayed=900), Lag(3.0, 100)),
    (replace(FRESH, replayed=900, seconds=-0.5), Lag(0.0, 100)),
    (replace(FRESH, replayed=0, seconds=None), Lag(None, 1_000)),
]


@pytest.mark.parametrize(("standing", "lag"), LAGS)
def test_the_lag_is_in_bytes_and_in_seconds_since_the_last_commit_that_came(standing, lag):
    assert replica.lag(MARK, standing) == lag


@pytest.fixture
def world(pair, pair_urls):
    with open_world(pair, pair_urls) as world:
        yield world


def test_pages_are_read_from_the_replica_that_has_what_was_committed_before(world):
    world.set(2)
    world.clock.at, world.clock.action = 1, world.resume
    world.begin()
    world.pause()
    world.set(3)
    assert world.read() == (2, "replica")


def test_without_a_replica_the_primary_is_read_and_not_asked_for_its_place(world):
    reads = world.reads = PageReads(world.primary)
    reads.begin(lambda _: pytest.fail("there is nothing to wait for"))
    assert world.read() == (1, "primary")


def test_a_replica_that_is_behind_is_waited_for(world):
    world.pause()
    world.set(2)
    world.clock.at, world.clock.action = 4, world.resume
    world.begin()
    assert world.clock.waits == pytest.approx([0.01, 0.02, 0.04, 0.08])
    assert REPLICA_LAG_SECONDS._value.get() == pytest.approx(0.15)
    assert world.read() == (2, "replica")


def test_one_that_stays_behind_is_left_alone_for_a_while_and_then_waited_for_less(world):
    world.pause()
    world.set(2)
    with capture_logs() as logs:
        world.begin()
        assert sum(world.clock.waits) == pytest.approx(10)
        assert world.read() == (2, "primary")
        world.clock.now += 29
        world.begin()
        assert sum(world.clock.waits) == pytest.approx(10)
        world.clock.now += 1
        world.begin()
        assert sum(world.clock.waits) == pytest.approx(11)
        assert world.read() == (2, "primary")
        assert [(each["log_level"], each["reason"]) for each in logs] == [
            ("warning", "it is too far behind")
        ]
        world.resume()
        world.clock.now += 30
        world.begin()
        assert world.read() == (2, "replica")
        assert logs[1]["event"] == "replica is used again"
    world.pause()
    world.set(3)
    world.begin()
    assert sum(world.clock.waits) == pytest.approx(21)


def test_it_is_waited_for_no_longer_when_asked_to_stop_and_is_not_to_blame(world):
    world.pause()
    world.set(2)
    world.clock.goes_on = False
    with capture_logs() as logs:
        world.begin()
    assert (len(world.clock.waits), logs) == (1, [])
    assert world.read() == (2, "primary")
    world.resume()
    world.begin()
    assert world.read() == (2, "replica")


def test_no_waiting_at_all_may_be_asked_for(world):
    world.reads = PageReads(world.primary, world.engine, 0, world.clock)
    world.pause()
    world.set(2)
    world.begin()
    assert (world.clock.waits, world.read()) == ([], (2, "primary"))


def test_a_primary_that_begins_a_new_file_of_its_log_is_not_waited_for(world):
    world.resume()
    world.pair.primary.ask("SELECT pg_switch_wal()")
    world.clock.at, world.clock.action = 1, world.resume
    world.begin()
    assert len(world.clock.waits) <= 1
    assert world.read() == (1, "replica")


def test_a_page_is_of_one_snapshot_and_writes_nothing(world):
    def ask(connection):
        before = connection.scalar(sa.text(NUMBER))
        world.set(before + 1)
        world.resume()
        return before, connection.scalar(sa.text(NUMBER))

    world.begin()
    assert world.reads.read(ask) == (1, 1)
    assert world.read() == (2, "replica")


def test_an_error_while_one_waits_is_raised_and_not_the_replicas(world):
    def fail():
        raise DatabaseUnavailable("the lease could not be renewed")

    world.pause()
    world.set(2)
    world.clock.at, world.clock.action = 2, fail
    with capture_logs() as logs, pytest.raises(DatabaseUnavailable, match="lease"):
        world.begin()
    assert logs == []


def test_a_role_without_rights_may_ask_both_for_their_places(world):
    world.pair.primary.ask("CREATE ROLE plain LOGIN")
    world.resume()
    urls = [
        each.url.replace("postgres@", "plain@") for each in (world.pair.primary, world.pair.standby)
    ]
    engines = [open_engine(url) for url in urls]
    with transaction(engines[0]) as connection:
        mark = replica.read_mark(connection)
    with transaction(engines[1]) as connection:
        standing = replica.read_standing(connection)
    assert standing.unfit(mark) is None
    for engine in engines:
        engine.dispose()
    world.pair.primary.ask("DROP ROLE plain")


def test_where_commits_are_not_flushed_the_place_is_behind_them_all_the_same(world):
    with transaction(world.primary) as connection:
        connection.execute(sa.text("SET LOCAL synchronous_commit = off"))
        inserted = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
        connection.execute(sa.text("UPDATE numbers SET number = 2"))
        least = connection.scalar(sa.text(inserted))
        assert replica.read_mark(connection).place >= least
