"""What keeps streams up to date, by itself: what is heard and what is there are given."""

import asyncio
import time
import zoneinfo
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import date

import pytest
from structlog.testing import capture_logs

from quadrupel.api.banner_answers import BannerReader
from quadrupel.api.banner_texts import BannerTexts
from quadrupel.api.stream_watch import (
    AWAY_SECONDS,
    DEAF_SECONDS,
    HASTY_SECONDS,
    HEARTBEAT_SECONDS,
    ROUND_SECONDS,
    Watch,
)
from quadrupel.api.streams import Stream, Streams, View
from quadrupel.api.waiting import Waits
from quadrupel.core.banners import Banner as DecidedBanner
from quadrupel.core.errors import ConcurrentWrite, DatabaseUnavailable
from quadrupel.rules.rule import Banner
from quadrupel.store.banner_news import News
from quadrupel.store.banner_reads import NOTHING, BannerSet

from .virtual_time import VirtualTimeLoop


class World:
    """What is stored, and what a watch over some streams makes of it."""

    def __init__(self, users: int) -> None:
        self.versions = dict.fromkeys((f"u{number}" for number in range(users)), 1)
        self.looked: list[Collection[str]] = []
        self.failure: Exception | None = None
        self.texts = BannerTexts({"b": Banner("main", 1, "/", {"en": "B"}, {})}, {}, {}, "1")
        self.clock = asyncio.get_running_loop().time
        self.streams = Streams()
        self.watch = Watch(self.streams, self, self, lambda: self.texts, self.clock)
        reader = BannerReader(
            None, Waits(None), lambda: self.texts, ("en",), zoneinfo.ZoneInfo("UTC")
        )
        self.shown: dict[str, int] = {}
        self.beats: list[float] = []
        for user in self.versions:
            stream = Shown(self, user, reader)
            self.streams.add(stream)
            stream.offer(self._set(user))

    def close(self) -> None:
        """Remove its streams: tests of a real API count those of the whole process."""
        for user in self.versions:
            for stream in [*self.streams.of(user)]:
                self.streams.remove(stream)

    async def find_all(self, user_ids: Collection[str]) -> Mapping[str, BannerSet]:
        self.looked.append(set(user_ids))
        if self.failure is not None:
            raise self.failure
        return {user: self._set(user) for user in user_ids}

    async def listen(self, heard: Callable[[News], None], listens: Callable[[bool], None]) -> None:
        self.heard, self.listens = heard, listens
        listens(True)
        await asyncio.Event().wait()

    def tell(self, **versions: int) -> None:
        self.heard(News(time.time(), versions))

    def last(self, user: str) -> int:
        return self.shown[user]

    async def until(self, condition: Callable[[], bool], seconds: float = 3.0) -> None:
        deadline = self.clock() + seconds
        while not condition():
            assert self.clock() < deadline
            await asyncio.sleep(0.005)

    def _set(self, user: str) -> BannerSet:
        version = self.versions.get(user, 0)
        if not version:
            return NOTHING
        banners = (DecidedBanner("b", {"n": str(version)}),)
        return BannerSet(version, date(2026, 11, 23), banners, None, version)


class Shown(Stream):
    """A stream of which what it is offered counts as shown."""

    __slots__ = ("_world",)

    def __init__(self, world: World, user: str, reader: BannerReader) -> None:
        super().__init__(View(user, None, "en"), reader)
        self._world = world

    def offer(self, found: BannerSet, told_at: float | None = None) -> bool:
        self._found = None
        newer = super().offer(found, told_at)
        if self._found is not None:
            self._world.shown[self.view.user_id] = found.stored
        return newer

    def beat(self) -> None:
        self._world.beats.append(self._world.clock())


def play(story: Callable[[World], Awaitable[None]], users: int = 3) -> list[str]:
    """Play a story in a world; returns what was logged as a warning."""

    async def run() -> None:
        world = World(users)
        try:
            async with world.watch.running():
                await asyncio.sleep(0)
                await story(world)
        finally:
            world.close()
        assert len(asyncio.all_tasks()) == 1, "something goes on that nobody waits for"

    with capture_logs() as logs, asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())
    return [each["event"] for each in logs if each["log_level"] != "debug"]


def test_what_is_told_is_looked_up_at_once_and_in_one_query() -> None:
    async def story(world: World) -> None:
        for user in world.versions:
            world.versions[user] = 2
        world.looked.clear()
        world.tell(u0=2, u1=2, nobody=7)
        await world.until(lambda: world.last("u0") == world.last("u1") == 2, 0.2)
        assert world.looked == [{"u0", "u1"}]
        assert world.last("u2") == 1

    assert play(story) == []


