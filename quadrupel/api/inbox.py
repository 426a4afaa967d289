"""The way of accepted events onto the bus: requests that wait at the same time share a write."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from quadrupel.core.errors import BusUnavailable
from quadrupel.core.ports import Outgoing, Producer
from quadrupel.core.positions import Position

BATCH = 5_000
"""How many messages go into one write, unless a single request has more."""

MAX_WAITING = 50_000
"""How many messages may wait; beyond that requests are refused at once."""

SECONDS = 10.0
"""How long a request waits for its events to be durable."""

STUCK_SECONDS = 2.0
"""When a write takes longer than this, the bus is away: those who come then are refused at once."""


@dataclass(slots=True)
class _Request:
    messages: Sequence[Outgoing]
    done: asyncio.Future[list[Position]]


class Inbox:
    """Writes to the bus through one producer, used by one thread, opened when first needed."""

    def __init__(self, open_producer: Callable[[], Producer], *, seconds: float = SECONDS) -> None:
        self._open_producer = open_producer
        self._seconds = seconds
        self._producer: Producer | None = None
        self._waiting: deque[_Request] = deque()
        self._messages_waiting = 0
        self._writing_since: float | None = None
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    async def accept(self, messages: Sequence[Outgoing]) -> list[Position]:
        """Return when every message is durable: where each is, in the order given.

        Raises BusUnavailable when that is not known in time: some may then be on the bus, and
        sending all of them again is correct.
        """
        loop = asyncio.get_running_loop()
        if self._messages_waiting + len(messages) > MAX_WAITING:
            raise BusUnavailable(f"{self._messages_waiting} events wait for the bus already")
        if self._writing_since is not None and loop.time() - self._writing_since > STUCK_SECONDS:
            raise BusUnavailable("the bus does not answer others either")
        request = _Request(messages, loop.create_future())
        self._waiting.append(request)
        self._messages_waiting += len(messages)
        self._arrived.set()
        try:
            async with asyncio.timeout(self._seconds):
                return await request.done
        except TimeoutError as error:
            raise BusUnavailable(f"the bus did not answer within {self._seconds} s") from error

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what is accepted, for as long as the block."""
        loop = asyncio.get_running_loop()
        writer = loop.create_task(self._write_forever())
        try:
            yield
        finally:
            writer.cancel()
            await asyncio.wait([writer])
            await loop.run_in_executor(self._thread, self._close)
            self._thread.shutdown()

    async def _write_forever(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while batch := self._take():
                await self._write(batch)

    def _take(self) -> list[_Request]:
        """The next requests to write together; those that gave up meanwhile are left out."""
        batch: list[_Request] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].messages) <= BATCH):
            request = self._waiting.popleft()
            self._messages_waiting -= len(request.messages)
            if not request.done.done():
                batch.append(request)
                size += len(request.messages)
        return batch

    async def _write(self, batch: Sequence[_Request]) -> None:
        messages = [message for request in batch for message in request.messages]
        loop = asyncio.get_running_loop()
        failure: Exception | None = None
        positions: list[Position] = []
        self._writing_since = loop.time()
        try:
            positions = await loop.run_in_executor(self._thread, self._publish, messages)
        except Exception as error:  # noqa: BLE001 - raised again in every request that waits
            failure = error
        finally:
            self._writing_since = None
        start = 0
        for request in batch:
            end = start + len(request.messages)
            if not request.done.done():
                if failure is None:
                    request.done.set_result(positions[start:end])
                else:
                    request.done.set_exception(failure)
            start = end

    def _publish(self, messages: Sequence[Outgoing]) -> list[Position]:
        self._producer = self._producer or self._open_producer()
        return self._producer.publish_and_locate(messages)

    def _close(self) -> None:
        if self._producer is not None:
            self._producer.close()
