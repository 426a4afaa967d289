"""How long each rule takes: measured on some users of many, each rule by itself.

The columnar reading asks all rules in one query, so what one of them costs cannot be seen there.
"""

import time
from collections.abc import Callable, Mapping
from datetime import date

import polars as pl

from quadrupel.rules.columnar import Query

SAMPLE = 2_000
"""Users that are looked at; of smaller frames nothing is said."""
EVERY = 500_000
"""After how many users they are looked at again: so measuring costs next to nothing."""


class RuleTimes:
    """Estimates what each predicate of a query takes. Not safe for use by several threads."""

    def __init__(self, query: Query, clock: Callable[[], float] = time.perf_counter) -> None:
        self._query = query
        self._clock = clock
        self._per_user: dict[str, float] = {}
        self._since = EVERY

    def estimate(self, frame: pl.DataFrame, today: date) -> Mapping[str, float]:
        """About how many seconds each one takes for all users of a frame, by its name.

        Nothing until a frame is large enough to be measured.
        """
        if self._since >= EVERY and frame.height >= SAMPLE:
            self._measure(frame.head(SAMPLE), today)
        self._since += frame.height
        return {rule: seconds * frame.height for rule, seconds in self._per_user.items()}

    def _measure(self, sample: pl.DataFrame, today: date) -> None:
        self._since = 0
        for rule, evaluate in self._query.alone(sample, today):
            began = self._clock()
            evaluate()
            self._per_user[rule] = (self._clock() - began) / sample.height
