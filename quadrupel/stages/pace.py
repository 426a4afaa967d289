"""The pace of a run: close behind publish, never far ahead of it.

Verdicts of a run and those of changed profiles share one topic. What a run puts there ahead of time
is what a citizen's news would have to wait behind.
"""

import threading
from collections.abc import Callable

BEHIND = 2_000
"""How many verdicts may wait for publish: one batch of it, as the settings have it."""

LOOK_SECONDS = 0.05


class Pace:
    """Lets a run hand over verdicts no faster than publish saves them.

    `lag` tells how many verdicts wait for publish; it is asked no more often than it must be.
    Waiting ends when `stop` is set.
    """

    def __init__(
        self,
        lag: Callable[[], int],
        stop: threading.Event,
        behind: int = BEHIND,
    ) -> None:
        self._lag = lag
        self._stop = stop
        self._behind = behind
        self._allowed = 0

    def await_turn(self, count: int, keep_alive: Callable[[], None]) -> None:
        """Block until `count` verdicts may follow; call `keep_alive` again and again meanwhile.

        More than `behind` at once may follow when nothing waits.
        """
        while self._allowed < min(count, self._behind) and not self._stop.is_set():
            self._allowed = self._behind - self._lag()
            if self._allowed < min(count, self._behind):
                keep_alive()
                self._stop.wait(LOOK_SECONDS)
        self._allowed -= count
