"""Intervals for proportions, and for what one proportion has more than another, at 95 %.

Both are score intervals: unlike the textbook's p ± 1.96 standard errors they stay between 0 and 1,
and hold for small numbers and for none at all.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

Z = NormalDist().inv_cdf(0.975)
"""Of a normal distribution 95 % are within so many standard deviations."""


class Interval(NamedTuple):
    """What was found, and between what it is likely to be."""

    value: float
    low: float
    high: float


def wilson(successes: int, trials: int) -> Interval:
    """The proportion of successes, with the score interval of Wilson (1927), not corrected.

    Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
    (1998), 857-872, method 3. Without trials it is 0, between 0 and 1: nothing is known. Raises
    ValueError unless 0 <= successes <= trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no proportion")
    if trials == 0:
        return Interval(0.0, 0.0, 1.0)
    found, squared = successes / trials, Z * Z
    middle = 2 * successes + squared
    width = Z * math.sqrt(squared + 4 * successes * (1 - found))
    whole = 2 * (trials + squared)
    # Where all or none succeed rounding would leave the proportion itself a hair outside.
    low = 0.0 if successes == 0 else (middle - width) / whole
    high = 1.0 if successes == trials else (middle + width) / whole
    return Interval(found, low, high)


def difference(one: Interval, other: Interval) -> Interval:
    """What the proportion `one` has more than `other`, both by `wilson`, of different people.

    The hybrid score interval of Newcombe, "Interval estimation for the difference between
    independent proportions", Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    found = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Interval(found, found - below, found + above)
