"""The pulse of a stage, for who watches from outside: its lag, its last batch, whether it is stuck.

The lag is measured beside the work, by a thread of its own, so that a stage that hangs is seen to.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from quadrupel.core.errors import QuadrupelError
from quadrupel.telemetry import STAGE_LAG, STAGE_SECONDS_SINCE_BATCH, STAGE_STUCK

LOOK_SECONDS = 10.0
STUCK_SECONDS = 60.0

log = structlog.get_logger()


class Pulse:
    """What is known of one stage. `lag` measures how much it has not read; `clock` in seconds."""

    def __init__(
        self, stage: str, lag: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stage = stage
        self._lag = lag
        self._clock = clock
        self._beat_at = clock()
        self._behind_since: float | None = None
        STAGE_SECONDS_SINCE_BATCH.labels(stage).set_function(lambda: clock() - self._beat_at)

    def beat(self) -> None:
        """The stage finished a batch."""
        self._beat_at = self._clock()

    def look(self) -> None:
        """Measure the lag, and judge whether the stage is stuck."""
        try:
            lag: float = self._lag()
        except QuadrupelError as error:
            log.info("the lag is not known", stage=self._stage, reason=str(error))
            lag = math.nan
        now = self._clock()
        if lag == 0:
            self._behind_since = None
        elif lag > 0 and self._behind_since is None:
            self._behind_since = now
        STAGE_LAG.labels(self._stage).set(lag)
        STAGE_STUCK.labels(self._stage).set(self._is_stuck(now))

    @contextmanager
    def watched(self, every: float = LOOK_SECONDS) -> Iterator[None]:
        """Look every so many seconds, in the background, for as long as the block."""
        end = threading.Event()

        def keep_looking() -> None:
            while not end.wait(every):
                self.look()

        thread = threading.Thread(target=keep_looking, name="pulse", daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(1.0)

    def _is_stuck(self, now: float) -> bool:
        """Whether there was something to read, and no batch, for STUCK_SECONDS."""
        if self._behind_since is None:
            return False
        return now - max(self._beat_at, self._behind_since) >= STUCK_SECONDS
