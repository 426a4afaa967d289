"""Replicas that are away, stop, are promoted or are wrong: pages come from the primary instead."""

import time

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.store.database import open_engine
from quadrupel.store.replica import PageReads

from .replica_world import NUMBER, open_world

CLOSED = "postgresql://citizen:pass-word@127.0.0.1:9/x"


@pytest.fixture
def world(pair, pair_urls):
    with open_world(pair, pair_urls) as world:
        yield world


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
