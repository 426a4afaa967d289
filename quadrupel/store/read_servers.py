"""The servers that the API reads from: a replica and the primary, whichever answers.

A question goes to one server, and to the other one if that fails, but to none that is known to be
away. Whether they are, and how far the replica is behind, is found out beside the requests.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, LiteralString, TypeVar

import psycopg
import sqlalchemy as sa
import structlog
from psycopg.rows import AsyncRowFactory, tuple_row

from quadrupel.core.errors import ConcurrentWrite, DatabaseUnavailable
from quadrupel.store import replica as replicas
from quadrupel.store.database import transaction
from quadrupel.store.read_order import Place, ReplicaAge, Source, State, newest_first, order
from quadrupel.store.read_pool import SECONDS, Pool, TooSlow, end, fetch_all, why_unreachable
from quadrupel.store.replica import Standing
from quadrupel.telemetry import API_QUERIES, API_REPLICA_BEHIND_SECONDS

NEAR_SECONDS = 10.0
"""How far a replica may be behind, unless said otherwise, before the primary is asked first."""

FIRST_SECONDS = 0.7
"""How long a server may take to answer while there is another one to ask."""

BEAT_SECONDS = 1.0
"""How often each server is asked how it does."""

AWAY_BEAT_SECONDS = 0.3
"""How often while it is away."""

SLOW_SECONDS = 5.0
"""How long a server that did not answer in time goes last, although it does when asked how."""

AGE_FROM_SECONDS = 3.0
"""From when on an answer tells its age. A replica that is in time is about a beat behind."""

_LEAST_PAUSE = 0.05

Row = TypeVar("Row")
Told = TypeVar("Told")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer(Generic[Row]):
    """What a server answered. `age`: seconds since when something may be missing, if it may be."""

    rows: list[Row]
    source: Source
    age: int | None = None


class _Server:
    """One server: its connections, and how it does as far as is known."""

    def __init__(self, source: Source, pool: Pool, clock: Callable[[], float]) -> None:
        self.source = source
        self.pool = pool
        self.state = State.UP
        self._clock = clock
        self._slow_until = float("-inf")
        self._answered_at = float("-inf")
        self._doubt = asyncio.Event()

    def answered(self) -> None:
        """A question was answered, so it is there, whatever a look said meanwhile."""
        self._answered_at = self._clock()
        if self.state is State.AWAY:
            self._comes_back()

    def fails(self, error: Exception) -> None:
        """A question failed: whether the server is away, the next look tells, which is soon."""
        if isinstance(error, ConcurrentWrite):
            return  # what stood in the way of a replay was cancelled: the next one may not
        if isinstance(error, TooSlow):
            self._slow_until = self._clock() + SLOW_SECONDS
        self.state = max(self.state, State.DOUBTED)
        self._doubt.set()

    def answers(self) -> None:
        """A look succeeded."""
        if self.state is State.AWAY:
            self._comes_back()
        is_slow = self._clock() < self._slow_until
        self.state = State.DOUBTED if is_slow else State.UP

    async def is_lost(self, looked_at: float, error: Exception) -> None:
        """A look failed that began then; said once, with what a connection of its own says to it.

        It is older news if a question was answered meanwhile.
        """
        if self._answered_at >= looked_at:
            return
        before, self.state = self.state, State.AWAY
        if before is not State.AWAY:
            reason = await why_unreachable(self.pool) or str(error)
            log.warning("a database server does not answer", server=self.source, reason=reason)

    def _comes_back(self) -> None:
        log.info("a database server answers again", server=self.source)
        self.state = State.DOUBTED
        self._doubt.set()

    async def rest(self) -> None:
        """Return when it is time for the next look."""
        await asyncio.sleep(_LEAST_PAUSE)
        pause = AWAY_BEAT_SECONDS if self.state is State.AWAY else BEAT_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._doubt.wait()
        self._doubt.clear()


class ReadServers:
    """Where the API reads: from `replica`, if there is one, and from `primary`.

    The replica goes first unless it is more than `near` seconds behind, or what is asked may not be
    old. Belongs to one event loop; `order` may be asked by other threads.
    """

    def __init__(
        self,
        primary: Pool,
        replica: Pool | None = None,
        near: float = NEAR_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._near = near
        self._clock = clock
        self._age = ReplicaAge()
        pools = {Source.PRIMARY: primary, Source.REPLICA: replica}
        self._servers = {
            source: _Server(source, pool, clock) for source, pool in pools.items() if pool
        }

    def order(self, *, newest: bool = False) -> Sequence[Source]:
        """The servers to ask now, the first one first; those that are away are not among them.

        `newest`: the primary goes first, whatever the replica has.
        """
        states = {source: server.state for source, server in self._servers.items()}
        return newest_first(states) if newest else order(states, self.behind(), self._near)

    def behind(self) -> float | None:
        """How many seconds ago the replica had everything, for all that is known; None: unknown."""
        return self._age.seconds(self._clock())

    async def fetch_all(
        self,
        query: LiteralString,
        parameters: Sequence[object],
        shape: AsyncRowFactory[Row],
        *,
        newest: bool = False,
    ) -> Answer[Row]:
        """All rows of a query that changes nothing, from the first server that answers.

        Raises DatabaseUnavailable: at once if none is known to answer, else after 2 s at the most.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SECONDS
        failure: Exception | None = None
        asked = [self._servers[source] for source in self.order(newest=newest)]
        for server in asked:
            is_last, left = server is asked[-1], deadline - loop.time()
            seconds = left if is_last else FIRST_SECONDS
            try:
                rows = await fetch_all(
                    server.pool, query, parameters, shape, seconds, once=not is_last
                )
            except (DatabaseUnavailable, ConcurrentWrite) as error:
                server.fails(error)
                failure = error
            else:
                server.answered()
                API_QUERIES.labels(server.source.value).inc()
                return Answer(rows, server.source, self._age_from(server.source))
        raise DatabaseUnavailable(f"no database server answers: {failure or 'all are away'}")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connect, now or later, and look after the servers, for as long as the block.

        Each is looked at once before the block begins, the primary before the replica: how old the
        replica is can be told from its place only, not from the age of its last commit.
        """
        servers = list(self._servers.values())
        for server in servers:
            await server.pool.open(wait=False)
        for server in servers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SECONDS):
                    await self._learn(server)
        looks = [asyncio.create_task(self._look_after(server)) for server in servers]
        try:
            yield
        finally:
            await end(looks)
            for server in servers:
                await server.pool.close()

    def _age_from(self, source: Source) -> int | None:
        behind = self.behind() if source is Source.REPLICA else None
        return int(behind) if behind is not None and behind >= AGE_FROM_SECONDS else None

    async def _look_after(self, server: _Server) -> None:
        while True:
            await self._learn(server)
            behind = self.behind()
            API_REPLICA_BEHIND_SECONDS.set(float("nan") if behind is None else behind)
            await server.rest()

    async def _learn(self, server: _Server) -> None:
        """Look at a server, and know afterwards whether it is lost."""
        looked_at = self._clock()
        try:
            await self._look(server)
        except DatabaseUnavailable as error:
            await server.is_lost(looked_at, error)
        except Exception:
            log.exception("a database server cannot be looked after")

    async def _look(self, server: _Server) -> None:
        """Learn how a server does. Raises DatabaseUnavailable if it does not answer."""
        asked_at = self._clock()
        place = await _place_of(server.pool)
        server.answers()
        if server.source is Source.REPLICA:
            self._age.replica_told(place, asked_at)
        elif not isinstance(place, Standing):  # a primary that is one
            self._age.primary_told(place, asked_at)


async def _place_of(pool: Pool) -> Place:
    """What a server tells of its place. Raises DatabaseUnavailable."""
    [(in_recovery,)] = await fetch_all(pool, "SELECT pg_is_in_recovery()", (), tuple_row)
    try:
        if in_recovery:
            [row] = await fetch_all(pool, replicas.STANDING, (), tuple_row)
            return Standing(*row)
        [row] = await fetch_all(pool, replicas.MARK, (), tuple_row)
        return replicas.mark_of(*row)
    except psycopg.Error:  # it may not tell, or is another system that speaks the protocol
        return None


def first_answer(
    order: Sequence[Source],
    engines: Mapping[Source, sa.Engine],
    ask: Callable[[sa.Connection], Told],
) -> Told:
    """What `ask` reads on the first server that answers, in that order. Blocks.

    One that lacks a column counts as one that does not answer: rules may be there before it, and
    a replica has it later. Raises DatabaseUnavailable, and what `ask` raises.
    """
    failure: Exception | str | None = None
    for source in order:
        try:
            with transaction(engines[source]) as connection:
                return ask(connection)
        except (DatabaseUnavailable, ConcurrentWrite) as error:
            failure = error
        except (sa.exc.ProgrammingError, psycopg.errors.UndefinedColumn) as error:
            cause = error.orig if isinstance(error, sa.exc.ProgrammingError) else error
            if not isinstance(cause, psycopg.errors.UndefinedColumn):
                raise
            failure = f"{cause.diag.message_primary}; run `quadrupel profile apply`"
    raise DatabaseUnavailable(f"no database server answers: {failure or 'all are away'}")
