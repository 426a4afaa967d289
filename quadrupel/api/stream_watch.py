"""What keeps streams of banners up to date: it hears of new sets, looks them up and offers them.

News may be lost: nobody listens while the primary is away, a pooler between keeps news to itself,
and a publisher of another release may tell none. So the set of each stream is also looked up by
turns, slowly as long as news comes and fast while it does not.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from quadrupel.api.banner_texts import BannerTexts
from quadrupel.api.streams import Streams
from quadrupel.core.errors import QuadrupelError
from quadrupel.store.banner_news import News
from quadrupel.store.banner_reads import BannerSet
from quadrupel.store.read_pool import end

HEARTBEAT_SECONDS = 15.0
"""How often a stream is sent a sign of life."""

ROUND_SECONDS = 30.0
"""How often each set is looked up, whatever is heard."""

HASTY_SECONDS = 5.0
"""How often while nothing is heard, and once after that or after the texts changed."""

SOON_SECONDS = 1.0
"""After how long the set of a new stream is looked up again. It may have been read from a replica
that did not have yet what was told of just before."""

BEHIND_SECONDS = 30.0
"""How long a replica is asked again and again for a version that it does not have yet."""

TICK_SECONDS = 0.1
AWAY_SECONDS = 1.0
"""The pause after a look that failed."""

DEAF_SECONDS = 10.0
"""After how long the log says that sets change of which nothing is heard."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0

log = structlog.get_logger()


class Reads(Protocol):
    """Looks up the banner sets of users. Raises QuadrupelError, such as DatabaseUnavailable."""

    async def find_all(self, user_ids: Collection[str]) -> Mapping[str, BannerSet]:
        """Of each of these users."""


class Hears(Protocol):
    """Hears of new banner sets."""

    async def listen(self, heard: Callable[[News], None], listens: Callable[[bool], None]) -> None:
        """Hand over what is heard, for ever. `listens` is told when that begins and ends."""


@dataclass(frozen=True, slots=True)
class _Due:
    """Why the set of a user is to be looked up.

    Of `version` was told, at `told_at`: it is looked for until the time `until`, with a `pause` in
    between. Version 0: whatever there is.
    """

    version: int = 0
    told_at: float | None = None
    until: float = 0.0
    pause: float = _FIRST_PAUSE
    by_turn: bool = False


_SOON, _BY_TURN = _Due(), _Due(by_turn=True)


class Watch:
    """Watches over the sets of all open streams. Belongs to one event loop."""

    def __init__(
        self,
        streams: Streams,
        reads: Reads,
        hears: Hears,
        texts: Callable[[], BannerTexts],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._streams = streams
        self._reads = reads
        self._hears = hears
        self._texts = texts
        self._clock = clock
        self._due: dict[str, _Due] = {}
        self._is_due = asyncio.Event()
        self._listens = False
        self._hasty_until = float("-inf")
        self._digest = texts().digest
        self._deaf_since: float | None = None
        self._said_deaf = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch, for as long as the block."""
        duties = (self._listen, self._look_for_ever, self._take_turns)
        tasks = [asyncio.create_task(_keep_doing(each)) for each in duties]
        try:
            yield
        finally:
            await end(tasks)

    def look_soon(self, user_id: str) -> None:
        """Look the set of a user up once more, after a moment."""
        asyncio.get_running_loop().call_later(SOON_SECONDS, self._ask, user_id, _SOON)

    async def _listen(self) -> None:
        await self._hears.listen(self._heard, self._listening)

    def _heard(self, news: News) -> None:
        self._deaf_since, self._said_deaf = None, False
        until = self._clock() + BEHIND_SECONDS
        for user_id, version in news.versions.items():
            self._ask(user_id, _Due(version, news.at, until))

    def _listening(self, listens: bool) -> None:
        self._listens = listens
        self._hasty_until = self._clock() + HASTY_SECONDS

    def _ask(self, user_id: str, due: _Due) -> None:
        """Have the set of a user looked up, if it has a stream."""
        if not self._streams.of(user_id):
            return
        before = self._due.get(user_id)
        if before is None or due.version > before.version:
            self._due[user_id] = due
        self._is_due.set()

    async def _look_for_ever(self) -> None:
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            due, self._due = self._due, {}
            try:
                found = await self._reads.find_all(due)
            except QuadrupelError as error:
                log.warning("the banner sets of streams cannot be read", error=str(error))
                await asyncio.sleep(AWAY_SECONDS)
                for user_id, each in due.items():
                    self._ask(user_id, each)
            else:
                for user_id, each in due.items():
                    self._show(user_id, each, found[user_id])

    def _show(self, user_id: str, due: _Due, found: BannerSet) -> None:
        """Offer a set to its user's streams; look again if it is not yet the one that was told."""
        newer = [stream.offer(found, due.told_at) for stream in self._streams.of(user_id)]
        if due.by_turn and any(newer) and self._deaf_since is None:
            self._deaf_since = self._clock()
        if found.stored < due.version and self._clock() < due.until:
            again = replace(due, pause=min(2 * due.pause, _LONGEST_PAUSE))
            asyncio.get_running_loop().call_later(due.pause, self._ask, user_id, again)

    async def _take_turns(self) -> None:
        now = self._clock()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            before, now = now, self._clock()
            for stream in self._streams.beats.take(now - before, HEARTBEAT_SECONDS):
                stream.beat()
            for stream in self._streams.looks.take(now - before, self._round_seconds(now)):
                self._ask(stream.view.user_id, _BY_TURN)

    def _round_seconds(self, now: float) -> float:
        """How long a round of looking takes at present."""
        digest = self._texts().digest
        if digest != self._digest:
            self._digest, self._hasty_until = digest, now + HASTY_SECONDS
        if self._deaf_since is not None and now - self._deaf_since > DEAF_SECONDS:
            self._say_deaf()
        hears = self._listens and self._deaf_since is None
        return ROUND_SECONDS if hears and now > self._hasty_until else HASTY_SECONDS

    def _say_deaf(self) -> None:
        if not self._said_deaf:
            self._said_deaf = True
            log.warning(
                "banner sets change and nothing is heard of it, so streams show them late:"
                " does QUADRUPEL_DATABASE_URL lead to the primary itself, without a pooler?"
            )


async def _keep_doing(duty: Callable[[], Awaitable[None]]) -> None:
    """Do what is to be done for ever; what nobody foresaw is logged, and it begins again."""
    while True:
        try:
            await duty()
        except Exception:
            log.exception("streams of banners are not looked after for a moment")
            await asyncio.sleep(AWAY_SECONDS)
