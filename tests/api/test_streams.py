"""Streams by themselves: what is offered to one, and what its reader is sent."""

import asyncio
import json
import re
import zoneinfo
from collections.abc import Awaitable, Callable, Iterator
from datetime import date

import pytest

from quadrupel.api.banner_answers import BannerReader
from quadrupel.api.banner_texts import BannerTexts
from quadrupel.api.streams import Stream, Streams, View
from quadrupel.api.waiting import Waits
from quadrupel.core.banners import Banner as DecidedBanner
from quadrupel.core.errors import Overloaded, TooManyStreams
from quadrupel.rules.rule import Banner
from quadrupel.store.banner_reads import BannerReads, BannerSet

DAY = date(2026, 11, 23)


def texts(title: str, digest: str) -> BannerTexts:
    return BannerTexts({"b": Banner("main", 1, "/", {"en": title}, {})}, {}, {}, digest)


def shown(version: int, day: date = DAY) -> BannerSet:
    return BannerSet(version, day, (DecidedBanner("b", {"n": str(version)}),), None, version)


def nothing(stored: int) -> BannerSet:
    return BannerSet(0, None, (), None, stored)


class Browser:
    """Whoever reads one stream, and may be slow, or go."""

    def __init__(self, known: str = "") -> None:
        self.texts = texts("B", "1")
        sets = BannerReads(None)
        utc = zoneinfo.ZoneInfo("UTC")
        reader = BannerReader(sets, Waits(sets), lambda: self.texts, ("en",), utc)
        self.stream = Stream(View("u1", None, "en"), reader, known)
        self.takes = asyncio.Event()
        self.takes.set()
        self.gone = asyncio.Event()
        self.chunks: list[str] = []
        self.bodies = [b"a body", b""]
        self.holds = True
        self.asked = 0

    def begin(self, patience: float = 10.0) -> asyncio.Task[None]:
        playing = self.stream.play(self._receive, self._send, self._holds, patience)
        return asyncio.ensure_future(playing)

    async def events(self) -> list[tuple[str, object]]:
        """Name and data of every event so far."""
        await asyncio.sleep(0.01)
        found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", "".join(self.chunks))
        return [(name, json.loads(data)) for name, data in found]

    async def versions(self) -> list[int]:
        return [data["version"] for name, data in await self.events() if name == "banners"]

    async def _receive(self) -> dict:
        if self.bodies:
            return {"type": "http.request", "body": self.bodies.pop(0), "more_body": True}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict) -> None:
        self.chunks.append(message["body"].decode())
        self.is_over = not message["more_body"]
        await self.takes.wait()

    async def _holds(self) -> bool:
        self.asked += 1
        return self.holds


def play(story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await story()
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) == 1, "something goes on that nobody waits for"

    asyncio.run(run())


def test_of_several_sets_a_slow_reader_is_sent_the_newest_only() -> None:
    async def story() -> None:
        browser = Browser()
        browser.stream.offer(shown(1))
        browser.takes.clear()
        playing = browser.begin()
        await browser.events()
        for version in range(2, 1_000):
            browser.stream.offer(shown(version))
            browser.stream.beat()
        browser.takes.set()
        assert await browser.versions() == [1, 999]
        assert len(browser.chunks) == 2
        browser.gone.set()
        await playing

    play(story)


def test_an_older_set_is_not_sent_after_a_newer_one() -> None:
    async def story() -> None:
        browser = Browser()
        playing = browser.begin()
        told = [browser.stream.offer(each) for each in (shown(2), shown(1), shown(2), shown(3))]
        assert told == [False, False, False, True]
        assert await browser.versions() == [3]
        assert browser.stream.offer(nothing(4))
        assert not browser.stream.offer(shown(3))
        assert await browser.versions() == [3, 0]
        browser.gone.set()
        await playing

    play(story)


def test_a_set_is_sent_once_and_a_day_that_moved_on_is_no_news() -> None:
    async def story() -> None:
        browser = Browser()
        playing = browser.begin()
        for day in (DAY, DAY, date(2026, 11, 24)):
            browser.stream.offer(shown(1, day))
            assert await browser.versions() == [1]
        browser.gone.set()
        await playing

    play(story)


def test_an_edited_text_is_sent_and_one_of_another_rule_is_not() -> None:
    async def story() -> None:
        browser = Browser()
        playing = browser.begin()
        for title, digest in (("B", "1"), ("B", "2"), ("C", "3"), ("C", "3")):
            browser.texts = texts(title, digest)
            browser.stream.offer(shown(1))
            await browser.events()
        titles = [data["banners"][0]["title"] for _, data in await browser.events()]
        assert titles == ["B", "C"]
        browser.gone.set()
        await playing

    play(story)


