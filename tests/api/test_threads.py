import asyncio
import threading
import time

import pytest

from quadrupel.api.threads import Threads
from quadrupel.core.errors import DatabaseUnavailable, NotFound


def test_what_a_thread_returns_or_raises_comes_back() -> None:
    def fail() -> None:
        raise NotFound("nobody")

    async def story() -> None:
        threads = Threads("contacts", 1)
        assert await threads.run(lambda: threading.current_thread().name) == "contacts_0"
        with pytest.raises(NotFound):
            await threads.run(fail)

    asyncio.run(story())


def test_a_duty_whose_threads_are_blocked_fails_in_time_and_holds_up_no_other() -> None:
    async def story() -> None:
        go, begun = threading.Event(), []

        def wait(number: int) -> None:
            begun.append(number)
            go.wait(60)

        blocked, other = Threads("contacts", 2, seconds=0.3), Threads("explain", 2, seconds=60)
        began = time.monotonic()
        waiting = [blocked.run(lambda number=each: wait(number)) for each in range(50)]
        outcomes = asyncio.gather(*waiting, return_exceptions=True)
        assert await other.run(lambda: "answered") == "answered"
        assert {type(each) for each in await outcomes} == {DatabaseUnavailable}
        assert time.monotonic() - began < 10
        go.set()
        assert await blocked.run(lambda: "again") == "again"
        assert len(begun) == 2, "what nobody waits for any more does not begin"

    asyncio.run(story())
