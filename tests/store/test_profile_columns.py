from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.profiles import Profile
from quadrupel.core.values import Statistic
from quadrupel.core.windows import pack
from quadrupel.store import schema
from quadrupel.store.database import transaction
from quadrupel.store.profile_columns import ColumnRead, frames
from quadrupel.store.profiles import ProfileStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIME = datetime(1969, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
OTHERS = {Type.STATISTICS, Type.WINDOWED_COUNT}
SCHEMA = Schema(
    {
        type_.value: Attribute(type_.value, type_, "", (Feed(operation, "e", field="f"),))
        for type_, operation in [
            *((each, Operation.LATEST) for each in Type if each not in OTHERS),
            (Type.STATISTICS, Operation.STATISTICS),
            (Type.WINDOWED_COUNT, Operation.COUNT),
        ]
    }
)
COLUMNS = [ColumnRead(type_.value, type_.value, type_) for type_ in Type if type_ != "statistics"]
KEY = 'a "key", with signs'
FIELDS = [
    ColumnRead("n", "statistics", Type.INTEGER, KEY, "count"),
    ColumnRead("s", "statistics", Type.DECIMAL, KEY, "sum"),
    ColumnRead("f", "statistics", Type.DATETIME, KEY, "first"),
    ColumnRead("l", "statistics", Type.DATETIME, KEY, "last"),
]


@pytest.fixture
def read(engine):
    """Writes profiles and reads columns of them, as rows sorted by user."""

    def written(profiles, columns, rows=1000):
        with transaction(engine) as connection:
            schema.apply(connection, SCHEMA, NOW)
            ProfileStore(SCHEMA).write(connection, profiles, NOW)
            read = list(frames(connection, columns, rows))
        assert all(frame.height <= rows for frame in read)
        return sorted(pl.concat(read).rows()) if read else []

    return written


def profile(user_id, **values):
    return Profile(user_id, 1, values)


def test_values_come_as_they_were_written(read):
    one = profile(
        "one",
        date=date(1900, 2, 28),
        datetime=TIME,
        integer=-(2**63),
        decimal=Decimal("-12.345678"),
        boolean=False,
        text='tab\t"quoted", \\N\nünï',
        windowed_count=((date(1901, 2, 28).toordinal(), 1), (NOW.toordinal(), 10**9)),
    )
    other = profile(
        "two",
        date=date(2299, 12, 31),
        datetime=TIME,
        integer=2**63 - 1,
        decimal=Decimal("1000000"),
        boolean=True,
        text="",
        windowed_count=((NOW.toordinal(), 2),),
    )
    assert read([one, other], COLUMNS) == [
        (each.user_id, *(value(each, column) for column in COLUMNS)) for each in (one, other)
    ]


def value(profile, column):
    found = profile.values[column.attribute]
    if column.type is Type.WINDOWED_COUNT:
        return pack(found)
    return float(found) if column.type is Type.DECIMAL else found


def test_what_is_missing_is_null(read):
    assert read([profile("one")], COLUMNS + FIELDS) == [("one", *[None] * 11)]


def test_parts_of_statistics_are_columns(read):
    statistic = Statistic(2, Decimal("350.5"), TIME, NOW)
    rows = read(
        [
            profile("one", statistics={KEY: statistic}),
            profile("two", statistics={"other": statistic}),
        ],
        FIELDS,
    )
    assert rows == [("one", 2, 350.5, TIME, NOW), ("two", None, None, None, None)]


def test_many_profiles_come_in_several_frames(read):
    profiles = [profile(f"u{number:04}", text="line\nbreak") for number in range(25)]
    columns = [column for column in COLUMNS if column.type is Type.TEXT]
    assert read(profiles, columns, rows=10) == [(each.user_id, "line\nbreak") for each in profiles]


def test_without_profiles_there_are_no_frames(read):
    assert read([], COLUMNS) == []


def test_names_of_columns_cannot_be_sql(read):
    evil = ColumnRead('x"; DROP TABLE profiles; --', "text", Type.TEXT)
    assert read([profile("one", text="kept")], [evil]) == [("one", "kept")]
