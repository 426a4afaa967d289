import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.windows import (
    LAGGING_DAYS,
    MAX_DAYS,
    MAX_EVENTS,
    NO_EVENTS,
    count_within,
    fits,
    one_more,
    pack,
    packed_day,
    unpack,
    within,
)

TODAY = 739_943
WINDOW = 30
ALL_DAYS = st.integers(1, 3_652_059)
COUNTS = st.dictionaries(ALL_DAYS, st.integers(1, MAX_EVENTS), max_size=8).map(
    lambda counts: tuple(sorted(counts.items()))
)


def test_a_window_holds_today_and_the_days_before_it_and_has_no_upper_end():
    counts = ((TODAY - 30, 1), (TODAY - 29, 2), (TODAY, 4), (TODAY + 1, 8))
    assert count_within(TODAY, counts, WINDOW) == 14
    assert within(TODAY, counts, WINDOW) == counts[1:]
    assert count_within(TODAY, counts, 1) == 12
    assert count_within(TODAY, NO_EVENTS, WINDOW) == 0


@given(COUNTS, ALL_DAYS, st.integers(1, 366))
def test_as_days_pass_a_count_never_rises(counts, today, window):
    assert count_within(today, counts, window) >= count_within(today + 1, counts, window)
    assert count_within(today, counts, window) == count_within(
        today, within(today, counts, window), window
    )


def test_one_more_event_is_counted_on_its_day():
    counts = one_more(NO_EVENTS, TODAY, TODAY, WINDOW)
    counts = one_more(counts, TODAY - 3, TODAY, WINDOW)
    counts = one_more(counts, TODAY, TODAY, WINDOW)
    assert counts == ((TODAY - 3, 1), (TODAY, 2))


def test_days_are_left_out_once_no_citizen_can_have_them_in_the_window():
    last = TODAY - WINDOW - LAGGING_DAYS
    counts = ((last - 5, 1), (last, 1), (last + 1, 1))
    assert one_more(counts, TODAY, TODAY, WINDOW) == ((last + 1, 1), (TODAY, 1))
    assert count_within(TODAY - LAGGING_DAYS, ((last + 1, 1),), WINDOW) == 1
    assert count_within(TODAY - LAGGING_DAYS, ((last, 1),), WINDOW) == 0


def test_an_event_that_was_older_than_the_window_when_it_came_changes_nothing():
    last = TODAY - WINDOW - LAGGING_DAYS
    assert one_more(((TODAY, 1),), last, TODAY, WINDOW) is None
    assert one_more(((TODAY, 1),), last + 1, TODAY, WINDOW) is not None


@pytest.mark.parametrize(
    ("counts", "answer"),
    [
        (((TODAY, MAX_EVENTS),), True),
        (((TODAY, MAX_EVENTS), (TODAY + 1, 1)), False),
        (tuple((TODAY + day, 1) for day in range(MAX_DAYS)), True),
        (tuple((TODAY + day, 1) for day in range(MAX_DAYS + 1)), False),
    ],
)
def test_counts_are_bounded(counts, answer):
    assert fits(counts) is answer


@given(COUNTS)
def test_packed_counts_are_64_bit_integers_in_order_and_come_back(counts):
    packed = pack(counts)
    assert unpack(packed) == counts
    assert packed == sorted(packed)
    assert all(-(2**63) <= each < 2**63 for each in packed)


@given(COUNTS, ALL_DAYS)
def test_a_packed_day_divides_the_days_from_it_on_from_those_before(counts, day):
    later = [each for each in pack(counts) if each > packed_day(day)]
    assert unpack(later) == tuple(each for each in counts if each[0] >= day)
