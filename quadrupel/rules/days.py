"""Calendar arithmetic on days as ordinals (day 1 is 1 January of year 1), as `date.toordinal` says.

Month ends: a day that the month does not have becomes the last one it has, so 31 January plus a
month is 28 or 29 February, and 29 February plus a year is 28 February. Ages and anniversaries
follow from that: who was born on 29 February is a year older on 28 February of a common year.
A day outside the years 1 to 9999 is an OverflowError.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

LAST_DAY = date.max.toordinal()

SHARE_MODULUS, SHARE_FACTOR = 2_147_483_629, 2_654_435_761
"""A prime below 2**31, and Knuth's factor for multiplicative hashing: 64 bits hold the product."""

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

_DAYS_IN_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def add_days(day: int, number: int) -> int:
    """The day `number` days later."""
    later = day + number
    if not 1 <= later <= LAST_DAY:
        raise OverflowError(f"{number} days from {date.fromordinal(day)} is in no year we know")
    return later


@lru_cache(maxsize=100_000)
def add_months(day: int, number: int) -> int:
    """The day `number` months later: the same day of the month, or the month's last."""
    start = date.fromordinal(day)
    months = start.year * 12 + start.month - 1 + number
    year, month = months // 12, months % 12 + 1
    if not 1 <= year <= date.max.year:
        raise OverflowError(f"{number} months from {start} is in no year we know")
    return date(year, month, min(start.day, _month_length(year, month))).toordinal()


def add_years(day: int, number: int) -> int:
    """The day `number` years later, which is 12 months for each."""
    return add_months(day, 12 * number)


@lru_cache(maxsize=100_000)
def age(today: int, birth: int) -> int:
    """How many whole years have passed since `birth`; negative before it.

    The largest n of which `add_years(birth, n)` is not after `today`.
    """
    years = date.fromordinal(today).year - date.fromordinal(birth).year
    return years if add_years(birth, years) <= today else years - 1


def anniversary(today: int, day: int) -> int:
    """The first day, today or later, that is a whole number of years, at least one, after `day`."""
    years = max(1, date.fromordinal(today).year - date.fromordinal(day).year)
    found = add_years(day, years)
    return found if found >= today else add_years(day, years + 1)


def start_of_month(day: int) -> int:
    """The first day of the month that `day` is in."""
    return day - date.fromordinal(day).day + 1


def is_weekend(day: int) -> bool:
    """Whether the day is a Saturday or a Sunday."""
    return day % 7 in (6, 0)


def stable_share(time: datetime, share: float) -> bool:
    """Whether a hash of the time, from 0 up to 1, is below the share."""
    microseconds = (time - _EPOCH) // _MICROSECOND
    return microseconds % SHARE_MODULUS * SHARE_FACTOR % 2**32 < share * 2**32


def _month_length(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap else _DAYS_IN_MONTH[month - 1]
