"""Requests that wait until they see something: bounded in number and in time.

All that wait in a process are looked after by one look-out, which asks for everything they wait for
at once. So a request that waits costs little more than one that does not.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request

from quadrupel.telemetry import WAITS

MAX_WAITING = 500
"""How many requests of a process may wait at once; a further one is answered as things are."""

MAX_OF_USER = 10
"""How many of them may be about one user: whose token makes up what to wait for takes no more."""

PAUSE = 0.01
"""Seconds between two looks, or as long as the last one took, if that was longer."""

Seen = TypeVar("Seen")
SeenNow = TypeVar("SeenNow", covariant=True)


class Reads(Protocol[SeenNow]):
    """Looks up what there is of users now."""

    async def find(self, user_id: str) -> SeenNow:
        """Of one user."""

    async def find_all(self, user_ids: Collection[str]) -> Mapping[str, SeenNow]:
        """Of each of these users."""


@dataclass(slots=True, eq=False)
class _Waiter(Generic[Seen]):
    """A request that waits for `good` of a user: its `answer`, and what was `seen` last."""

    user_id: str
    good: Callable[[Seen], bool]
    seen: Seen
    answer: asyncio.Future[Seen]


class Waits(Generic[Seen]):
    """The requests of a process that wait. Belongs to one event loop."""

    def __init__(self, reads: Reads[Seen], limit: int = MAX_WAITING) -> None:
        self._reads = reads
        self._limit = limit
        self._waiters: set[_Waiter[Seen]] = set()
        self._look_out: asyncio.Task[None] | None = None
        self._is_ending = False

    def end(self) -> None:
        """Answer what waits, and whatever comes, as things are."""
        self._is_ending = True
        for waiter in self._waiters:
            if not waiter.answer.done():
                waiter.answer.set_result(waiter.seen)

    async def until(
        self, user_id: str, good: Callable[[Seen], bool], request: Request, seconds: float
    ) -> Seen:
        """What there is of the user, as soon as it is good, or as it is after so many seconds.

        Looks at least once. Raises what looking raises, and ClientDisconnect when the caller of the
        request has gone.
        """
        seen = await self._reads.find(user_id)
        if not good(seen) and not self._has_room(user_id):
            WAITS.labels("no_room").inc()
            return seen
        if not good(seen) and seconds > 0 and not self._is_ending:
            seen = await self._wait(user_id, good, seen, request, seconds)
        WAITS.labels("reached" if good(seen) else "not_in_time").inc()
        return seen

    def _has_room(self, user_id: str) -> bool:
        of_user = sum(waiter.user_id == user_id for waiter in self._waiters)
        return len(self._waiters) < self._limit and of_user < MAX_OF_USER

    async def _wait(
        self,
        user_id: str,
        good: Callable[[Seen], bool],
        seen: Seen,
        request: Request,
        seconds: float,
    ) -> Seen:
        answer: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(user_id, good, seen, answer)
        gone = asyncio.ensure_future(_gone(request))
        either: set[asyncio.Future[Any]] = {gone, answer}
        self._waiters.add(waiter)
        if self._look_out is None:
            self._look_out = asyncio.create_task(self._keep_looking())
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if gone.done():
                raise ClientDisconnect
        finally:
            self._waiters.discard(waiter)
            gone.cancel()
            answer.cancel()  # nobody looks out for it any more
        return await self._reads.find(user_id)

    async def _keep_looking(self) -> None:
        """Look for all that wait, until nobody does."""
        clock = asyncio.get_running_loop().time
        pause = PAUSE
        try:
            while self._waiters:
                await asyncio.sleep(pause)
                began = clock()
                await self._look()
                pause = max(PAUSE, clock() - began)
        finally:
            self._look_out = None

    async def _look(self) -> None:
        waiters = [waiter for waiter in self._waiters if not waiter.answer.done()]
        try:
            found = await self._reads.find_all({waiter.user_id for waiter in waiters})
        except Exception as error:  # noqa: BLE001 - raised again in every request that waits
            for waiter in waiters:
                if not waiter.answer.done():
                    waiter.answer.set_exception(error)
            return
        for waiter in waiters:
            waiter.seen = found[waiter.user_id]
            if not waiter.answer.done() and waiter.good(waiter.seen):
                waiter.answer.set_result(waiter.seen)


async def _gone(request: Request) -> None:
    """Return when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
