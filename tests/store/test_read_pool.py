import asyncio
import time

import psycopg
import pytest
from psycopg.rows import tuple_row

from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.store import read_pool
from quadrupel.store.read_pool import Pool, fetch_all, new_pool

END_ALL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = 'quadrupel-api' AND datname = current_database()
"""


async def ask(pool: Pool, query: str = "SELECT 1") -> int:
    [[answer]] = await fetch_all(pool, query, (), tuple_row)
    return answer


def test_a_connection_that_broke_while_idle_is_replaced_unnoticed(database_url: str) -> None:
    async def story() -> None:
        async with new_pool(database_url, 3) as pool:
            assert await ask(pool) == 1
            with psycopg.connect(database_url, autocommit=True) as other:
                other.execute(END_ALL)
            assert await asyncio.gather(*(ask(pool) for _ in range(5))) == [1] * 5

    asyncio.run(story())


def test_connections_that_all_broke_while_idle_are_replaced_unnoticed(database_url: str) -> None:
    async def story() -> None:
        async with new_pool(database_url, 3) as pool:
            await asyncio.gather(*(ask(pool, "SELECT 1 FROM pg_sleep(0.1)") for _ in range(3)))
            with psycopg.connect(database_url, autocommit=True) as other:
                ended = other.execute(END_ALL).fetchone()
            assert ended == (3,)
            assert await asyncio.gather(*(ask(pool) for _ in range(6))) == [1] * 6

    asyncio.run(story())


def test_a_query_whose_connection_ends_each_time_is_unavailable(database_url: str) -> None:
    async def story() -> None:
        async with new_pool(database_url, 2) as pool:
            with pytest.raises(DatabaseUnavailable):
                await ask(pool, "SELECT 1 WHERE pg_terminate_backend(pg_backend_pid())")
            assert await ask(pool) == 1

    asyncio.run(story())


@pytest.mark.parametrize("query", ["SELECT pg_sleep(20)", "SELECT 1 WHERE pg_sleep(20) IS NULL"])
def test_a_database_that_is_slow_is_unavailable_in_time(database_url: str, query: str) -> None:
    async def story() -> None:
        async with new_pool(database_url, 1) as pool:
            begun = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                await ask(pool, query)
            assert time.monotonic() - begun < read_pool.SECONDS + 1.5
            assert await ask(pool) == 1

    asyncio.run(story())


def test_a_database_that_is_away_is_unavailable_and_a_crowd_is_refused_at_once() -> None:
    async def story() -> None:
        pool = new_pool("postgresql://127.0.0.1:1/none", 1)
        await pool.open(wait=False)
        begun = time.monotonic()
        asked = (ask(pool) for _ in range(3 * read_pool.WAITING_PER_CONNECTION))
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(result, DatabaseUnavailable) for result in results)
        assert time.monotonic() - begun < read_pool.SECONDS + 1.5
        await pool.close()

    asyncio.run(story())


def test_a_mistake_of_ours_is_no_outage(database_url: str) -> None:
    async def story() -> None:
        async with new_pool(database_url, 1) as pool:
            with pytest.raises(psycopg.errors.UndefinedTable):
                await ask(pool, "SELECT * FROM nowhere")

    asyncio.run(story())


def test_a_task_that_loses_its_cancellation_is_cancelled_again() -> None:
    async def story() -> None:
        lost: list[int] = []

        async def loses_the_first() -> None:
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    lost.append(1)
                    if len(lost) > 1:
                        raise

        tasks = [asyncio.create_task(loses_the_first()), asyncio.create_task(asyncio.sleep(60))]
        await asyncio.sleep(0)
        await read_pool.end(tasks)
        assert all(task.done() for task in tasks)
        assert len(lost) == 2

    asyncio.run(story())
