"""Tries rules on some users: whom each matches, where it errs, and what it takes by itself."""

import time
from collections.abc import Callable, Mapping
from datetime import date

import polars as pl

from quadrupel.core.guards import Trial
from quadrupel.core.verdicts import Verdict
from quadrupel.rules.columnar import CODES, Query

ROUNDS = 2
"""How often each rule is timed; the best time counts, since whatever disturbs only adds to it."""


def try_on(
    query: Query, users: pl.DataFrame, as_of: date, clock: Callable[[], float] = time.process_time
) -> Mapping[str, Trial]:
    """Try each rule of a query on a frame of users.

    `clock` tells seconds: of the processors, so that a busy machine makes no rule slow.
    """
    codes = query.evaluate(users, as_of)
    return {
        rule: Trial(
            users.height,
            _count(codes[rule], Verdict.MATCH),
            _count(codes[rule], Verdict.ERROR),
            min(_seconds(evaluate, clock) for _ in range(ROUNDS)),
        )
        for rule, evaluate in query.alone(users, as_of)
    }


def _seconds(evaluate: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    evaluate()
    return clock() - began


def _count(codes: pl.Series, verdict: Verdict) -> int:
    return int((codes == CODES[verdict]).sum())
