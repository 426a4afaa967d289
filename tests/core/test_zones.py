"""Days and nights in time zones, also in those whose clocks do what nobody expects."""

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quadrupel.core.zones import (
    Night,
    day_begins,
    day_in,
    find_zone,
    is_skipped,
    may_have_begun,
    night_by,
    night_due,
    nights_by,
    other_zones,
)

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
HALF_PAST_TWO = time(2, 30)
MOSCOW = ZoneInfo("Europe/Moscow")


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Of years that are over: zones change what they will do.
DAYS = [
    ("Europe/Berlin", "2025-03-30", "2025-03-29T23:00", 23),
    ("Europe/Berlin", "2025-10-26", "2025-10-25T22:00", 25),
    ("Europe/Berlin", "2026-11-23", "2026-11-22T23:00", 24),
    ("America/New_York", "2025-03-09", "2025-03-09T05:00", 23),
    ("America/New_York", "2025-11-02", "2025-11-02T04:00", 25),
    # Midnight is skipped: the day begins at one.
    ("America/Havana", "2024-03-10", "2024-03-10T05:00", 23),
    ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00", 23),
    ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00", 23),
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", 23),
    # Midnight comes twice: the day begins at the first.
    ("America/Havana", "2024-11-03", "2024-11-03T04:00", 25),
    # The clocks are set back at midnight, into the day before, which is so much longer.
    ("Asia/Beirut", "2024-10-26", "2024-10-25T21:00", 25),
    ("Asia/Beirut", "2024-10-27", "2024-10-26T22:00", 24),
    ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00", 25),
    ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00", 24),
    # They are set back a minute after midnight: the day that has begun stays.
    ("America/St_Johns", "2010-11-06", "2010-11-06T02:30", 24),
    ("America/St_Johns", "2010-11-07", "2010-11-07T02:30", 25),
    # By half an hour; by three hours over midnight.
    ("Australia/Lord_Howe", "2025-04-06", "2025-04-05T13:00", 24.5),
    ("Australia/Lord_Howe", "2025-10-05", "2025-10-04T13:30", 23.5),
    ("Antarctica/Casey", "2010-03-05", "2010-03-04T13:00", 27),
    # Days that were skipped whole.
    ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", 24),
    ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),
    ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", 24),
    ("Pacific/Kwajalein", "1993-08-21", "1993-08-21T12:00", 0),
    ("Pacific/Kwajalein", "1993-08-22", "1993-08-21T12:00", 24),
]


@pytest.mark.parametrize(("name", "day", "begins", "hours"), DAYS)
def test_a_day_begins_with_its_first_instant_and_has_the_hours_it_has(name, day, begins, hours):
    zone, day = ZoneInfo(name), date.fromisoformat(day)
    assert day_begins(zone, day) == utc(begins)
    assert day_begins(zone, day + DAY) - day_begins(zone, day) == timedelta(hours=hours)
    assert is_skipped(zone, day) == (hours == 0)
    assert day_in(zone, utc(begins)) == (day if hours else day + DAY)
    assert day_in(zone, utc(begins) - SECOND) < day


def test_the_day_is_the_users_own():
    now = utc("2026-11-23T12:30")
    days = {name: day_in(ZoneInfo(name), now).day for name in ("Asia/Tokyo", "Pacific/Niue")}
    assert days == {"Asia/Tokyo": 23, "Pacific/Niue": 23}
    assert day_in(ZoneInfo("Pacific/Kiritimati"), now).day == 24
    assert day_in(ZoneInfo("Pacific/Niue"), utc("2026-11-23T10:59")).day == 22


def test_a_day_that_has_begun_is_not_taken_back_by_clocks_that_are_set_back():
    st_johns = ZoneInfo("America/St_Johns")
    again_yesterday = utc("2010-11-07T02:31")
    assert again_yesterday.astimezone(st_johns).isoformat() == "2010-11-06T23:01:00-03:30"
    assert day_in(st_johns, again_yesterday) == date(2010, 11, 7)


