"""How long each rule takes: measured on some users of many, each rule by itself.

The columnar reading asks all rules in one query, so what one of them costs cannot be seen there.
"""

import time
from collections.abc import Callable, Mapping
from datetime import date

import polars as pl

from quadrupel.rules.columnar import Query
from quadrupel.rules.tree import Node

SAMPLE = 1_000
"""Users that are looked at,"""
EVERY = 500_000
"""and after how many users the next time: so measuring costs next to nothing."""


class RuleTimes:
    """Estimates what each of some predicates takes, by name. Not safe for use by several threads."""

    def __init__(
        self, trees: Mapping[str, Node], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._queries = {rule: Query({rule: tree}) for rule, tree in trees.items()}
        self._clock = clock
        self._per_user: dict[str, float] = {}
        self._since = 0

    def estimate(self, frame: pl.DataFrame, today: date) -> Mapping[str, float]:
        """About how many seconds each rule takes for all users of a frame, by its name."""
        if frame.is_empty():
            return {}
        if not self._per_user or self._since >= EVERY:
            self._measure(frame.head(SAMPLE), today)
        self._since += frame.height
        return {rule: seconds * frame.height for rule, seconds in self._per_user.items()}

    def _measure(self, sample: pl.DataFrame, today: date) -> None:
        self._since = 0
        for rule, query in self._queries.items():
            query.evaluate(sample, today)  # what is prepared for the day is no part of it
            began = self._clock()
            query.evaluate(sample, today)
            self._per_user[rule] = (self._clock() - began) / sample.height
