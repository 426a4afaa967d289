"""The read side of what is published: banner sets by user, for the API."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from psycopg.rows import TupleRow, tuple_row

from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.core.positions import Position
from quadrupel.store.published import position
from quadrupel.store.read_pool import Pool, fetch_all, fetch_one

QUERIES = 2
"""How many queries for banner sets a process has under way."""

USERS = 500
"""Of how many users one query asks at most."""

MAX_WAITING = 4_000
"""Of how many users a process holds requests back; beyond that they are refused at once."""


@dataclass(frozen=True, slots=True)
class BannerSet:
    """What a user is shown, in order: rule ids, each with the text forms its texts show.

    A user who is shown nothing and one who was never heard of have the same: version 0, no day.
    `contains` is the position up to which the user's events are contained, if it is known.
    """

    version: int
    as_of: date | None
    banners: Sequence[tuple[str, Mapping[str, str]]]
    contains: Position | None = None


NOTHING = BannerSet(0, None, ())


class BannerReads:
    """Looks banner sets up; requests that come while others are looked up share the next query.

    So the database is asked as often as it answers, whatever the number of requests, and one that
    comes alone waits for nobody. Belongs to one event loop.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: dict[str, asyncio.Future[BannerSet]] = {}
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def find(self, user_id: str) -> BannerSet:
        """The user's banner set, not older than the call. Raises DatabaseUnavailable."""
        if user_id not in self._waiting:
            if len(self._waiting) >= MAX_WAITING:
                raise DatabaseUnavailable(f"{MAX_WAITING} users' banners are waited for already")
            self._waiting[user_id] = asyncio.get_running_loop().create_future()
        found = self._waiting[user_id]
        if self._under_way < QUERIES:
            self._under_way += 1
            task = asyncio.create_task(self._look_up())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(found)

    async def find_all(self, user_ids: Collection[str]) -> Mapping[str, BannerSet]:
        """The banner set of each of these users. Raises DatabaseUnavailable."""
        users, found = list(user_ids), dict.fromkeys(user_ids, NOTHING)
        for first in range(0, len(users), USERS):
            found |= await self._fetch(users[first : first + USERS])
        return found

    async def _look_up(self) -> None:
        """Answer all that wait, until none does; whoever comes then starts the next."""
        try:
            while self._waiting:
                await self._answer()
        finally:
            self._under_way -= 1

    async def _answer(self) -> None:
        users = list(self._waiting)[:USERS]
        asked = {user: self._waiting.pop(user) for user in users}
        try:
            sets = await self._fetch(users)
        except Exception as error:  # noqa: BLE001 - raised again in every request that waits
            asked |= self._waiting  # they have waited, and would for as long again
            self._waiting = {}
            for found in asked.values():
                found.set_exception(error)
                found.exception()  # whoever asked may have gone
        else:
            for user, found in asked.items():
                found.set_result(sets.get(user, NOTHING))

    async def _fetch(self, users: Sequence[str]) -> Mapping[str, BannerSet]:
        rows = await fetch_all(
            self._pool,
            "SELECT user_id, version, as_of, banners, event_partition, event_offset"
            " FROM published WHERE user_id = ANY(%s)",
            (users,),
            tuple_row,
        )
        return {row[0]: _banner_set(row[1:]) for row in rows}


def _banner_set(row: TupleRow) -> BannerSet:
    version, as_of, banners, partition, offset = row
    contains = position(partition, offset)
    if not banners:
        return BannerSet(0, None, (), contains)
    return BannerSet(version, as_of, [(rule, shown) for rule, shown in banners], contains)


async def reachable(pool: Pool) -> None:
    """Return when the database answers and has the tables; DatabaseUnavailable if it does not."""
    await fetch_one(pool, "SELECT 1 FROM published LIMIT 1", (), tuple_row)