def test_a_replica_that_is_behind_is_asked_again_until_it_has_what_was_told() -> None:
    async def story(world: World) -> None:
        world.looked.clear()
        world.tell(u0=3)
        await asyncio.sleep(0.3)
        assert 3 <= len(world.looked) <= 6  # after 20 ms, and twice as long each time
        world.versions["u0"] = 2
        await world.until(lambda: world.last("u0") == 2)
        world.versions["u0"] = 3
        await world.until(lambda: world.last("u0") == 3)
        looks = len(world.looked)
        await asyncio.sleep(1.2)
        assert len(world.looked) <= looks + 1

    assert play(story) == []


def test_a_replica_that_never_has_it_is_left_in_peace_after_a_while() -> None:
    async def story(world: World) -> None:
        world.tell(u0=3)
        await asyncio.sleep(60)
        world.looked.clear()
        await asyncio.sleep(60)
        assert sum("u0" in each for each in world.looked) <= 60 / ROUND_SECONDS + 1

    assert play(story) == []


def test_nothing_that_nobody_told_stays_missed() -> None:
    async def story(world: World) -> None:
        world.tell()  # it hears
        await asyncio.sleep(HASTY_SECONDS + 1)
        world.versions = dict.fromkeys(world.versions, 2)
        await asyncio.sleep(ROUND_SECONDS + 1)
        assert all(world.last(user) == 2 for user in world.versions)

    play(story, users=200)


def test_as_long_as_it_hears_it_looks_seldom() -> None:
    async def story(world: World) -> None:
        await asyncio.sleep(2 * HASTY_SECONDS)  # it hurries after it began to listen
        world.looked.clear()
        await asyncio.sleep(60)
        looked = sum(map(len, world.looked))
        assert looked == pytest.approx(600 * 60 / ROUND_SECONDS, rel=0.3)

    assert play(story, users=600) == []


@pytest.mark.parametrize("why", ["away", "deaf", "texts"])
def test_it_hurries_while_it_hears_nothing_and_when_texts_change(why: str) -> None:
    async def story(world: World) -> None:
        await asyncio.sleep(2 * HASTY_SECONDS)
        if why == "away":
            world.listens(False)
        elif why == "deaf":
            world.versions = dict.fromkeys(world.versions, 2)
            await world.until(lambda: any(world.last(user) == 2 for user in world.versions))
        else:
            world.texts = BannerTexts(world.texts.banners, {}, {}, "2")
        world.looked.clear()
        await asyncio.sleep(HASTY_SECONDS + 1)
        assert set().union(*world.looked) == world.versions.keys()

    play(story, users=600)


def test_it_is_said_once_that_nothing_is_heard_of_what_changes() -> None:
    async def story(world: World) -> None:
        await asyncio.sleep(2 * HASTY_SECONDS)
        for version in (2, 3):
            world.versions = dict.fromkeys(world.versions, version)
            await asyncio.sleep(ROUND_SECONDS + 2 * DEAF_SECONDS)
            assert world.last("u0") == version

    [said] = play(story)
    assert "QUADRUPEL_DATABASE_URL" in said


@pytest.mark.parametrize("failure", [DatabaseUnavailable("away"), ConcurrentWrite("recovery")])
def test_what_could_not_be_looked_up_is_looked_up_when_it_can(failure: Exception) -> None:
    async def story(world: World) -> None:
        world.failure = failure
        world.versions["u0"] = 2
        world.tell(u0=2)
        await world.until(lambda: world.looked != [])
        world.tell(u0=2)
        world.failure = None
        await world.until(lambda: world.last("u0") == 2, AWAY_SECONDS + 1.0)

    assert play(story) == ["the banner sets of streams cannot be read"]


def test_what_nobody_foresaw_is_logged_and_it_goes_on() -> None:
    async def story(world: World) -> None:
        world.failure = ZeroDivisionError()
        world.tell(u0=2)
        await asyncio.sleep(0.1)
        world.failure, world.versions["u0"] = None, 2
        await asyncio.sleep(AWAY_SECONDS)
        world.tell(u0=2)
        await world.until(lambda: world.last("u0") == 2)

    assert play(story) == ["streams of banners are not looked after for a moment"]


def test_each_stream_has_its_signs_of_life() -> None:
    async def story(world: World) -> None:
        await asyncio.sleep(60)
        assert len(world.beats) == pytest.approx(300 * 60 / HEARTBEAT_SECONDS, rel=0.3)

    play(story, users=300)


def test_a_new_stream_is_looked_after_once_more_soon() -> None:
    async def story(world: World) -> None:
        world.tell()
        await asyncio.sleep(0.1)
        world.looked.clear()
        world.watch.look_soon("u0")
        world.watch.look_soon("nobody")
        await asyncio.sleep(1.1)
        assert world.looked == [{"u0"}]

    assert play(story, users=1) == []
