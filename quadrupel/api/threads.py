"""Threads for what blocks: each duty of the API has a few of its own.

While all of one duty wait, for a lock or for a database that hangs, no other duty waits with it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from quadrupel.core.errors import DatabaseUnavailable

SECONDS = 5.0
"""How long a request waits for what a thread does."""

Done = TypeVar("Done")


class Threads:
    """`count` threads of one duty, started as they are needed."""

    def __init__(self, duty: str, count: int, seconds: float | None = SECONDS) -> None:
        self._duty = duty
        self._seconds = seconds
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=duty)

    async def run(self, work: Callable[[], Done]) -> Done:
        """What `work` returns, or raises, as soon as a thread is free for it.

        Raises DatabaseUnavailable after `seconds`. What has not begun by then never does; what has
        goes on, so it has to have limits of its own.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                return await loop.run_in_executor(self._executor, work)
        except TimeoutError as error:
            raise DatabaseUnavailable(f"{self._duty}: no answer in {self._seconds} s") from error
