import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import pairwise
from statistics import median

import pytest
from prometheus_client import REGISTRY
from starlette.requests import ClientDisconnect, Request

from quadrupel.api.waiting import MAX_OF_USER, Waits
from quadrupel.core.errors import DatabaseUnavailable

U = "u0000001"


class Counter:
    """Something to look at that grows with every look."""

    def __init__(self) -> None:
        self.looks: list[float] = []

    async def find(self, user_id: str) -> int:
        self.looks.append(time.monotonic())
        return len(self.looks)

    async def find_all(self, user_ids: Collection[str]) -> Mapping[str, int]:
        return dict.fromkeys(user_ids, await self.find(""))


def request(goes_after: float = 60.0) -> Request:
    """A request whose caller goes after so many seconds."""

    async def receive() -> dict[str, str]:
        await asyncio.sleep(goes_after)
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


def play(story: Callable[[Counter], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(Counter())
        await asyncio.sleep(0.3)
        assert len(asyncio.all_tasks()) == 1, "something goes on that nobody waits for"

    asyncio.run(run())


def outcomes() -> dict[str, float]:
    names = ("reached", "not_in_time", "no_room")
    return {
        name: REGISTRY.get_sample_value("quadrupel_banner_waits_total", {"outcome": name}) or 0.0
        for name in names
    }


def test_what_is_good_at_the_first_look_is_not_waited_for() -> None:
    async def story(counter: Counter) -> None:
        before = outcomes()
        assert await Waits(counter).until(U, lambda seen: True, request(), 5.0) == 1
        assert outcomes() == before | {"reached": before["reached"] + 1}

    play(story)


def test_what_comes_is_seen_soon_and_a_slow_look_is_paused_after() -> None:
    async def story(counter: Counter) -> None:
        begun = time.monotonic()
        assert await Waits(counter).until(U, lambda seen: seen == 12, request(), 5.0) == 12
        assert time.monotonic() - begun > 0.1
        assert median(later - look for look, later in pairwise(counter.looks)) < 1.0 / 12

        class Slow(Counter):
            async def find_all(self, user_ids: Collection[str]) -> Mapping[str, int]:
                await asyncio.sleep(0.1)
                return await super().find_all(user_ids)

        slow, begun = Slow(), time.monotonic()
        assert await Waits(slow).until(U, lambda seen: seen == 4, request(), 5.0) == 4
        assert time.monotonic() - begun > 3 * 0.1 + 2 * 0.1

    play(story)


def test_all_who_wait_are_looked_after_together() -> None:
    async def story(counter: Counter) -> None:
        waits = Waits(counter)
        crowd = [
            asyncio.ensure_future(waits.until(f"u{n}", lambda seen: seen > 110, request(), 5.0))
            for n in range(100)
        ]
        assert set(await asyncio.gather(*crowd)) == {111}
        assert len(counter.looks) == 111

    play(story)


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_what_does_not_come_is_answered_in_time_as_it_is(seconds: float) -> None:
    async def story(counter: Counter) -> None:
        before, took = outcomes(), []
        for _ in range(3):
            counter.looks.clear()
            begun = time.monotonic()
            seen = await Waits(counter).until(U, lambda _: False, request(), seconds)
            took.append(time.monotonic() - begun)
            assert seen == len(counter.looks) >= 1
        assert seconds <= min(took) < seconds + 0.5
        assert outcomes() == before | {"not_in_time": before["not_in_time"] + 3}

    play(story)


def test_the_last_look_is_when_the_time_is_over() -> None:
    async def story(counter: Counter) -> None:
        begun = time.monotonic()
        await Waits(counter).until(U, lambda _: False, request(), 0.4)
        assert counter.looks[-1] - begun >= 0.4

    play(story)


def test_too_many_are_answered_at_once_and_there_is_room_again_afterwards() -> None:
    async def story(counter: Counter) -> None:
        waits, before = Waits(counter, limit=2), outcomes()
        waiting = [
            asyncio.ensure_future(waits.until(U, lambda _: False, request(), 0.3)) for _ in range(2)
        ]
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        await waits.until(U, lambda _: False, request(), 5.0)
        assert time.monotonic() - begun < 4.0
        assert outcomes()["no_room"] == before["no_room"] + 1
        await waits.until(U, lambda _: True, request(), 5.0)
        await asyncio.gather(*waiting)
        begun = time.monotonic()
        await waits.until(U, lambda _: False, request(), 0.1)
        assert time.monotonic() - begun >= 0.1

    play(story)


def test_one_user_takes_no_more_than_a_few_of_the_places() -> None:
    async def story(counter: Counter) -> None:
        waits, before = Waits(counter), outcomes()
        crowd = [
            asyncio.ensure_future(waits.until(U, lambda _: False, request(), 30.0))
            for _ in range(MAX_OF_USER + 5)
        ]
        other = asyncio.ensure_future(waits.until("u2", lambda _: False, request(), 30.0))
        answered, waiting = await asyncio.wait([*crowd, other], timeout=0.2)
        assert (len(answered), len(waiting)) == (5, MAX_OF_USER + 1)
        assert other in waiting
        assert outcomes()["no_room"] == before["no_room"] + 5
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        again = asyncio.ensure_future(waits.until(U, lambda _: False, request(), 30.0))
        answered, _ = await asyncio.wait([again], timeout=0.2)
        assert not answered
        again.cancel()

    play(story)


def test_the_end_answers_who_waits_and_who_comes() -> None:
    async def story(counter: Counter) -> None:
        waits, begun = Waits(counter), time.monotonic()
        waiting = asyncio.ensure_future(waits.until(U, lambda _: False, request(), 10.0))
        await asyncio.sleep(0.05)
        waits.end()
        await waiting
        await waits.until(U, lambda _: False, request(), 10.0)
        assert time.monotonic() - begun < 8.0

    play(story)


def test_nobody_is_waited_with_who_has_gone() -> None:
    async def story(counter: Counter) -> None:
        waits, begun = Waits(counter, limit=1), time.monotonic()
        for _ in range(2):
            with pytest.raises(ClientDisconnect):
                await waits.until(U, lambda _: False, request(0.1), 10.0)
        assert time.monotonic() - begun < 8.0

    play(story)


def test_a_look_that_fails_ends_the_wait() -> None:
    async def story(_: Counter) -> None:
        class Away(Counter):
            async def find_all(self, user_ids: Collection[str]) -> Mapping[str, int]:
                raise DatabaseUnavailable("away")

        waits = Waits(Away(), limit=1)
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                await waits.until(U, lambda _: False, request(), 5.0)

    play(story)
