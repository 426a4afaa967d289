"""GCRA: what it lets in, what it refuses, and that it says truly how long to wait."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.rates import SECOND, Rate, arrive, rate

RATES = st.builds(
    rate, st.integers(1, 100_000), st.sampled_from([1, 60]), st.integers(1, 1_000_000)
)
GAPS = st.lists(st.integers(0, 10 * SECOND), min_size=1, max_size=200)
CLOSE = st.lists(st.integers(0, 100) | st.integers(0, 1_000), min_size=20, max_size=60)
"""In hundredths of the interval: enough requests, close enough, to use up a burst of a few."""


def let_in(times: list[int], asked: Rate) -> list[int]:
    """The times at which a request was let in."""
    due, found = 0, []
    for now in times:
        due, wait = arrive(due, now, asked)
        if not wait:
            found.append(now)
    return found


@pytest.mark.parametrize("burst", [1, 2, 100])
def test_a_burst_may_come_at_once_and_one_more_may_not(burst: int) -> None:
    assert len(let_in([SECOND] * (burst + 5), rate(60, 60, burst))) == burst


def test_what_comes_evenly_is_never_refused() -> None:
    times = [number * SECOND // 7 for number in range(1, 10_000)]
    assert let_in(times, rate(7, 1, 1)) == times


@given(st.integers(1, 100_000), st.integers(1, 5), CLOSE)
def test_in_no_span_more_is_let_in_than_the_burst_and_the_rate(
    requests: int, burst: int, gaps: list
) -> None:
    asked = rate(requests, 60, burst)
    times = list(accumulate((gap * asked.interval // 100 for gap in gaps), initial=SECOND))
    found = let_in(times, asked)
    for first, start in enumerate(found):
        for last in range(first, len(found)):
            assert last - first + 1 <= burst + (found[last] - start) // asked.interval


@given(RATES, GAPS)
def test_who_waits_as_long_as_told_is_let_in_and_who_waits_less_is_not(
    asked: Rate, gaps: list
) -> None:
    due, now = 0, SECOND
    for gap in gaps:
        now += gap
        before = due
        due, wait = arrive(due, now, asked)
        if wait:
            assert due == before, "who was refused has not counted"
            assert arrive(due, now + wait, asked)[1] == 0
            assert arrive(due, now + wait - 1, asked)[1] == 1


@given(RATES, GAPS, st.integers(2, 100))
def test_what_counts_several_times_is_as_if_as_many_had_come_without_being_refused(
    asked: Rate, gaps: list, times: int
) -> None:
    due, now = 0, SECOND
    for gap in gaps:
        now += gap
        _, wait = arrive(due, now, asked)
        after, wait_for_all = arrive(due, now, asked, times)
        assert wait_for_all == wait, "it is let in when one would be"
        assert after == (due if wait else max(due, now) + times * asked.interval)
        due = after
