import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import REGISTRY
from starlette.requests import ClientDisconnect, Request

from quadrupel.api import waiting
from quadrupel.api.waiting import Waits
from quadrupel.core.errors import DatabaseUnavailable


class Counter:
    """Something to look at that grows with every look."""

    def __init__(self) -> None:
        self.looks: list[float] = []

    async def look(self) -> int:
        self.looks.append(time.monotonic())
        return len(self.looks)


def request(goes_after: float = 60.0) -> Request:
    """A request whose caller goes after so many seconds."""

    async def receive() -> dict[str, str]:
        await asyncio.sleep(goes_after)
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


def play(story: Callable[[Counter], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(Counter())
        await asyncio.sleep(0)
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
        assert await Waits().until(lambda seen: True, counter.look, request(), 5.0) == 1
        assert outcomes() == before | {"reached": before["reached"] + 1}

    play(story)


def test_pauses_between_looks_are_short_first_and_grow() -> None:
    async def story(counter: Counter) -> None:
        assert await Waits().until(lambda seen: seen == 12, counter.look, request(), 5.0) == 12
        pauses = [b - a for a, b in zip(counter.looks, counter.looks[1:], strict=False)]
        assert pauses[0] < 0.1
        assert sum(pauses[-3:]) > 1.5 * sum(pauses[:3])
        assert max(pauses) < waiting.LONGEST_PAUSE + 0.2

    play(story)


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_what_does_not_come_is_answered_in_time_as_it_is(seconds: float) -> None:
    async def story(counter: Counter) -> None:
        before, begun = outcomes(), time.monotonic()
        seen = await Waits().until(lambda _: False, counter.look, request(), seconds)
        assert seen == len(counter.looks) >= 1
        assert seconds <= time.monotonic() - begun < seconds + 0.5
        assert outcomes() == before | {"not_in_time": before["not_in_time"] + 1}

    play(story)


def test_the_last_look_is_when_the_time_is_over() -> None:
    async def story(counter: Counter) -> None:
        begun = time.monotonic()
        await Waits().until(lambda _: False, counter.look, request(), 0.4)
        assert counter.looks[-1] - begun >= 0.4

    play(story)


def test_too_many_are_answered_at_once_and_there_is_room_again_afterwards() -> None:
    async def story(counter: Counter) -> None:
        waits, before = Waits(limit=2), outcomes()
        waiting = [
            asyncio.ensure_future(waits.until(lambda _: False, counter.look, request(), 0.3))
            for _ in range(2)
        ]
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        await waits.until(lambda _: False, counter.look, request(), 5.0)
        assert time.monotonic() - begun < 0.2
        assert outcomes()["no_room"] == before["no_room"] + 1
        await waits.until(lambda _: True, counter.look, request(), 5.0)
        await asyncio.gather(*waiting)
        begun = time.monotonic()
        await waits.until(lambda _: False, counter.look, request(), 0.1)
        assert time.monotonic() - begun >= 0.1

    play(story)


def test_the_end_answers_who_waits_and_who_comes() -> None:
    async def story(counter: Counter) -> None:
        waits, begun = Waits(), time.monotonic()
        waiting = asyncio.ensure_future(waits.until(lambda _: False, counter.look, request(), 10.0))
        await asyncio.sleep(0.05)
        waits.end()
        await waiting
        await waits.until(lambda _: False, counter.look, request(), 10.0)
        assert time.monotonic() - begun < 1.0

    play(story)


def test_nobody_is_waited_with_who_has_gone() -> None:
    async def story(counter: Counter) -> None:
        waits, begun = Waits(limit=1), time.monotonic()
        for _ in range(2):
            with pytest.raises(ClientDisconnect):
                await waits.until(lambda _: False, counter.look, request(0.1), 10.0)
        assert time.monotonic() - begun < 1.0

    play(story)


def test_a_look_that_fails_ends_the_wait() -> None:
    async def story(counter: Counter) -> None:
        async def look() -> int:
            if await counter.look() == 3:
                raise DatabaseUnavailable("away")
            return 0

        waits = Waits(limit=1)
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                await waits.until(bool, look, request(), 5.0)
            counter.looks.clear()

    play(story)
