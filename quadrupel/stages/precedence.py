"""What a citizen should see now goes first: a run waits while ingest or evaluate is behind.

A run reads, evaluates and hands over as fast as its machine and its database can, and they are the
ones that events need. So before each page it looks whether the lanes of events follow. While one
of them does not, the run waits, but for no longer than a few times what it worked: a load of
millions of events slows a night down and does not stop it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from quadrupel.core.errors import Unavailable
from quadrupel.core.ports import Progress
from quadrupel.telemetry import RUN_WAITED_SECONDS

BEHIND = 200
"""How many messages a lane may have before it, however few come."""
BEHIND_SECONDS = 0.5
"""And where more come, what comes in so long: stages acknowledge every 0.2 s only."""
LONGEST = 4.0
"""How many times as long as it worked a run waits at most: it keeps a fifth of the time."""
LONGEST_SECONDS = 10.0
"""And no longer than this, whatever it did before: it may have had nothing to do."""

LOOK_SECONDS = 0.1
SAY_SECONDS = 60.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Seen:
    """Where the end of a lane was, and when; and how many messages a second came since before."""

    at: float
    end: int
    rate: float = 0.0


class Precedence:
    """Lets the lanes of events go before a run.

    `lanes` tell how far each is. Waiting ends when `stop` is set. What cannot be asked has no
    precedence: whether the bus answers is for those to find out who need it.
    """

    def __init__(
        self,
        lanes: Mapping[str, Callable[[], Progress]],
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lanes = lanes
        self._stop = stop
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._worked_since = clock()
        self._said_at = float("-inf")

    def give_way(self, keep_alive: Callable[[], None]) -> None:
        """Block while a lane is behind; call `keep_alive` again and again meanwhile."""
        began = now = self._clock()
        until = began + min(LONGEST * (began - self._worked_since), LONGEST_SECONDS)
        while now < until and not self._stop.is_set() and (behind := self._behind(now)):
            self._say(behind, now)
            keep_alive()
            self._stop.wait(LOOK_SECONDS)
            now = self._clock()
        RUN_WAITED_SECONDS.inc(now - began)
        self._worked_since = now

    def _behind(self, now: float) -> dict[str, int]:
        """How many messages wait, of each lane that is behind."""
        found = {}
        for lane, ask in self._lanes.items():
            try:
                progress = ask()
            except Unavailable:
                continue
            if progress.lag > max(BEHIND, self._rate(lane, progress.end, now) * BEHIND_SECONDS):
                found[lane] = progress.lag
        return found

    def _rate(self, lane: str, end: int, now: float) -> float:
        """How many messages a second come into a lane, measured over a second at least."""
        seen = self._seen.setdefault(lane, _Seen(now, end))
        if (seconds := now - seen.at) >= 1.0:
            self._seen[lane] = seen = _Seen(now, end, (end - seen.end) / seconds)
        return seen.rate

    def _say(self, behind: Mapping[str, int], now: float) -> None:
        if now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            log.info("the run waits for what events change", **behind)
