"""Tallies: how many users of a frame something is true of, by region and age, and a sample of them.

The regions and days of birth are those of the attributes `residence_region` and `birth_date`,
where the declaration has them.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from quadrupel.core.attributes import Schema, Type
from quadrupel.rules import days
from quadrupel.rules.columnar import Column
from quadrupel.rules.tree import Input, Kind

REGION, BORN = "residence_region", "birth_date"
USER_ID = "user_id"

BANDS = (14, 18, 25, 35, 45, 55, 65, 75)
"""The ages with which a new band begins."""

_ORDER = "__order"


def group_columns(schema: Schema) -> Iterator[Column]:
    """The columns by which users are grouped, as far as they are declared."""
    for name, type_, kind, column_type in (
        (BORN, Type.DATE, Kind.DATE, pl.Date()),
        (REGION, Type.TEXT, Kind.TEXT, pl.String()),
    ):
        attribute = schema.attributes.get(name)
        if attribute is not None and attribute.type is type_:
            yield Column(name, Input(name, kind), column_type)


class Tally:
    """Counts users who are added frame by frame, and keeps a sample of `size` of them.

    The sample depends on the user ids alone, not on their order, and is the same the next time.
    """

    def __init__(self, today: date, size: int) -> None:
        self.count = 0
        self.regions: Counter[str | None] = Counter()
        self.ages: Counter[str | None] = Counter()
        self._today, self._size = today, size
        self._sample = pl.DataFrame(schema={USER_ID: pl.String(), _ORDER: pl.UInt64()})

    @property
    def sample(self) -> list[str]:
        """The ids of the users in the sample, sorted."""
        return sorted(self._sample[USER_ID])

    def add(self, users: pl.DataFrame) -> None:
        """Count these users. The frame has `user_id`, and `group_columns` if they are declared."""
        self.count += users.height
        if REGION in users.columns:
            self.regions.update(_counts(users[REGION]))
        if BORN in users.columns:
            bands = _counts(users.select(_band(self._today))[BORN])
            names = band_names()
            self.ages.update(
                {None if band is None else names[band]: size for band, size in bands.items()}
            )
        if self._size and users.height:
            ordered = users.select(USER_ID, pl.col(USER_ID).hash(seed=0).alias(_ORDER))
            both = pl.concat([self._sample, ordered])
            self._sample = both.bottom_k(self._size, by=_ORDER)


def band_names() -> list[str]:
    """The bands of age in their order: "under 14", "14-17", ..., "75 and over"."""
    between = [f"{low}-{high - 1}" for low, high in itertools.pairwise(BANDS)]
    return [f"under {BANDS[0]}", *between, f"{BANDS[-1]} and over"]


def _band(today: date) -> pl.Expr:
    """The number of the band, null where the day of birth is missing."""
    reached = [pl.col(BORN) <= _latest_birth(today, age) for age in BANDS]
    return sum((each.cast(pl.Int32) for each in reached), pl.lit(0)).alias(BORN)


def _latest_birth(today: date, age: int) -> date:
    """The last day of birth with which one has that age already."""
    day = days.add_years(today.toordinal(), -age)
    while days.age(today.toordinal(), day + 1) >= age:
        day += 1
    return date.fromordinal(day)


def _counts(column: pl.Series) -> dict[Any, int]:
    return dict(column.value_counts().iter_rows())
