"""Runs: what a range counts, the digest of its verdicts, and how a run's progress is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from quadrupel.core.bits import from_signed
from quadrupel.core.zones import night_due

BEAT = timedelta(seconds=10)
"""How often a worker renews the lease of the range it works on."""

LEASE = timedelta(seconds=30)
"""How long a worker keeps a range without a sign of life."""

SLOW = timedelta(seconds=30)
"""No range that runs for less is slow."""

MAX_RATE = 1_000_000

LEAST_RANGES = 8
"""A run has at least as many ranges, so that several workers have something to do until its end,"""

SMALLEST_RANGE = 2_000
"""unless they would have fewer users than this."""


@dataclass(frozen=True, slots=True)
class RuleCounts:
    """What one rule did in a range: users it erred on and matched, seconds it took."""

    errors: int = 0
    matched: int = 0
    seconds: float = 0.0

    def __add__(self, other: "RuleCounts") -> "RuleCounts":
        """Both together."""
        return RuleCounts(
            self.errors + other.errors, self.matched + other.matched, self.seconds + other.seconds
        )


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """What the evaluation of a range, or of a page of it, counted; pages are added up.

    Users were `evaluated`; the verdicts of `changed` ones were handed to
    publish. `matched` and `errors` are pairs of a user and a rule. `digest` is the sum over the
    users, modulo 2**64, of a hash of user and verdicts: the same for the same verdicts, however
    users were ordered and split.
    """

    evaluated: int = 0
    matched: int = 0
    errors: int = 0
    changed: int = 0
    digest: int = 0
    rules: Mapping[str, RuleCounts] = field(default_factory=dict)

    def __add__(self, other: "RangeCounts") -> "RangeCounts":
        """These counts and those of a further page."""
        rules = dict(self.rules)
        for rule, counts in other.rules.items():
            rules[rule] = rules.get(rule, RuleCounts()) + counts
        return RangeCounts(
            self.evaluated + other.evaluated,
            self.matched + other.matched,
            self.errors + other.errors,
            self.changed + other.changed,
            from_signed(self.digest + other.digest),
            rules,
        )


def size_of_ranges(users: int, most: int) -> int:
    """How many users each range of a run over so many has; the last one has what is left.

    That is `most` at most.
    """
    ranges = max(min(LEAST_RANGES, users // SMALLEST_RANGE), 1)
    return max(min(most, -(-users // ranges)), 1)


def slow_after(median: timedelta | None) -> timedelta:
    """How long a range may run before it is slow, when half of the done ones took `median`."""
    return max(SLOW, 2 * median) if median is not None else SLOW


def expected_end(left: int, speed: float, now: datetime) -> datetime | None:
    """When so many users are done at `speed` users/s; None: never, or not in a year."""
    if left <= 0:
        return now
    if left > speed * timedelta(days=366).total_seconds():
        return None
    return now + timedelta(seconds=left / speed)


def deadline(after: datetime, at: time, zone: ZoneInfo) -> datetime:
    """The next time that clocks in the zone show `at`, later than `after` (aware)."""
    local = after.astimezone(zone)
    for day in (local.date(), local.date() + timedelta(days=1)):
        found = night_due(zone, day, at.replace(tzinfo=None))
        if found > after:
            return found
    return night_due(zone, local.date() + timedelta(days=2), at.replace(tzinfo=None))


class RunPace:
    """Holds the rate of a run, shared by its workers. Times are seconds of a clock that only rises.

    A worker takes an equal share. `page` says how many users to take at once, so that no page is
    longer than about a second and a change is obeyed within one.
    """

    def __init__(self) -> None:
        self._next = 0.0

    @staticmethod
    def page(rate: int | None, workers: int, most: int) -> int:
        """How many users the next page may have."""
        return most if rate is None else max(1, min(most, rate // max(1, workers)))

    def wait(self, users: int, rate: int | None, workers: int, now: float) -> float:
        """Seconds to wait before so many users may be evaluated; time lost is not caught up."""
        if rate is None:
            self._next = now
            return 0.0
        begin = max(self._next, now)
        self._next = begin + users * max(1, workers) / rate
        return begin - now
