from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.runs import (
    LEAST_RANGES,
    RangeCounts,
    RuleCounts,
    RunPace,
    deadline,
    expected_end,
    size_of_ranges,
    slow_after,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 11, 23)
MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")


def test_the_counts_of_pages_are_added_up_rule_by_rule():
    one = RangeCounts(10, 3, 1, 4, 2**64 - 1, {"moved": RuleCounts(1, 3, 0.5)})
    other = RangeCounts(
        5, 2, 0, 5, 3, {"moved": RuleCounts(0, 1, 0.25), "welcome": RuleCounts(0, 1, 0.0)}
    )
    both = {"moved": RuleCounts(1, 4, 0.75), "welcome": RuleCounts(0, 1, 0.0)}
    assert one + other == RangeCounts(15, 5, 1, 9, 2, both)
    assert one + RangeCounts() == one


SIZES = [
    ("nobody", 0, 50_000, 1),
    ("too few for two ranges", 3_999, 50_000, 3_999),
    ("enough for two", 4_001, 50_000, 2_001),
    ("enough for as many as there should be", 20_000, 50_000, 2_500),
    ("more than the setting allows", 1_000_000, 50_000, 50_000),
    ("a small setting", 25, 10, 10),
]


@pytest.mark.parametrize(
    ("users", "most", "size"), [case[1:] for case in SIZES], ids=[case[0] for case in SIZES]
)
def test_ranges_are_of_equal_size_and_enough_of_them(users, most, size):
    assert size_of_ranges(users, most) == size


@given(st.integers(0, 10**6), st.integers(1, 10**5))
def test_to_know_their_size_no_more_users_need_be_counted_than_the_fewest_ranges_hold(users, most):
    counted = min(users, LEAST_RANGES * most)
    assert size_of_ranges(counted, most) == size_of_ranges(users, most)


SLOW = [(None, 30), (1, 30), (15, 30), (16, 32), (600, 1200)]


@pytest.mark.parametrize(("median", "seconds"), SLOW)
def test_a_range_is_slow_after_twice_the_median_and_never_before_half_a_minute(median, seconds):
    known = None if median is None else timedelta(seconds=median)
    assert slow_after(known) == timedelta(seconds=seconds)


ENDS = [(0, 0.0, 0), (100, 50.0, 2), (100, 0.0, None), (10**9, 1.0, None), (1, 1e-9, None)]


@pytest.mark.parametrize(("left", "speed", "seconds"), ENDS)
def test_the_end_is_expected_at_the_present_speed(left, speed, seconds):
    end = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert expected_end(left, speed, NOW) == end


MORNINGS = [
    ("2026-11-23T02:30+03:00", MOSCOW, "2026-11-23T07:00+03:00"),
    ("2026-11-23T07:00+03:00", MOSCOW, "2026-11-24T07:00+03:00"),
    ("2026-11-23T23:59+03:00", MOSCOW, "2026-11-24T07:00+03:00"),
    ("2026-03-29T00:30+01:00", BERLIN, "2026-03-29T07:00+02:00"),  # a night of 23 hours
    ("2026-10-25T00:30+02:00", BERLIN, "2026-10-25T07:00+01:00"),  # and one of 25
]


@pytest.mark.parametrize(("after", "zone", "morning"), MORNINGS)
def test_the_deadline_is_the_next_morning_by_local_clocks(after, zone, morning):
    found = deadline(datetime.fromisoformat(after), time(7), zone)
    assert found == datetime.fromisoformat(morning)


def test_a_time_that_a_night_of_25_hours_has_twice_is_still_to_come():
    after = datetime.fromisoformat("2026-10-25T02:45+02:00")
    assert deadline(after, time(2, 30), BERLIN) > after


def test_a_time_that_a_night_of_23_hours_skips_is_the_end_of_the_gap():
    after = datetime.fromisoformat("2026-03-29T00:30+01:00")
    end = datetime.fromisoformat("2026-03-29T03:00+02:00")
    assert deadline(after, time(2, 30), BERLIN) == end


@given(
    rate=st.integers(1, 100_000),
    workers=st.integers(1, 20),
    delays=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_a_worker_never_exceeds_its_share_of_the_rate(rate, workers, delays):
    pace, now, begun = RunPace(), 0.0, []
    size = RunPace.page(rate, workers, 1_000)
    for delay in delays:
        now += delay
        now += pace.wait(size, rate, workers, now)
        begun.append(now)
    allowed = size * workers / rate
    assert all(after - before >= allowed - 1e-6 for before, after in pairwise(begun))


PAGES = [
    (None, 4, 1_000),
    (10, 1, 10),
    (10, 4, 2),
    (3, 4, 1),
    (100_000, 4, 1_000),
    (10, 0, 10),
]


@pytest.mark.parametrize(("rate", "workers", "users"), PAGES)
def test_a_page_is_a_second_of_work_at_most(rate, workers, users):
    assert RunPace.page(rate, workers, 1_000) == users


def test_without_a_limit_nobody_waits_and_a_new_one_begins_then():
    pace = RunPace()
    assert pace.wait(1_000, 10, 1, 0.0) == 0.0
    assert pace.wait(1_000, None, 1, 1.0) == 0.0
    assert pace.wait(10, 10, 1, 1.0) == 0.0
    assert pace.wait(10, 10, 1, 1.0) == 1.0