NIGHTS = [
    ("Europe/Berlin", "2026-11-23", "02:30", "2026-11-23T01:30"),
    # 02:30 does not exist: at 03:00, which is when the gap ends. It comes twice: the first.
    ("Europe/Berlin", "2025-03-30", "02:30", "2025-03-30T01:00"),
    ("Europe/Berlin", "2025-10-26", "02:30", "2025-10-26T00:30"),
    ("America/New_York", "2025-03-09", "02:30", "2025-03-09T07:00"),
    ("America/New_York", "2025-03-09", "02:00", "2025-03-09T07:00"),
    ("America/New_York", "2025-03-09", "03:00", "2025-03-09T07:00"),
    ("America/New_York", "2025-03-09", "01:59", "2025-03-09T06:59"),
    ("America/New_York", "2025-11-02", "01:30", "2025-11-02T05:30"),
    ("America/New_York", "2025-11-02", "02:30", "2025-11-02T07:30"),
    ("America/Havana", "2024-03-10", "00:30", "2024-03-10T05:00"),
    ("America/Havana", "2024-11-03", "00:30", "2024-11-03T04:30"),
    ("America/Sao_Paulo", "2018-02-17", "23:30", "2018-02-18T01:30"),
    ("America/St_Johns", "2010-11-07", "00:00:30", "2010-11-07T02:30:30"),
    ("Australia/Lord_Howe", "2025-10-05", "02:15", "2025-10-04T15:30"),
    ("Australia/Lord_Howe", "2025-04-06", "01:45", "2025-04-05T14:45"),
]


@pytest.mark.parametrize(("name", "day", "at", "due"), NIGHTS)
def test_a_night_is_due_at_its_local_time_or_after_the_gap_that_swallowed_it(name, day, at, due):
    zone, day, at = ZoneInfo(name), date.fromisoformat(day), time.fromisoformat(at)
    assert night_due(zone, day, at) == utc(due)
    assert night_by(zone, at, utc(due)) == day
    assert night_by(zone, at, utc(due) - SECOND) != day


def test_a_night_has_come_until_its_day_ends():
    berlin = ZoneInfo("Europe/Berlin")
    assert night_by(berlin, HALF_PAST_TWO, utc("2026-11-23T01:29:59")) is None
    assert night_by(berlin, HALF_PAST_TWO, utc("2026-11-23T22:59:59")) == date(2026, 11, 23)
    assert night_by(berlin, HALF_PAST_TWO, utc("2026-11-23T23:00")) is None


def test_a_night_that_a_gap_moved_over_midnight_is_still_that_of_its_day():
    # In Toronto the clocks of 30 March 1919 went from 23:30 to 00:30.
    toronto = ZoneInfo("America/Toronto")
    assert night_due(toronto, date(1919, 3, 30), time(23, 45)) == utc("1919-03-31T04:30")
    assert night_by(toronto, time(23, 45), utc("1919-03-31T05:00")) == date(1919, 3, 30)


def test_a_day_that_was_skipped_has_no_night():
    apia, hour = ZoneInfo("Pacific/Apia"), timedelta(hours=1)
    found = {night_by(apia, HALF_PAST_TWO, utc("2011-12-29T10:00") + n * hour) for n in range(60)}
    assert found == {None, date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)}


def test_nights_are_named_by_day_and_by_the_zones_that_are_not_the_portals_own():
    zones = ["Asia/Vladivostok", "Europe/Moscow", "America/New_York", "Mars/Base"]
    abroad = [
        Night("nightly-2026-11-22@America/New_York", date(2026, 11, 22), "America/New_York"),
        Night("nightly-2026-11-23@Asia/Vladivostok", date(2026, 11, 23), "Asia/Vladivostok"),
    ]
    assert nights_by(zones, MOSCOW, HALF_PAST_TWO, utc("2026-11-22T23:29")) == abroad
    own = Night("nightly-2026-11-23", date(2026, 11, 23), "Europe/Moscow")
    assert nights_by(zones, MOSCOW, HALF_PAST_TWO, utc("2026-11-22T23:30")) == [own, *abroad]
    assert nights_by([], MOSCOW, HALF_PAST_TWO, utc("2026-11-22T23:29")) == []


