"""The pace of a run: close behind publish, never far ahead of it.

Verdicts of a run and those of changed profiles share one topic. What a run puts there ahead of time
is what a citizen's news would have to wait behind. So it may be ahead by what publish saves in a
moment; and as publish acknowledges every SOON seconds only, a fast one needs more on the way.
"""

import threading
import time
from collections.abc import Callable

from quadrupel.core.ports import Progress

BEHIND = 2_000
"""How many verdicts may wait for publish, however slow it is: one batch of it, as set."""
AHEAD_SECONDS = 0.5
"""And of a faster one, what it saves in so long."""
MEASURED_SECONDS = 1.0
"""Over how long that is measured."""

LOOK_SECONDS = 0.05


class Pace:
    """Lets a run hand over verdicts no faster than publish saves them.

    `progress` tells how far publish is; it is asked no more often than it must be. Waiting ends
    when `stop` is set.
    """

    def __init__(
        self,
        progress: Callable[[], Progress],
        stop: threading.Event,
        behind: int = BEHIND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._stop = stop
        self._least = self._behind = behind
        self._clock = clock
        self._allowed = 0
        self._seen: tuple[float, int] | None = None

    def await_turn(self, count: int, keep_alive: Callable[[], None]) -> None:
        """Block until `count` verdicts may follow; call `keep_alive` again and again meanwhile.

        More than may wait may follow at once when nothing waits.
        """
        while self._allowed < min(count, self._behind) and not self._stop.is_set():
            progress = self._progress()
            self._measure(progress.committed)
            self._allowed = self._behind - progress.lag
            if self._allowed < min(count, self._behind):
                keep_alive()
                self._stop.wait(LOOK_SECONDS)
        self._allowed -= count

    def _measure(self, committed: int) -> None:
        """How many may wait, by how many were saved since it was measured last."""
        now = self._clock()
        if self._seen is None:
            self._seen = (now, committed)
            return
        seconds = now - self._seen[0]
        if seconds >= MEASURED_SECONDS:
            saved = (committed - self._seen[1]) / seconds
            self._behind = max(self._least, int(saved * AHEAD_SECONDS))
            self._seen = (now, committed)
