import asyncio
import random
import time
from datetime import UTC, datetime

import psycopg
import pytest

from quadrupel.core.errors import DatabaseUnavailable, Overloaded
from quadrupel.store import banner_reads, read_pool
from quadrupel.store.banner_reads import NOTHING, BannerReads
from quadrupel.store.read_pool import new_pool
from quadrupel.store.read_servers import ReadServers

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SAVE = """
    INSERT INTO published
        (user_id, version, profile_version, as_of, evaluated_at, rule_set, banners, updated_at)
    SELECT 'u' || n, n + %(more)s, 1, %(now)s, %(now)s, 'set',
        jsonb_build_array(jsonb_build_array('rule' || n, '{}'::jsonb)), %(now)s
    FROM generate_series(1, 2000) AS n
    ON CONFLICT (user_id) DO UPDATE SET version = excluded.version
"""


@pytest.fixture
def published(migrated_url):
    """2,000 users; user n has version n + `more` and a banner of its own."""

    def save(more):
        with psycopg.connect(migrated_url) as connection:
            connection.execute(SAVE, {"more": more, "now": NOW})

    save(0)
    return save


def test_everyone_of_a_crowd_gets_their_own_set_from_few_queries(migrated_url, published):
    async def story():
        async with new_pool(migrated_url) as pool:
            reads = BannerReads(ReadServers(pool))
            numbers = [1 + each % 2_000 for each in range(3_000)]
            found = await asyncio.gather(*(reads.find(f"u{number}") for number in numbers))
            queries = pool.get_stats()["requests_num"]
        shown = [(each.version, each.banners[0][0]) for each in found]
        assert shown == [(number, f"rule{number}") for number in numbers]
        assert queries <= 2 + 2_000 / banner_reads.USERS

    asyncio.run(story())


def test_of_a_user_of_whom_nothing_is_published_there_is_an_empty_set(migrated_url):
    async def story():
        async with new_pool(migrated_url) as pool:
            assert await BannerReads(ReadServers(pool)).find("nobody") == NOTHING

    asyncio.run(story())


def test_a_set_is_never_older_than_the_call(migrated_url, published):
    async def keep_asking(reads, stop):
        while not stop.is_set():
            await reads.find("u7")

    async def story():
        async with new_pool(migrated_url) as pool:
            reads, stop = BannerReads(ReadServers(pool)), asyncio.Event()
            crowd = [asyncio.create_task(keep_asking(reads, stop)) for _ in range(20)]
            for more in range(1, 30):
                await asyncio.to_thread(published, more)
                assert (await reads.find("u7")).version == 7 + more
            stop.set()
            await asyncio.gather(*crowd)

    asyncio.run(story())


def test_whoever_comes_while_the_last_queries_end_is_answered_too():
    chance = random.Random(3)

    async def some_turns():
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)

    class Reads(BannerReads):
        async def _fetch(self, users):
            await some_turns()
            return dict.fromkeys(users, NOTHING)

    async def come(reads, user):
        await some_turns()
        assert await reads.find(user) == NOTHING

    async def story():
        async with asyncio.timeout(20):
            for _ in range(2_000):
                reads = Reads(None, pause=0.0)
                await asyncio.gather(*(come(reads, f"u{n}") for n in range(4)))

    asyncio.run(story())


def test_who_goes_away_takes_the_answer_from_nobody(migrated_url, published):
    async def story():
        async with new_pool(migrated_url) as pool:
            reads = BannerReads(ReadServers(pool))
            asked = [asyncio.create_task(reads.find("u1")) for _ in range(10)]
            await asyncio.sleep(0)
            for each in asked[:5]:
                each.cancel()
            assert [each.version for each in await asyncio.gather(*asked[5:])] == [1] * 5

    asyncio.run(story())


def test_a_database_that_is_away_is_unavailable_and_too_large_a_crowd_is_refused_at_once():
    async def story():
        pool = new_pool("postgresql://127.0.0.1:1/none")
        await pool.open(wait=False)
        reads, begun = BannerReads(ReadServers(pool)), time.monotonic()
        crowd = [
            asyncio.create_task(reads.find(f"u{n}")) for n in range(2 * banner_reads.MAX_WAITING)
        ]
        results = await asyncio.gather(*crowd, return_exceptions=True)
        refused = [each for each in results if isinstance(each, Overloaded)]
        unavailable = [each for each in results if isinstance(each, DatabaseUnavailable)]
        assert len(refused) + len(unavailable) == len(results)
        assert banner_reads.MAX_WAITING / 2 <= len(refused) < len(results)
        assert time.monotonic() - begun < read_pool.SECONDS + 1.5
        await pool.close()

    asyncio.run(story())


class Stuck(BannerReads):
    """Looks up nothing until it is told what to answer or raise."""

    def __init__(self):
        self.time = 0.0
        super().__init__(None, lambda: self.time, pause=0.0)
        self.queries = []

    async def _fetch(self, users):
        answer = asyncio.get_running_loop().create_future()
        self.queries.append(answer)
        return dict.fromkeys(users, NOTHING) | await answer

    async def ask(self, user):
        """Ask, and let what this starts begin."""
        asked = asyncio.create_task(self.find(user))
        for _ in range(3):
            await asyncio.sleep(0)
        return asked


def test_others_are_refused_at_once_while_one_waits_longer_than_a_second():
    async def story():
        reads = Stuck()
        asked = [await reads.ask(f"u{n}") for n in range(banner_reads.QUERIES + 1)]
        reads.time = banner_reads.MAX_SECONDS
        asked.append(await reads.ask("in time"))
        reads.time += 0.001
        with pytest.raises(Overloaded):
            await reads.find("too late")
        with pytest.raises(Overloaded):
            reads.check_room()
        reads.queries[0].set_result({})
        await asyncio.sleep(0.01)
        asked.append(await reads.ask("late"))  # nobody waits for a query any more
        for answer in reads.queries[1:]:
            answer.set_result({})
            await asyncio.sleep(0.01)
        for answer in reads.queries:
            if not answer.done():
                answer.set_result({})
        assert await asyncio.gather(*asked) == [NOTHING] * len(asked)

    asyncio.run(story())


@pytest.mark.parametrize(("at_once", "pause"), [(1, 0.02), (4, 0.04)], ids=["few", "many"])
def test_those_that_come_one_after_the_other_share_queries_too(
    migrated_url, published, at_once, pause
):
    """The more of them there are, the fewer queries."""

    async def story():
        async with new_pool(migrated_url) as pool:
            reads, loop = BannerReads(ReadServers(pool), pause=0.02), asyncio.get_running_loop()
            begun, asked = loop.time(), []
            while loop.time() < begun + 0.5:
                for _ in range(at_once):
                    asked.append(asyncio.create_task(reads.find(f"u{1 + len(asked)}")))
                await asyncio.sleep(0.001)
            found = await asyncio.gather(*asked)
            took, queries = loop.time() - begun, pool.get_stats()["requests_num"]
        assert [each.version for each in found] == list(range(1, 1 + len(asked)))
        assert queries <= 1 + took / pause

    asyncio.run(story())


def test_a_query_that_fails_fails_for_all_that_wait_the_same_user_twice_too():
    async def story():
        reads = Stuck()
        asked = [await reads.ask(user) for user in ("u1", "u2", "u1", "u3")]
        reads.queries[0].set_exception(DatabaseUnavailable("away"))
        reads.queries[1].set_result({})
        async with asyncio.timeout(5):
            results = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(each, DatabaseUnavailable) for each in results] == [
            True,
            False,
            True,
            True,
        ]

    asyncio.run(story())
