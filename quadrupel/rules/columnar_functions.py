"""The functions of the language on whole columns: what the columnar reading computes for a call.

A day is an Int32 of days since 1970, a time an Int64 of microseconds since 1970, an integer an
Int64, a decimal a Float64, a windowed count a list of packed days; null is unknown. Today is a
plain ordinal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import polars as pl

from quadrupel.core.windows import BITS, packed_day
from quadrupel.rules.days import SHARE_FACTOR, SHARE_MODULUS

EPOCH = date(1970, 1, 1).toordinal()
FIRST_DAY, LAST_DAY = date.min.toordinal() - EPOCH, date.max.toordinal() - EPOCH
DAY = 86_400_000_000
"""Microseconds."""

MONTHS = 12 * date.max.year
"""Of the calendar."""

_FAR = 12 * 20_000
"""More months than the calendar has, either way."""


@dataclass(frozen=True, slots=True)
class Result:
    """The value of a call, and where it has none although all arguments are known."""

    value: pl.Expr
    fails: pl.Expr | None = None


def _add_days(_today: int, day: pl.Expr, number: pl.Expr) -> Result:
    later = day.cast(pl.Int64) + number
    fails = (later < FIRST_DAY) | (later > LAST_DAY)
    return Result(later.cast(pl.Int32, strict=False), fails)


@dataclass(frozen=True, slots=True)
class Days:
    """Days with their places in the calendar, which calendar functions start from.

    `month` counts from the first one of the calendar, as an Int64; `of_month` is an Int8 from 1.
    """

    number: pl.Expr
    month: pl.Expr
    of_month: pl.Expr

    @classmethod
    def of(cls, number: pl.Expr) -> "Days":
        """Finds the places."""
        day = number.cast(pl.Date)
        return cls(number, day.dt.year().cast(pl.Int64) * 12 + day.dt.month() - 13, day.dt.day())

    @property
    def year(self) -> pl.Expr:
        return self.month // 12 + 1

    @property
    def of_year(self) -> pl.Expr:
        """A number that grows within a year; of two years the same for the same day and month."""
        return self.month % 12 * 32 + self.of_month


def _add_months(_today: int, day: Days, number: pl.Expr) -> Result:
    months = day.month + number.clip(-_FAR, _FAR)
    place = months.clip(-1, MONTHS) + 1
    first, last = (pl.lit(days).gather(place) for days in _first_and_last_days())
    value = pl.min_horizontal(first + day.of_month - 1, last)
    return Result(value, (months < 0) | (months >= MONTHS))


@cache
def _first_and_last_days() -> tuple[pl.Series, pl.Series]:
    """Of every month of the calendar, between two months that have no days.

    Looked up, since making a date of its parts takes several times as long.
    """
    first = pl.date_range(date.min, date(date.max.year, 12, 1), "1mo", eager=True).to_physical()
    last = first.shift(-1, fill_value=LAST_DAY + 1) - 1
    nothing = pl.Series([None], dtype=pl.Int32)
    return pl.concat([nothing, first, nothing]), pl.concat([nothing, last, nothing])


def _add_years(today: int, day: Days, number: pl.Expr) -> Result:
    return _add_months(today, day, number.clip(-_FAR, _FAR) * 12)


def _age(today: int, born: Days) -> Result:
    years = date.fromordinal(today).year - born.year
    reached = _add_years(today, born, years).value <= today - EPOCH
    return Result(years - reached.not_().cast(pl.Int64))


def _anniversary(today: int, day: Days) -> Result:
    return anniversary_from(Days.of(pl.lit(today - EPOCH)), day)


def anniversary_from(start: Days, day: Days) -> Result:
    """The first anniversary of a day, a year after it or more, that is not before another one."""
    years = start.year - day.year
    is_past = (years > 0) & (start.of_year > day.of_year)
    return _add_years(
        0, day, pl.max_horizontal(years, pl.lit(1, pl.Int64)) + is_past.cast(pl.Int64)
    )


def _start_of_month(_today: int, day: Days) -> Result:
    return Result(day.number - day.of_month.cast(pl.Int32) + 1)


def _is_weekend(_today: int, day: pl.Expr) -> Result:
    return Result((day + EPOCH) % 7 % 6 == 0)


def _days_since(today: int, day: pl.Expr) -> Result:
    return Result(pl.lit(today - EPOCH, pl.Int64) - day)


def _days_until(today: int, day: pl.Expr) -> Result:
    return Result(day.cast(pl.Int64) - (today - EPOCH))


def _days_between(_today: int, later: pl.Expr, earlier: pl.Expr) -> Result:
    return Result(later.cast(pl.Int64) - earlier)


def _covered_day(_today: int, day: pl.Expr, first: pl.Expr, last: pl.Expr) -> Result:
    return Result(day, (day < first) | (day > last))


def _day_of(_today: int, time: pl.Expr) -> Result:
    return Result((time // DAY).cast(pl.Int32))


def _stable_share(_today: int, time: pl.Expr, share: pl.Expr) -> Result:
    return Result((time % SHARE_MODULUS * SHARE_FACTOR % 2**32).cast(pl.Float64) < share * 2**32)


def _count_within(today: int, counts: pl.Expr, window: pl.Expr) -> Result:
    """A window is a constant, as nothing else may stand inside of a list's evaluation."""
    packed, bound = pl.element(), packed_day(today + 1) - window * 2**BITS
    number = pl.when(packed > bound).then(packed & 2**BITS - 1).otherwise(0)
    return Result(counts.list.eval(number).list.sum().fill_null(0))


def _to_decimal(_today: int, number: pl.Expr) -> Result:
    return Result(number.cast(pl.Float64))


def _of_days(function: Callable[..., Result]) -> Callable[..., Result]:
    """A calendar function of plain days."""
    return lambda today, day, *others: function(today, Days.of(day), *others)


CALENDAR_FUNCTIONS: Mapping[str, Callable[..., Result]] = {
    "add_months": _add_months,
    "add_years": _add_years,
    "age": _age,
    "anniversary": _anniversary,
    "start_of_month": _start_of_month,
}
"""Those that are dear enough to be looked up in a table by day where that is possible.

The arguments are today, Days, and columns.
"""

COLUMN_FUNCTIONS: Mapping[str, Callable[..., Result]] = {
    **{name: _of_days(function) for name, function in CALENDAR_FUNCTIONS.items()},
    "add_days": _add_days,
    "count_within": _count_within,
    "covered_day": _covered_day,
    "day_of": _day_of,
    "days_between": _days_between,
    "days_since": _days_since,
    "days_until": _days_until,
    "is_weekend": _is_weekend,
    "stable_share": _stable_share,
    "to_decimal": _to_decimal,
}
"""Of each of FUNCTIONS; the arguments are today and columns."""
