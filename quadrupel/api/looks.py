"""Who reads, writes or erases a named user's data by a service key is recorded.

It is in the log at once, and in a table soon. Events that report facts are not recorded: there are
as many as the topic has, and each names its source.

No request waits for the table. While the primary is away looks are kept in memory, as many as may
be, and are written when it is back; when there is no more room, who would look is refused. A
process that is killed leaves those it had not written yet in the log only.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice

import structlog

from quadrupel.api.threads import Threads
from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.core.looks import Look, LookAt
from quadrupel.store.keys import ServiceKey
from quadrupel.telemetry import LOOKS_REFUSED, LOOKS_WAITING, request_id

MAX_WAITING = 50_000
"""How many looks a process keeps that are not in the table yet."""

BATCH = 2_000
PAUSE = 0.1
"""Seconds from a look until it is written, together with those that come meanwhile."""

AGAIN_SECONDS = 1.0
"""The pause after a write that failed."""

LAST_SECONDS = 5.0
"""How long a process that is stopped tries to write what it has."""

SAY_SECONDS = 10.0
"""How often the log says that looks cannot be written, at most."""

log = structlog.get_logger()
_record = structlog.wrap_logger(
    None, wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET)
)
"""Writes at any QUADRUPEL_LOG_LEVEL: until it is in the table, a look is nowhere else."""


class Looks:
    """Records looks through `save`, which blocks. Belongs to one event loop."""

    def __init__(
        self,
        save: Callable[[Sequence[Look]], None],
        now: Callable[[], datetime],
        limit: int = MAX_WAITING,
    ) -> None:
        self._save = save
        self._thread = Threads("looks", 1, seconds=None)
        self._now = now
        self._limit = limit
        self._waiting: deque[Look] = deque()
        self._arrived = asyncio.Event()
        self._said_at = float("-inf")

    def __len__(self) -> int:
        """How many looks are not known to be in the table."""
        return len(self._waiting)

    def record(self, key: ServiceKey, user_id: str, route: LookAt, **details: object) -> None:
        """Record a look that is about to be made; `details` go into the log only.

        Raises DatabaseUnavailable when it could not be kept: then it must not be made.
        """
        if len(self._waiting) >= self._limit:
            LOOKS_REFUSED.inc()
            raise DatabaseUnavailable(f"{len(self._waiting)} looks are not in the audit log yet")
        look = Look(user_id, self._now(), key.key_id, request_id.get(""), key.name, route)
        said = {"key": key.key_id, "user": user_id, "route": route.value, **details}
        _record.info("a user was looked at", **said)
        self._waiting.append(look)
        LOOKS_WAITING.set(len(self._waiting))
        self._arrived.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what is recorded, for as long as the block, and what is left at its end."""
        writer = asyncio.create_task(self._write_forever())
        try:
            yield
        finally:
            writer.cancel()
            await asyncio.wait([writer])
            await self._write_what_is_left()

    async def _write_forever(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(PAUSE)
            try:
                await self._write_all()
            except Exception as error:  # noqa: BLE001 - whatever it is, no look may be dropped
                self._say(error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _write_all(self) -> None:
        while self._waiting:
            batch = list(islice(self._waiting, BATCH))
            await self._thread.run(partial(self._save, batch))
            for _ in batch:
                self._waiting.popleft()
            LOOKS_WAITING.set(len(self._waiting))
        self._arrived.clear()

    async def _write_what_is_left(self) -> None:
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self._write_all()
        except Exception as error:  # noqa: BLE001 - the process ends, whatever it is
            looks, reason = len(self._waiting), repr(error)
            said = "looks are in this log and not in the audit log"
            log.error(said, looks=looks, error=reason)  # noqa: TRY400 - a database away is no bug

    def _say(self, error: Exception) -> None:
        if time.monotonic() - self._said_at > SAY_SECONDS:
            self._said_at = time.monotonic()
            waiting = len(self._waiting)
            log.warning("the audit log cannot be written", looks=waiting, error=str(error))
