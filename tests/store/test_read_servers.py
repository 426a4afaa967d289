"""Reads from a real primary and its real replica, which stop, hang, are late and come back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.rows import tuple_row

from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.store import database, read_servers
from quadrupel.store.read_order import Source
from quadrupel.store.read_pool import new_pool
from quadrupel.store.read_servers import Answer, ReadServers, first_answer

WHO = "SELECT CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'primary' END"
NOWHERE = "postgresql://127.0.0.1:1/none"
SECONDS = 20


class Reader:
    """Asks, and remembers what was answered."""

    def __init__(self, servers: ReadServers) -> None:
        self.servers = servers

    async def ask(self) -> Answer:
        return await self.servers.fetch_all(WHO, (), tuple_row)

    async def who(self) -> str:
        return (await self.ask()).rows[0][0]

    async def until(self, wanted: str, seconds: float = SECONDS) -> None:
        """Ask until that one answers."""
        async with asyncio.timeout(seconds):
            while await self.is_refused() or await self.who() != wanted:
                await asyncio.sleep(0.02)

    async def is_refused(self) -> bool:
        try:
            await self.ask()
        except DatabaseUnavailable:
            return True
        return False


def name_of(urls: tuple[str, str]) -> str:
    """The name of the database."""
    return urlsplit(urls[0]).path[1:]


def reading(
    primary: str, replica: str | None, story: Callable[[Reader], Awaitable[None]], near: float = 10
) -> None:
    async def play() -> None:
        second = new_pool(replica, 4) if replica else None
        servers = ReadServers(new_pool(primary, 4), second, near)
        async with servers.running():
            await story(Reader(servers))

    asyncio.run(play())


def test_the_replica_is_read_and_the_primary_while_that_is_away(pair, pair_urls) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("replica")
        for stop in (pair.standby.stop, pair.standby.kill):
            await asyncio.to_thread(stop)
            for _ in range(20):
                assert await reader.ask() == Answer([("primary",)], Source.PRIMARY)
            await asyncio.to_thread(pair.standby.start)
            await reader.until("replica")

    reading(*pair_urls, story)


def test_the_newest_is_read_from_the_primary_and_from_the_replica_while_that_is_away(
    pair, pair_urls
) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("replica")
        newest = await reader.servers.fetch_all(WHO, (), tuple_row, newest=True)
        assert newest == Answer([("primary",)], Source.PRIMARY)
        await asyncio.to_thread(pair.primary.stop)
        newest = await reader.servers.fetch_all(WHO, (), tuple_row, newest=True)
        assert newest == Answer([("replica",)], Source.REPLICA)

    reading(*pair_urls, story)


def test_without_the_primary_answers_say_how_old_they_are_until_it_is_back(pair, pair_urls) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("replica")
        assert (await reader.ask()).age is None
        gone = time.monotonic()
        await asyncio.to_thread(pair.primary.kill)
        ages: list[int] = []
        while not ages or ages[-1] < 6:
            answer, since = await reader.ask(), time.monotonic() - gone
            assert answer.rows == [("replica",)]
            if answer.age is not None:
                ages.append(answer.age)
                assert since - 3 <= answer.age <= since + 3
            assert since < 15
            await asyncio.sleep(0.05)
        assert ages == sorted(ages)
        assert ages[0] >= read_servers.AGE_FROM_SECONDS
        await asyncio.to_thread(pair.primary.start)
        async with asyncio.timeout(SECONDS):
            while (await reader.ask()).age is not None:
                await asyncio.sleep(0.05)
        assert await reader.who() == "replica"

    reading(*pair_urls, story)


def test_a_replica_that_is_late_goes_last_until_it_has_caught_up(pair, pair_urls) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("replica")
        pair.standby.ask("SELECT pg_wal_replay_pause()")
        pair.primary.ask("CREATE TABLE late (n int)", database=name_of(pair_urls))
        await reader.until("primary")
        assert (await reader.ask()).age is None
        pair.standby.ask("SELECT pg_wal_replay_resume()")
        await reader.until("replica")

    reading(*pair_urls, story, near=2.0)


def test_on_a_quiet_primary_the_replica_is_read_without_an_age(pair, pair_urls) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("replica")
        quiet_until = time.monotonic() + read_servers.AGE_FROM_SECONDS + 2
        while time.monotonic() < quiet_until:
            assert await reader.ask() == Answer([("replica",)], Source.REPLICA)
            await asyncio.sleep(0.1)

    reading(*pair_urls, story, near=3.0)


def test_the_first_read_on_a_quiet_primary_has_no_age(pair, pair_urls) -> None:
    """Which only the replica's place can tell: its last commit is as old as it is quiet."""

    async def story(reader: Reader) -> None:
        assert await reader.ask() == Answer([("replica",)], Source.REPLICA)
        behind = reader.servers.behind()
        assert behind is not None
        assert behind < 1

    with psycopg.connect(pair_urls[0]) as connection:
        connection.execute("SELECT pg_current_xact_id()")  # a commit that the replica replays
    time.sleep(read_servers.AGE_FROM_SECONDS + 1)
    reading(*pair_urls, story)


def test_without_any_server_reads_fail_at_once_and_come_back_by_themselves(pair, pair_urls) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("replica")
        pair.primary.kill()
        pair.standby.kill()
        began = time.monotonic()
        assert all(await asyncio.gather(*(reader.is_refused() for _ in range(20))))
        assert time.monotonic() - began < 1.5
        async with asyncio.timeout(5):
            while reader.servers.order():
                await asyncio.sleep(0.05)
        took = []
        for _ in range(200):
            began = time.monotonic()
            assert await reader.is_refused()
            took.append(time.monotonic() - began)
        assert median(took) < 0.5 / 200
        await asyncio.to_thread(pair.standby.start)
        async with asyncio.timeout(SECONDS):
            while await reader.is_refused():
                await asyncio.sleep(0.05)
        assert await reader.who() == "replica"
        await asyncio.to_thread(pair.primary.start)
        async with asyncio.timeout(SECONDS):
            while set(reader.servers.order()) != set(Source):
                await asyncio.sleep(0.05)

    reading(*pair_urls, story)


