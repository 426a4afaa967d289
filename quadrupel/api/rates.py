"""How often each citizen and each service key may ask this process.

It is asked for each read, so it is a look into a table and nothing else: no lock, no thread, no
window of times. Only who was verified is counted, so nobody fills the table with made-up names.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import structlog

from quadrupel.core.errors import TooOften
from quadrupel.core.rates import SECOND, Rate, arrive
from quadrupel.telemetry import RATE_LIMITED

MAX_CALLERS = 100_000
"""Of how many callers a process remembers when they may ask again; the one that asked longest ago
is forgotten first. That is long after its burst is whole again, unless 100,000 others came."""

SAY_SECONDS = 10
"""How often the log says that callers are refused, at most."""

Who: TypeAlias = Literal["citizen", "key"]

log = structlog.get_logger()


class Limit(Protocol):
    """Counts a request of a caller."""

    def __call__(self, caller: str, times: int = 1, /) -> None:
        """Count it, as one or as several, of the caller with that id. Raises TooOften."""


def unlimited(_caller: str, _times: int = 1) -> None:
    """The limit where none is set."""


class Rates:
    """What each caller of one kind may still ask. Belongs to one event loop."""

    def __init__(
        self,
        who: Who,
        rate: Rate,
        clock: Callable[[], int] = time.monotonic_ns,
        callers: int = MAX_CALLERS,
    ) -> None:
        self._who: Who = who
        self._rate = rate
        self._clock = clock
        self._callers = callers
        self._due: OrderedDict[str, int] = OrderedDict()
        self._say_at = clock()

    def __len__(self) -> int:
        return len(self._due)

    def count(self, caller: str, times: int = 1) -> None:
        """Count a request of the caller, as one or as several.

        Raises TooOften, and then it has not counted.
        """
        now = self._clock()
        due, wait = arrive(self._due.get(caller, 0), now, self._rate, times)
        if wait:
            raise self._refusal(caller, now, wait)
        self._due[caller] = due
        self._due.move_to_end(caller)
        if len(self._due) > self._callers:
            self._due.popitem(last=False)

    def _refusal(self, caller: str, now: int, wait: int) -> TooOften:
        RATE_LIMITED.labels(self._who).inc()
        if now >= self._say_at:
            self._say_at = now + SAY_SECONDS * SECOND
            log.warning("a caller is refused: it asks too often", who=self._who, caller=caller)
        return TooOften(-(-wait // SECOND))


def limit(who: Who, rate: Rate | None) -> Limit:
    """The limit of that rate for each caller of one kind; None: there is none."""
    return unlimited if rate is None else Rates(who, rate).count
