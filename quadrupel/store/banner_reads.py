"""The read side of what is published: banner sets by user, for the API."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import structlog
from psycopg.rows import TupleRow, tuple_row

from quadrupel.core.banners import Banner
from quadrupel.core.errors import Overloaded
from quadrupel.core.positions import Position
from quadrupel.store.banner_rows import read_banners
from quadrupel.store.published import position
from quadrupel.store.read_servers import ReadServers
from quadrupel.telemetry import READS_REFUSED

QUERIES = 2
"""How many queries for banner sets a process has under way."""

PAUSE = 0.004
"""Seconds from one query to the next, at least: a query costs as much as fifty users in it."""

MANY = 40
"""With so many users in a query it is twice as long, and so on: they share what the next costs."""

LONGEST = 2.5
"""How many times as long it is at most."""

USERS = 500
"""Of how many users one query asks at most."""

MAX_WAITING = 4_000
"""Of how many users a process lets requests wait; beyond that they are refused at once."""

MAX_SECONDS = 1.0
"""How long the one that waits first may have waited; beyond that others are refused at once."""

SAY_SECONDS = 10.0
"""How often the log says that requests are refused, at most."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BannerSet:
    """What a user is shown, in order, on all clients together.

    A user who is shown nothing and one who was never heard of have the same: version 0, no day.
    `contains` is the position up to which the user's events are contained, if it is known.
    `stored` is the version of the row, also where nothing is shown; 0: there is no row. `text` is
    the banners as they are stored. `age`: how many seconds ago the replica that was read was last
    known to have everything; None: it is in time.
    """

    version: int
    as_of: date | None
    banners: Sequence[Banner]
    contains: Position | None = None
    stored: int = 0
    text: str = ""
    age: int | None = None


NOTHING = BannerSet(0, None, ())


@dataclass(slots=True, eq=False)
class _Waiting:
    """The requests that wait for one user, since the first of them came."""

    since: float
    requests: list[asyncio.Future[BannerSet]]

    def answer(self, found: BannerSet) -> None:
        for each in self.requests:
            if not each.done():  # whoever asked may have gone
                each.set_result(found)

    def fail(self, error: Exception) -> None:
        for each in self.requests:
            if not each.done():
                each.set_exception(error)
                each.exception()  # nobody need hear of it but the one who asked, if still there


class BannerReads:
    """Looks banner sets up; requests that come while others are looked up share the next query.

    So the database is asked as often as it answers, and every 4 ms at most, or 10 ms when there is
    much to ask; and a request that comes alone waits for nobody. Belongs to one event loop.
    """

    def __init__(
        self,
        servers: ReadServers,
        clock: Callable[[], float] = time.monotonic,
        pause: float = PAUSE,
    ) -> None:
        self._servers = servers
        self._clock = clock
        self._pause = pause
        self._next_at = float("-inf")
        self._waiting: dict[str, _Waiting] = {}
        self._said_at = float("-inf")
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def check_room(self) -> None:
        """Raise Overloaded while more requests wait than can be answered within a second.

        Those that came first are answered first, so how long they have waited tells it, whether the
        database is slow or this process has too much to do.
        """
        if self._waiting:
            first = next(iter(self._waiting.values()))
            waited = self._clock() - first.since
            if waited > MAX_SECONDS or len(self._waiting) >= MAX_WAITING:
                raise self._refusal(waited)

    def _refusal(self, waited: float) -> Overloaded:
        READS_REFUSED.inc()
        waiting, now = len(self._waiting), self._clock()
        if now - self._said_at > SAY_SECONDS:
            self._said_at = now
            log.warning("reads of banners are refused: too many wait", users=waiting, waited=waited)
        return Overloaded(f"banners of {waiting} users are waited for, since {waited:.1f} s")

    async def find(self, user_id: str) -> BannerSet:
        """The user's banner set, not older than the call.

        Raises DatabaseUnavailable, Overloaded.
        """
        self.check_room()
        waiting = self._waiting.get(user_id)
        if waiting is None:
            waiting = self._waiting[user_id] = _Waiting(self._clock(), [])
        found: asyncio.Future[BannerSet] = asyncio.get_running_loop().create_future()
        waiting.requests.append(found)
        if self._under_way < QUERIES:
            self._under_way += 1
            task = asyncio.create_task(self._look_up())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await found

    async def find_all(self, user_ids: Collection[str]) -> Mapping[str, BannerSet]:
        """The banner set of each of these users. Raises DatabaseUnavailable."""
        users, found = list(user_ids), dict[str, BannerSet]()
        for first in range(0, len(users), USERS):
            found |= await self._fetch(users[first : first + USERS])
        return found

    async def _look_up(self) -> None:
        """Answer all that wait, until none does; whoever comes then starts the next."""
        try:
            while self._waiting:
                if await self._is_time():
                    await self._answer()
        finally:
            self._under_way -= 1

    async def _is_time(self) -> bool:
        """Whether a query may begin; else let the pause go by, in which others may begin one."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_at:
            self._next_at = now + self._pause * min(1 + len(self._waiting) / MANY, LONGEST)
            return True
        await asyncio.sleep(self._next_at - now)
        return False

    async def _answer(self) -> None:
        asked = self._next()
        try:
            sets = await self._fetch(list(asked))
        except Exception as error:  # noqa: BLE001 - raised again in every request that waits
            # All others too: they have waited, and would for as long again.
            others, self._waiting = self._waiting, {}
            for waiting in (*asked.values(), *others.values()):
                waiting.fail(error)
        else:
            for user, waiting in asked.items():
                waiting.answer(sets[user])

    def _next(self) -> dict[str, "_Waiting"]:
        """Those that waited longest, as many as one query asks for; they wait no more."""
        if len(self._waiting) <= USERS:
            asked, self._waiting = self._waiting, {}
            return asked
        return {user: self._waiting.pop(user) for user in list(self._waiting)[:USERS]}

    async def _fetch(self, users: Sequence[str]) -> Mapping[str, BannerSet]:
        """The set of each of the users."""
        answer = await self._servers.fetch_all(
            "SELECT user_id, version, as_of, banners::text, event_partition, event_offset"
            " FROM published WHERE user_id = ANY(%s)",
            (users,),
            tuple_row,
        )
        nothing = NOTHING if answer.age is None else replace(NOTHING, age=answer.age)
        found = {row[0]: _banner_set(row[1:], answer.age) for row in answer.rows}
        return dict.fromkeys(users, nothing) | found


def _banner_set(row: TupleRow, age: int | None) -> BannerSet:
    version, as_of, banners, partition, offset = row
    contains = position(partition, offset)
    if banners == "[]":
        return BannerSet(0, None, (), contains, version, age=age)
    return BannerSet(version, as_of, read_banners(banners), contains, version, banners, age)


async def reachable(servers: ReadServers) -> None:
    """Return when a database answers and has the tables; DatabaseUnavailable if none does."""
    await servers.fetch_all("SELECT 1 FROM published LIMIT 1", (), tuple_row)
