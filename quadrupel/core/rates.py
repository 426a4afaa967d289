"""How often one caller may ask: the generic cell rate algorithm (GCRA), on whole nanoseconds.

Of each caller one number is remembered: when its next request would be due if all came evenly. One
that comes earlier than that is let in as long as it is not too early, which is what makes a burst.
Source: ITU-T Recommendation I.371, annex A, the virtual scheduling algorithm.
"""

from dataclasses import dataclass

SECOND = 1_000_000_000
"""In nanoseconds, the unit of all times here."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One request each `interval`, on average; one may come up to `early` before it is due."""

    interval: int
    early: int


def rate(requests: int, seconds: int, burst: int) -> Rate:
    """So many requests in so many seconds, of which `burst` may come at once; all are 1 or more."""
    interval = seconds * SECOND // requests
    return Rate(interval, (burst - 1) * interval)


def arrive(due: int, now: int, rate: Rate, times: int = 1) -> tuple[int, int]:
    """What a request that comes `now` makes of a caller whose next request is `due`.

    Returns when the next one is due then, and how long to wait: 0 if this one is let in; else how
    long until one is, and this one has not counted. One that counts several `times` is let in when
    any would be, however small the burst: the next ones wait for what it took.
    """
    wait = due - rate.early - now
    if wait > 0:
        return due, wait
    return max(due, now) + rate.interval * times, 0
