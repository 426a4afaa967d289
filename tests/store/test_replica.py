"""Pages come from a replica that has everything, else from the primary; on two real servers."""

import time
from dataclasses import dataclass, field, replace

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.store import replica
from quadrupel.store.database import open_engine, transaction
from quadrupel.store.replica import Lag, Mark, PageReads, Standing
from quadrupel.telemetry import REPLICA_LAG_SECONDS, RUN_PAGES_READ

CLOSED = "postgresql://citizen:pass-word@127.0.0.1:9/x"
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


@dataclass
class Clock:
    """A clock that goes on while one waits, and notes it; at wait number `at`, `action` is done."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)
    at: int = -1
    action: object = None
    goes_on: bool = True

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds
        self.waits.append(seconds)
        if len(self.waits) == self.at:
            self.action()
        return self.goes_on


@dataclass
class World:
    """A table of one number on both servers, and the reads that are tested."""

    pair: object
    primary: sa.Engine
    engine: sa.Engine
    clock: Clock
    reads: PageReads
    name: str

    def set(self, number):
        with transaction(self.primary) as connection:
            connection.execute(sa.text("UPDATE numbers SET number = :n"), {"n": number})

    def pause(self):
        self.pair.standby.ask("SELECT pg_wal_replay_pause()")
        while self.pair.standby.ask("SELECT pg_get_wal_replay_pause_state()") != [("paused",)]:
            pass

    def resume(self):
        """Go on with the replay, and wait until all is in."""
        self.pair.lets_go()

    def begin(self):
        self.reads.begin(self.clock.wait)

    def read(self):
        """The number, and where it was read."""
        before = {each: pages(each) for each in ("primary", "replica")}
        number = self.reads.read(lambda connection: connection.scalar(sa.text(NUMBER)))
        [source] = [each for each, count in before.items() if pages(each) != count]
        return number, source


NUMBER = "SELECT number FROM numbers"


def pages(source):
    return RUN_PAGES_READ.labels(source)._value.get()


@pytest.fixture
def world(pair, pair_urls):
    primary_url, replica_url = pair_urls
    primary, engine = open_engine(primary_url), open_engine(replica_url, pool_size=1)
    with transaction(primary) as connection:
        connection.execute(sa.text("CREATE TABLE numbers AS SELECT 1 AS number"))
    clock = Clock()
    name = primary_url.partition("?")[0].rpartition("/")[2]
    yield World(pair, primary, engine, clock, PageReads(primary, engine, 10, clock), name)
    engine.dispose()
    primary.dispose()


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


def test_a_replica_that_is_away_is_told_of_once_without_its_password(world):
    away = open_engine(CLOSED)
    world.reads = PageReads(world.primary, away, 10, world.clock)
    with capture_logs() as logs:
        for _ in range(3):
            world.begin()
            assert world.read() == (1, "primary")
            world.clock.now += 30
    [told] = logs
    assert "Connection refused" in told["reason"]
    assert "pass-word" not in str(told)
    assert "postgresql://" not in str(told)


def test_one_whose_url_cannot_be_read_is_told_of_without_it(world):
    wrong = open_engine("postgresql://citizen:pass%zzword@127.0.0.1/x")
    world.reads = PageReads(world.primary, wrong, 10, world.clock)
    with capture_logs() as logs:
        world.begin()
    assert [each["reason"] for each in logs] == ["ProgrammingError"]
    assert world.read() == (1, "primary")


def test_one_that_is_away_is_asked_again_after_a_while_only(world):
    world.pair.standby.stop()
    world.begin()
    world.pair.lets_go()
    world.clock.now += 29
    world.begin()
    assert world.read() == (1, "primary")
    world.clock.now += 1
    world.begin()
    assert world.read() == (1, "replica")


def test_one_that_stops_between_two_pages_leaves_the_rest_of_the_range_to_the_primary(world):
    world.begin()
    assert world.read() == (1, "replica")
    world.pair.standby.stop()
    assert world.read() == (1, "primary")
    world.pair.lets_go()
    assert world.read() == (1, "primary")


def test_one_that_is_promoted_is_not_used_any_more(world, new_standby):
    with new_standby() as other:
        engine = open_engine(other.at(world.name))
        world.reads = PageReads(world.primary, engine, 10, world.clock)
        world.begin()
        assert world.read() == (1, "replica")
        other.promote()
        other.ask("UPDATE numbers SET number = 9", database=world.name)
        with capture_logs() as logs:
            assert world.read() == (1, "primary")
            world.clock.now += 30
            world.begin()
            assert world.read() == (1, "primary")
        assert [each["reason"] for each in logs] == ["it is no replica, or was promoted"]
        engine.dispose()


def test_after_a_failover_only_a_replica_that_followed_it_is_used(world, new_standby):
    with new_standby() as promoted, new_standby() as other:
        promoted.promote()
        primary, engine = open_engine(promoted.at(world.name)), open_engine(other.at(world.name))
        world.reads = PageReads(primary, engine, 10, world.clock)
        world.set(5)  # in the old primary, and so in the other replica; never in the new primary
        with capture_logs() as logs:
            world.begin()
            assert world.read() == (1, "primary")
        assert "since that was promoted" in logs[0]["reason"]
        primary.dispose()
        engine.dispose()


def test_a_replica_that_followed_a_failover_is_used_at_once(world, new_standby):
    with new_standby() as promoted, new_standby() as other:
        promoted.promote()
        other.follow(promoted)
        primary, engine = open_engine(promoted.at(world.name)), open_engine(other.at(world.name))
        world.reads = PageReads(primary, engine, 10, world.clock)
        deadline = time.monotonic() + 20
        world.begin()
        while world.read() != (1, "replica"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
            world.clock.now += 30
            world.begin()
        primary.dispose()
        engine.dispose()


def test_a_primary_given_as_replica_is_not_used(world):
    world.reads = PageReads(world.primary, world.primary, 10, world.clock)
    world.begin()
    assert world.read() == (1, "primary")


def test_a_page_that_the_replay_cancels_is_read_from_the_primary(world):
    asked = []

    def ask(connection):
        found = connection.scalar(sa.text(NUMBER))
        asked.append(found)
        if len(asked) == 1:
            world.set(2)
            world.pair.primary.ask("VACUUM numbers", database=world.name)
            connection.execute(sa.text("SELECT pg_sleep(60)"))
        return found

    world.pair.standby.ask("ALTER SYSTEM SET max_standby_streaming_delay = 0")
    world.pair.standby.ask("SELECT pg_reload_conf()")
    try:
        world.begin()
        with capture_logs() as logs:
            assert world.reads.read(ask) == 2
    finally:
        world.pair.standby.ask("ALTER SYSTEM RESET max_standby_streaming_delay")
        world.pair.standby.ask("SELECT pg_reload_conf()")
    assert asked == [1, 2]
    assert "conflict with recovery" in logs[0]["reason"]
    assert world.read() == (2, "primary")


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


def test_an_error_of_the_primary_is_raised(world):
    away = open_engine(CLOSED)
    reads = PageReads(away, world.engine, 10, world.clock)
    with pytest.raises(DatabaseUnavailable):
        reads.begin(world.clock.wait)
    with pytest.raises(DatabaseUnavailable):
        reads.read(lambda connection: connection.scalar(sa.text("SELECT 1")))


def test_a_primary_that_may_not_tell_its_place_is_read(world):
    world.pair.primary.ask("CREATE ROLE mute LOGIN")
    for query in (
        "REVOKE EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) FROM public",
        "GRANT SELECT ON numbers TO mute",
    ):
        world.pair.primary.ask(query, database=world.name)
    mute = open_engine(world.pair.primary.at(world.name).replace("postgres@", "mute@"))
    world.reads = PageReads(mute, world.engine, 10, world.clock)
    with capture_logs() as logs:
        world.begin()
    assert [each["reason"] for each in logs] == ["the primary does not tell its place"]
    assert world.read() == (1, "primary")
    mute.dispose()
    world.pair.primary.ask("DROP OWNED BY mute", database=world.name)
    world.pair.primary.ask("DROP ROLE mute")


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