@pytest.mark.parametrize("name", ["standby", "primary"])
def test_a_server_that_hangs_holds_a_read_up_for_a_moment_at_most(pair, pair_urls, name) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("replica")
        with getattr(pair, name).frozen():
            slowest = 0.0
            for _ in range(100):
                began = time.monotonic()
                expected = "primary" if name == "standby" else "replica"
                assert await reader.who() == expected
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.05)
            assert slowest < read_servers.FIRST_SECONDS + 0.8
            assert reader.servers.order() == [Source(expected)]
        await reader.until("replica")
        async with asyncio.timeout(SECONDS):
            while set(reader.servers.order()) != set(Source):
                await asyncio.sleep(0.05)

    reading(*pair_urls, story)


CONFLICT = """
    CREATE FUNCTION conflicts() RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        IF pg_is_in_recovery() THEN
            RAISE EXCEPTION 'canceling statement due to conflict with recovery'
                USING ERRCODE = '40001';
        END IF;
        RETURN 'primary';
    END $$
"""


def test_what_the_replay_cancels_is_asked_of_the_primary(pair, pair_urls) -> None:
    with psycopg.connect(pair_urls[0]) as connection:
        connection.execute(CONFLICT)
    pair.lets_go()

    async def story(reader: Reader) -> None:
        await reader.until("replica")
        answer = await reader.servers.fetch_all("SELECT conflicts()", (), tuple_row)
        assert answer.rows == [("primary",)]
        assert await reader.who() == "replica"

    reading(*pair_urls, story)


def test_a_mistake_of_ours_is_no_outage(pair, pair_urls) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("replica")
        with pytest.raises(psycopg.errors.UndefinedTable):
            await reader.servers.fetch_all("SELECT * FROM nowhere", (), tuple_row)
        assert await reader.who() == "replica"

    reading(*pair_urls, story)


@pytest.mark.parametrize("replica", [None, NOWHERE])
def test_one_server_is_enough_and_a_restart_is_got_over(own_server, replica) -> None:
    async def story(reader: Reader) -> None:
        await reader.until("primary")
        own_server.stop()
        async with asyncio.timeout(SECONDS):
            while not await reader.is_refused():
                await asyncio.sleep(0.02)
        own_server.start()
        async with asyncio.timeout(SECONDS):
            while await reader.is_refused():
                await asyncio.sleep(0.02)
        assert await reader.ask() == Answer([("primary",)], Source.PRIMARY)

    reading(own_server.url, replica, story)


def test_it_begins_with_the_replica_alone(pair, pair_urls) -> None:
    async def story(reader: Reader) -> None:
        assert await reader.who() == "replica"
        async with asyncio.timeout(SECONDS):
            while (await reader.ask()).age is None:
                await asyncio.sleep(0.05)

    reading(NOWHERE, pair_urls[1], story)


def test_a_replica_that_was_promoted_is_read_while_the_primary_is_away_only(
    pair, pair_urls, new_standby
) -> None:
    name = name_of(pair_urls)
    with new_standby() as promoted:
        both = pair_urls[0], promoted.at(name)

        async def story(reader: Reader) -> None:
            await reader.until("replica")
            promoted.promote()
            pair.primary.ask("CREATE TABLE later (n int)", database=name)
            async with asyncio.timeout(SECONDS):
                while reader.servers.order() != [Source.PRIMARY, Source.REPLICA]:
                    await asyncio.sleep(0.05)
            pair.primary.stop()
            async with asyncio.timeout(SECONDS):
                while reader.servers.order() != [Source.REPLICA]:
                    assert not await reader.is_refused()
            async with asyncio.timeout(SECONDS):
                while (await reader.ask()).age is None:
                    await asyncio.sleep(0.05)
            pair.primary.start()

        reading(*both, story, near=2.0)


def test_a_blocking_read_goes_to_the_first_server_that_answers(database_url) -> None:
    engines = {
        Source.PRIMARY: database.open_engine(database_url),
        Source.REPLICA: database.open_engine(NOWHERE),
    }

    def ask(connection: sa.Connection) -> int:
        return connection.execute(sa.text("SELECT 7")).scalar_one()

    try:
        for order in ([Source.PRIMARY], [Source.REPLICA, Source.PRIMARY]):
            assert first_answer(order, engines, ask) == 7
        for order in ([Source.REPLICA], []):
            with pytest.raises(DatabaseUnavailable):
                first_answer(order, engines, ask)
    finally:
        for engine in engines.values():
            engine.dispose()


@pytest.mark.parametrize("by_driver", [True, False])
def test_a_server_that_lacks_a_column_yet_is_one_that_does_not_answer(
    database_url, by_driver
) -> None:
    engines = {source: database.open_engine(database_url) for source in Source}
    asked = []

    def ask(connection: sa.Connection) -> None:
        asked.append(connection)
        if by_driver:
            database.driver(connection).execute("SELECT pets FROM pg_class")
        connection.execute(sa.text("SELECT pets FROM pg_class"))

    try:
        with pytest.raises(DatabaseUnavailable, match=r'"pets" .* run `quadrupel profile apply`'):
            first_answer([Source.REPLICA, Source.PRIMARY], engines, ask)
        assert len(asked) == 2
    finally:
        for engine in engines.values():
            engine.dispose()