def test_where_nobody_has_another_zone_the_night_is_that_of_all_users():
    everybody = [Night("nightly-2026-11-23", date(2026, 11, 23))]
    for zones in ([], ["Europe/Moscow"], ["Mars/Base"]):
        assert nights_by(zones, MOSCOW, HALF_PAST_TWO, utc("2026-11-22T23:30")) == everybody


def test_a_zone_of_another_name_has_nights_of_its_own_and_an_unknown_one_has_none():
    assert list(other_zones(["Mars/Base", "W-SU", "Europe/Moscow", "UTC", "UTC"], MOSCOW)) == [
        "UTC",
        "W-SU",
    ]


@pytest.mark.parametrize("name", [None, "", "Mars/Base", "../etc/passwd", "UTC\0", "x" * 10_000])
def test_what_is_no_zone_is_not_found(name):
    assert find_zone(name) is None


ZONES = st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime", "Factory"}))
SINCE_1970 = st.dates(date(1970, 1, 2), date(2037, 12, 30))


@given(ZONES, SINCE_1970)
@example("Pacific/Apia", date(2011, 12, 30))
@example("America/St_Johns", date(2010, 11, 7))
def test_days_follow_one_another_without_gap(name, day):
    zone = ZoneInfo(name)
    begins, ends = day_begins(zone, day), day_begins(zone, day + DAY)
    assert begins <= ends
    if begins == ends:
        assert day_in(zone, begins) == day + DAY
        return
    assert timedelta(hours=20) <= ends - begins <= timedelta(hours=48)
    assert {day_in(zone, at) for at in (begins, ends - SECOND)} == {day}
    assert day_in(zone, begins - SECOND) < day < day_in(zone, ends)


@given(ZONES, SINCE_1970, st.times().map(lambda at: at.replace(microsecond=0)))
@example("Europe/Berlin", date(2025, 3, 30), HALF_PAST_TWO)
@example("America/St_Johns", date(2010, 11, 6), time(23, 30))
@example("Pacific/Apia", date(2011, 12, 30), HALF_PAST_TWO)
def test_the_night_of_each_day_comes_once_and_before_the_next(name, day, at):
    zone = ZoneInfo(name)
    due, began = night_due(zone, day, at), day_begins(zone, day)
    assert began <= due <= night_due(zone, day + DAY, at)
    # Whoever looks every quarter of an hour sees each night, in one stretch of time.
    looks = [began + timedelta(minutes=15 * n) for n in range(-100, 300)]
    seen = [night_by(zone, at, now) for now in [*looks, due]]
    assert (day in seen) != is_skipped(zone, day)
    in_order = [night for night in seen[:-1] if night is not None]
    assert in_order == sorted(in_order)


@given(ZONES, st.dates(date(2015, 1, 1), date(2037, 12, 30)), st.integers(0, 10**5))
@example("Pacific/Kiritimati", date(2026, 11, 24), 0)
@example("Asia/Kathmandu", date(2026, 11, 24), 0)
@example("Australia/Lord_Howe", date(2026, 10, 4), 0)
def test_whoever_lives_through_the_beginning_of_a_day_may_have(name, day, seconds):
    begins = day_begins(ZoneInfo(name), day)
    for now in (begins, begins + timedelta(seconds=seconds)):
        assert may_have_begun(day, begins - SECOND, now)


def test_within_a_quarter_of_an_hour_or_for_a_day_to_come_nothing_may_have_begun():
    day, noon = date(2026, 11, 24), utc("2026-11-23T12:00")
    assert not may_have_begun(day, noon, noon + timedelta(minutes=14))
    assert may_have_begun(day, noon, noon + timedelta(minutes=15))
    assert not may_have_begun(day, noon - DAY, noon - timedelta(hours=3))
