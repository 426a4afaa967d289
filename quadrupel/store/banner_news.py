"""News of banner sets: publishers tell whose set has a new version, API processes listen.

It goes by NOTIFY of Postgres, which reaches whoever listens at that moment and is kept for nobody.
So whoever listens also has to look, by and by, for what it was not told.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, LiteralString, NoReturn

import msgspec
import psycopg
import sqlalchemy as sa
import structlog
from psycopg import sql

from quadrupel.core.errors import QuadrupelError
from quadrupel.store import bulk
from quadrupel.store.database import driver, statements

CHANNEL = "quadrupel_banners"
APPLICATION = "quadrupel-api news"

USERS = 80
"""Of how many users one payload tells. It may have 8,000 bytes, of which each takes 87 at most."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to listen."""

log = structlog.get_logger()

_NOTIFY: LiteralString = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"
# The server cuts a listener off that hangs, before what it does not take fills the server's queue.
_PATIENCE: LiteralString = """
    SELECT set_config('tcp_user_timeout', '30000', false),
           set_config('tcp_keepalives_idle', '30', false),
           set_config('tcp_keepalives_interval', '10', false),
           set_config('tcp_keepalives_count', '3', false)
"""
# A server that is gone is noticed within half a minute. What the URL says goes before these.
_CONNECTING: Mapping[str, Any] = {
    "connect_timeout": 3,
    "application_name": APPLICATION,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class News(msgspec.Struct, frozen=True):
    """The new versions of banner sets, by user; `at` is when it was told, in seconds since 1970."""

    at: float
    versions: dict[str, int]


_json = msgspec.json.Encoder()
_news = msgspec.json.Decoder(News)


def tell(engine: sa.Engine, versions: Mapping[str, int], now: datetime) -> None:
    """Tell whoever listens of new versions, by user; after the transaction that saved them.

    Not in it: a NOTIFY holds a lock of the whole server until its transaction is on disk, so that
    publishers would commit one after the other; and if a listener hung until the server's queue was
    full, none could commit any more. So it raises nothing either: who listens finds it out later.
    """
    if not versions:
        return
    try:
        with statements(engine) as connection:
            parts = bulk.array(payloads(versions, now))
            driver(connection).execute(_NOTIFY, [CHANNEL, parts])
    except QuadrupelError as error:
        log.warning(
            "streams were not told of new banner sets, and find them later",
            users=len(versions),
            error=str(error),
        )


def payloads(versions: Mapping[str, int], now: datetime) -> list[str]:
    """What tells of these versions, in parts that a notification has room for."""
    left, at = iter(versions.items()), now.timestamp()
    parts = iter(lambda: dict(islice(left, USERS)), {})
    return [_json.encode(News(at, part)).decode() for part in parts]


def read(payload: str) -> News | None:
    """What a notification tells; None if it is none of ours."""
    try:
        return _news.decode(payload)
    except msgspec.MsgspecError:
        log.warning("a notification of banner sets cannot be read", characters=len(payload))
        return None


@dataclass(frozen=True, slots=True)
class BannerNews:
    """What is told at the database of this URL, which must be the primary, and no pooler."""

    url: str

    async def listen(
        self, heard: Callable[[News], None], listens: Callable[[bool], None]
    ) -> NoReturn:
        """Hand over what is told, for ever; connects again by itself.

        `listens` is told True whenever that begins, everything told before being lost, and False
        when it ends.
        """
        failures = 0
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute(_PATIENCE)
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                    log.debug("listens for new banner sets")
                    listens(True)
                    failures = 0
                    async for each in connection.notifies():
                        if (news := read(each.payload)) is not None:
                            heard(news)
            except psycopg.Error as error:
                listens(False)
                if not failures:
                    log.warning("cannot listen for new banner sets", reason=_reason(error))
            pause = min(FIRST_PAUSE * 2 ** min(failures, 10), LONGEST_PAUSE)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # not all processes at once
            failures += 1

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        wanted = {**_CONNECTING, **psycopg.conninfo.conninfo_to_dict(self.url)}
        return await psycopg.AsyncConnection.connect(**wanted, autocommit=True)


def _reason(error: psycopg.Error) -> str:
    """What failed; a URL that cannot be read is quoted by the driver, and is left out."""
    return str(error) if isinstance(error, psycopg.OperationalError) else type(error).__name__
