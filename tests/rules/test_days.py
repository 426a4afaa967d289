from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.rules import days

DAYS = st.dates(date(1800, 1, 1), date(2300, 12, 31))


def ordinal(text: str) -> int:
    return date.fromisoformat(text).toordinal()


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2027-01-31", 1, "2027-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-11-23", 1, "2026-12-23"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-08-31", 13, "2027-09-30"),
        ("2026-01-15", -12, "2025-01-15"),
        ("2026-05-31", 0, "2026-05-31"),
        ("2100-01-30", 1, "2100-02-28"),
        ("2000-01-30", 1, "2000-02-29"),
    ],
)
def test_a_day_that_the_month_lacks_becomes_its_last(start, months, end):
    assert date.fromordinal(days.add_months(ordinal(start), months)) == date.fromisoformat(end)


@pytest.mark.parametrize(
    ("today", "born", "age"),
    [
        ("2026-11-23", "2012-11-23", 14),
        ("2026-11-22", "2012-11-23", 13),
        ("2027-02-27", "2008-02-29", 18),
        ("2027-02-28", "2008-02-29", 19),
        ("2028-02-28", "2008-02-29", 19),
        ("2028-02-29", "2008-02-29", 20),
        ("2026-11-23", "2026-11-23", 0),
        ("2026-11-23", "2026-11-24", -1),
    ],
)
def test_ages_change_on_the_birthday_and_on_28_february_for_who_has_none(today, born, age):
    assert days.age(ordinal(today), ordinal(born)) == age


@pytest.mark.parametrize(
    ("today", "day", "next_one"),
    [
        ("2026-11-23", "1980-11-23", "2026-11-23"),
        ("2026-11-24", "1980-11-23", "2027-11-23"),
        ("2026-12-30", "1980-01-02", "2027-01-02"),
        ("2027-02-28", "1988-02-29", "2027-02-28"),
        ("2027-03-01", "1988-02-29", "2028-02-29"),
        ("2026-11-23", "2026-11-23", "2027-11-23"),
        ("2026-11-23", "2030-05-05", "2031-05-05"),
    ],
)
def test_an_anniversary_is_the_next_one_counting_today(today, day, next_one):
    assert date.fromordinal(days.anniversary(ordinal(today), ordinal(day))) == date.fromisoformat(
        next_one
    )


@given(DAYS, DAYS)
def test_an_age_is_the_number_of_years_that_have_fit(today, born):
    age = days.age(today.toordinal(), born.toordinal())
    assert days.add_years(born.toordinal(), age) <= today.toordinal()
    assert days.add_years(born.toordinal(), age + 1) > today.toordinal()


@given(DAYS, DAYS)
def test_an_anniversary_is_the_first_day_from_today_on(today, day):
    found = days.anniversary(today.toordinal(), day.toordinal())
    years = date.fromordinal(found).year - day.year
    assert years >= 1
    assert found == days.add_years(day.toordinal(), years)
    assert found >= today.toordinal()
    assert years == 1 or days.add_years(day.toordinal(), years - 1) < today.toordinal()


@given(DAYS, st.integers(-5000, 5000))
def test_adding_months_lands_in_the_month_meant(day, months):
    landed = date.fromordinal(days.add_months(day.toordinal(), months))
    assert (landed.year * 12 + landed.month) - (day.year * 12 + day.month) == months
    assert landed.day == day.day or (landed + timedelta(days=1)).day == 1


@given(DAYS)
def test_weekends_and_starts_of_months_are_those_of_the_calendar(day):
    assert days.is_weekend(day.toordinal()) == (day.weekday() >= 5)
    assert date.fromordinal(days.start_of_month(day.toordinal())) == day.replace(day=1)


@pytest.mark.parametrize("number", [-(10**9), 10**9, 2**63 - 1])
def test_days_beyond_the_calendar_are_errors(number):
    for add in (days.add_days, days.add_months, days.add_years):
        with pytest.raises(OverflowError):
            add(ordinal("2026-11-23"), number)


def test_a_stable_share_is_about_as_large_as_it_says():
    start = datetime(2020, 1, 1, tzinfo=UTC)
    times = [start + timedelta(seconds=7_919 * number) for number in range(20_000)]
    for share in (0.01, 0.1, 0.5):
        among = [time for time in times if days.stable_share(time, share)]
        assert len(among) / len(times) == pytest.approx(share, rel=0.2)
        assert all(days.stable_share(time, share * 1.5) for time in among)
