"""Intervals: the values of the papers they come from, and what must hold for all numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.intervals import Interval, difference, wilson

proportions = st.integers(0, 2_000).flatmap(
    lambda trials: st.tuples(st.integers(0, trials), st.just(trials))
)


# Newcombe (1998), Statistics in Medicine 17:857, table I, method 3.
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_proportion_has_the_interval_of_the_paper(successes, trials, low, high):
    found = wilson(successes, trials)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


# Newcombe (1998), Statistics in Medicine 17:873, table II, method 10.
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_a_difference_has_the_interval_of_the_paper(one, other, low, high):
    found = difference(wilson(*one), wilson(*other))
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(proportions)
def test_an_interval_holds_what_was_found_and_stays_between_nothing_and_all(proportion):
    found = wilson(*proportion)
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(proportions)
def test_failures_have_the_mirrored_interval(proportion):
    successes, trials = proportion
    found, mirrored = wilson(successes, trials), wilson(trials - successes, trials)
    if trials:
        assert found.low == pytest.approx(1 - mirrored.high)
        assert found.high == pytest.approx(1 - mirrored.low)


@given(proportions, st.integers(2, 20))
def test_more_people_narrow_it(proportion, times):
    successes, trials = proportion
    found, wide = wilson(times * successes, times * trials), wilson(successes, trials)
    assert found.high - found.low <= wide.high - wide.low


@given(proportions, proportions)
def test_a_difference_is_turned_round_with_its_sides_and_stays_in_bounds(one, other):
    found = difference(wilson(*one), wilson(*other))
    turned = difference(wilson(*other), wilson(*one))
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.low == pytest.approx(-turned.high)
    assert found.high == pytest.approx(-turned.low)


def test_of_nobody_nothing_is_known():
    assert wilson(0, 0) == Interval(0.0, 0.0, 1.0)


@pytest.mark.parametrize(("successes", "trials"), [(2, 1), (-1, 5), (0, -1)])
def test_what_is_no_proportion_is_refused(successes, trials):
    with pytest.raises(ValueError, match="is no proportion"):
        wilson(successes, trials)
