"""The API's connections to Postgres: asynchronous, few, and never waited for long."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import LiteralString, TypeAlias, TypeVar

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import AsyncRowFactory, TupleRow
from psycopg_pool import AsyncConnectionPool

from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.store.database import translated_errors

Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[TupleRow]]
Row = TypeVar("Row")

SECONDS = 2.0
"""How long one question to the database may take, waiting for a connection included."""

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
        reconnect_timeout=10.0,
        open=False,
        name="quadrupel-api",
        kwargs={
            "autocommit": True,
            "connect_timeout": 3,
            "application_name": "quadrupel-api",
            "options": f"-c statement_timeout={int(SECONDS * 1000)}",
        },
    )


async def fetch_all(
    pool: Pool,
    query: LiteralString,
    parameters: Sequence[object],
    shape: AsyncRowFactory[Row],
) -> list[Row]:
    """All rows of a query that changes nothing.

    Raises DatabaseUnavailable, after about `SECONDS` at the latest. A connection that turns out to
    be broken is replaced and the query asked again: that costs nothing where none is, as trying
    each before its use would.
    """
    try:
        with translated_errors():
            async with asyncio.timeout(SECONDS):
                for _ in range(pool.max_size):
                    with contextlib.suppress(_Broken):
                        return await _ask(pool, query, parameters, shape)
                return await _ask(pool, query, parameters, shape)
    except TimeoutError as error:
        raise DatabaseUnavailable(f"the database did not answer within {SECONDS} s") from error
    except _Broken as error:
        raise DatabaseUnavailable("the database ends each connection") from error


class _Broken(Exception):
    """The connection broke before the answer came; the pool knows, and makes another."""


async def _ask(
    pool: Pool,
    query: LiteralString,
    parameters: Sequence[object],
    shape: AsyncRowFactory[Row],
) -> list[Row]:
    connection = None
    try:
        async with pool.connection() as connection:
            cursor = connection.cursor(row_factory=shape)
            await cursor.execute(query, parameters)
            return await cursor.fetchall()
    except OperationalError as error:
        if connection is not None and connection.closed:
            raise _Broken from error
        raise


async def fetch_one(
    pool: Pool,
    query: LiteralString,
    parameters: Sequence[object],
    shape: AsyncRowFactory[Row],
) -> Row | None:
    """The first row of a query; None when there is none. Raises as `fetch_all`."""
    return next(iter(await fetch_all(pool, query, parameters, shape)), None)
