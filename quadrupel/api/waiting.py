"""Requests that wait until they see something: bounded in number and in time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from quadrupel.telemetry import WAITS

MAX_WAITING = 200
"""How many requests of a process may wait at once; a further one is answered as things are."""

FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.25
GROWTH = 1.5
"""Seconds between looks: each pause is so much longer than the one before, up to the longest."""

Seen = TypeVar("Seen")


class Waits:
    """The requests of a process that wait. Nothing is held while one sleeps."""

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._free = limit
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Answer what waits, and whatever comes, as things are."""
        self._ending.set()

    async def until(
        self,
        good: Callable[[Seen], bool],
        look: Callable[[], Awaitable[Seen]],
        request: Request,
        seconds: float,
    ) -> Seen:
        """Look until what is seen is good, or so many seconds have passed; return it as it is then.

        Looks at least once. Raises what `look` raises, and ClientDisconnect when the caller of the
        request has gone.
        """
        seen = await look()
        if not good(seen) and not self._free:
            WAITS.labels("no_room").inc()
            return seen
        self._free -= 1
        try:
            seen = await self._look_again(seen, good, look, request, seconds)
        finally:
            self._free += 1
        WAITS.labels("reached" if good(seen) else "not_in_time").inc()
        return seen

    async def _look_again(
        self,
        seen: Seen,
        good: Callable[[Seen], bool],
        look: Callable[[], Awaitable[Seen]],
        request: Request,
        seconds: float,
    ) -> Seen:
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + seconds, FIRST_PAUSE
        gone = asyncio.ensure_future(_gone(request))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            while not good(seen) and not ending.done() and (rest := deadline - clock()) > 0:
                await asyncio.wait(
                    {gone, ending}, timeout=min(pause, rest), return_when=asyncio.FIRST_COMPLETED
                )
                if gone.done():
                    raise ClientDisconnect
                seen = await look()
                pause = min(LONGEST_PAUSE, pause * GROWTH)
        finally:
            gone.cancel()
            ending.cancel()
        return seen


async def _gone(request: Request) -> None:
    """Return when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
