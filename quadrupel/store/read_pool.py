"""The API's connections to one Postgres server: asynchronous, few, and never waited for long."""

import asyncio
import contextlib
import socket
from collections.abc import Collection, Iterator, Sequence
from typing import LiteralString, TypeAlias, TypeVar

from psycopg import AsyncConnection, Error, OperationalError
from psycopg.errors import QueryCanceled
from psycopg.rows import AsyncRowFactory, TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.store.database import translated_errors

Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[TupleRow]]
Row = TypeVar("Row")

SECONDS = 2.0
"""How long one question to the database may take, waiting for a connection included."""

CONNECTION_SECONDS = 0.7
"""How long of that a connection may be waited for."""

RECONNECT_SECONDS = 0.5
"""How long the pool tries on its own to replace a connection. Later questions make it try again, so
that a server that is back is used at once, however long it was away."""

WAITING_PER_CONNECTION = 50


def new_pool(url: str, size: int = 8) -> Pool:
    """A pool of at most `size` connections, to be opened and closed by its owner.

    Every statement is its own transaction. When 50 requests wait for each connection, further ones
    are refused at once.
    """
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        max_waiting=WAITING_PER_CONNECTION * size,
        timeout=SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        open=False,
        name="quadrupel-api",
        kwargs={
            "autocommit": True,
            "connect_timeout": 3,
            "application_name": "quadrupel-api",
            "options": f"-c statement_timeout={int(SECONDS * 1000)}",
        },
    )


class TooSlow(DatabaseUnavailable):
    """The server did not answer in time, or there was no connection to it in time."""


async def fetch_all(
    pool: Pool,
    query: LiteralString,
    parameters: Sequence[object],
    shape: AsyncRowFactory[Row],
    seconds: float = SECONDS,
    *,
    once: bool = False,
) -> list[Row]:
    """All rows of a query that changes nothing.

    Raises DatabaseUnavailable, TooSlow among it, after `seconds` at the latest. A connection that
    turns out to be broken is replaced and the query asked again, unless it is to be asked `once`:
    that costs nothing where none is, as trying each before its use would.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    with translated_errors():
        for _ in range(1 if once else pool.max_size + 1):
            with contextlib.suppress(_Broken):
                return await _ask(pool, query, parameters, shape, deadline)
    raise DatabaseUnavailable("the database ends each connection")


async def why_unreachable(pool: Pool) -> str | None:
    """What is in the way of a new connection, which the pool does not tell; None if nothing is."""
    try:
        trial = await AsyncConnection.connect(str(pool.conninfo), connect_timeout=2)
    except OperationalError as error:
        return str(error)
    except Error as error:  # it may quote the URL, and so a password
        return type(error).__name__
    await trial.close()
    return None


class _Broken(Exception):
    """The connection broke before the answer came; the pool knows, and makes another."""


async def _ask(
    pool: Pool,
    query: LiteralString,
    parameters: Sequence[object],
    shape: AsyncRowFactory[Row],
    deadline: float,
) -> list[Row]:
    loop = asyncio.get_running_loop()
    left = deadline - loop.time()
    connection = None
    try:
        async with pool.connection(min(left, CONNECTION_SECONDS)) as connection:
            with _cut_at(deadline, connection):
                cursor = connection.cursor(row_factory=shape)
                await cursor.execute(query, parameters)
                return await cursor.fetchall()
    except PoolTimeout as error:
        raise TooSlow("there was no connection to the database in time") from error
    except OperationalError as error:
        is_broken = connection is not None and connection.closed
        if isinstance(error, QueryCanceled) or (is_broken and loop.time() >= deadline):
            raise TooSlow("the database did not answer in time") from error
        if is_broken:
            raise _Broken from error
        raise


@contextlib.contextmanager
def _cut_at(deadline: float, connection: AsyncConnection[TupleRow]) -> Iterator[None]:
    """End the connection at that time of the loop, which fails whatever waits for its answer.

    To cancel the task instead would make the driver wait for the server's consent, of which a
    server that hangs gives none.
    """
    at_end = asyncio.get_running_loop().call_at(deadline, _cut, connection)
    try:
        yield
    finally:
        at_end.cancel()


def _cut(connection: AsyncConnection[TupleRow]) -> None:
    with (
        contextlib.suppress(OSError, OperationalError),  # it ended by itself
        socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as own,
    ):
        own.shutdown(socket.SHUT_RDWR)


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks that ask the database until they end.

    Before Python 3.12 `asyncio.wait_for`, by which a pool waits, forgets a cancellation that comes
    just as it is given a connection.
    """
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=1.0)