def test_a_sign_of_life_is_a_comment_and_comes_with_nothing_else() -> None:
    async def story() -> None:
        browser = Browser()
        playing = browser.begin()
        assert await browser.events() == []
        assert re.fullmatch(r"retry: \d+\n:\n\n", browser.chunks.pop())
        browser.stream.beat()
        await browser.events()
        assert browser.chunks.pop() == ":\n\n"
        browser.stream.beat()
        browser.stream.offer(shown(1))
        assert await browser.versions() == [1]
        assert len(browser.chunks) == 1
        browser.gone.set()
        await playing

    play(story)


@pytest.mark.parametrize("known", ["", "7-0123456789abcdef"])
def test_the_end_says_why_with_the_id_that_is_known(known: str) -> None:
    async def story() -> None:
        browser = Browser(known)
        playing = browser.begin()
        await browser.events()
        browser.stream.end("shutdown")
        browser.stream.end("expired")  # too late
        await playing
        identity = f"id: {known}\n" if known else ""
        assert browser.chunks[-1] == f'{identity}event: end\ndata: {{"reason":"shutdown"}}\n\n'
        assert browser.is_over

    play(story)


def test_what_was_published_before_the_end_is_sent_unless_the_token_expired() -> None:
    async def story(reason, versions) -> None:
        browser = Browser()
        playing = browser.begin()
        await browser.events()
        browser.stream.offer(shown(1))
        browser.stream.end(reason)
        await playing
        assert await browser.versions() == versions
        assert (await browser.events())[-1] == ("end", {"reason": reason})

    play(lambda: story("shutdown", [1]))
    play(lambda: story("expired", []))


def test_it_ends_in_the_middle_of_a_slow_answer_too() -> None:
    async def story() -> None:
        browser = Browser()
        browser.takes.clear()
        playing = browser.begin()
        await browser.events()
        browser.stream.end("shutdown")
        browser.takes.set()
        await playing
        assert await browser.events() == [("end", {"reason": "shutdown"})]
        assert browser.is_over

    play(story)


def test_a_reader_who_takes_nothing_is_left_after_a_while() -> None:
    async def story() -> None:
        browser = Browser()
        browser.takes.clear()
        await asyncio.wait_for(browser.begin(patience=0.1), 2.0)
        assert browser.stream.ends == "slow"

    play(story)


def test_who_has_gone_is_sent_nothing_more() -> None:
    async def story() -> None:
        browser = Browser()
        playing = browser.begin()
        await browser.events()
        browser.gone.set()
        await asyncio.wait_for(playing, 1.0)
        assert len(browser.chunks) == 1
        assert browser.stream.ends == "gone"

    play(story)


def test_a_token_that_holds_no_more_ends_it_at_the_next_sign_of_life() -> None:
    async def story() -> None:
        browser = Browser()
        playing = browser.begin()
        await browser.events()
        browser.holds = False
        browser.stream.offer(shown(1))
        assert await browser.versions() == [1]
        browser.stream.beat()
        await asyncio.wait_for(playing, 1.0)
        assert (await browser.events())[-1] == ("end", {"reason": "expired"})
        assert browser.asked == 2

    play(story)


def new_stream(user: str) -> Stream:
    return Stream(View(user, None, "en"), None)


@pytest.fixture
def open_streams() -> Iterator[Callable[..., Streams]]:
    """Gives the streams of a process; removes them, since other tests count those of this one."""
    made: list[Streams] = []

    def opened(**limits: int) -> Streams:
        made.append(Streams(**limits))
        return made[-1]

    yield opened
    for streams in made:
        for user in ("u0", "u1", "u2", "late"):
            for stream in [*streams.of(user)]:
                streams.remove(stream)


def test_a_process_and_a_user_have_so_many_and_there_is_room_again(open_streams) -> None:
    streams = open_streams(limit=3, of_user=2)
    first, second = new_stream("u1"), new_stream("u1")
    streams.add(first)
    streams.add(second)
    with pytest.raises(TooManyStreams):
        streams.add(new_stream("u1"))
    streams.add(new_stream("u2"))
    with pytest.raises(Overloaded):
        streams.add(new_stream("u3"))
    streams.remove(first)
    assert list(streams.of("u1")) == [second]
    streams.add(new_stream("u1"))
    streams.remove(second)
    assert streams.of("u3") == ()


def test_the_end_ends_all_and_whoever_comes_later(open_streams) -> None:
    streams, some = open_streams(), [new_stream(f"u{number % 3}") for number in range(9)]
    for each in some:
        streams.add(each)
    streams.end()
    late = new_stream("late")
    streams.add(late)
    assert {each.ends for each in [*some, late]} == {"shutdown"}
