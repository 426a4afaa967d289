"""Some columns of all profiles as Polars frames: what previews and comparisons of rules read.

Only what is asked for leaves the database, by one COPY, so a few columns of a million profiles
take seconds; memory holds one frame at a time.
"""

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl
import sqlalchemy as sa
from psycopg import sql

from quadrupel.core.attributes import Type
from quadrupel.store.database import driver

USER_ID = "user_id"
ROWS = 250_000
"""How many profiles stand in a frame, at most."""


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """A column of the frames: an attribute, or with `key` and `field` a part of a statistic.

    `type` is that of the values: of the attribute, or of the field.
    """

    name: str
    attribute: str
    type: Type
    key: str = ""
    field: Literal["", "count", "sum", "first", "last"] = ""


_FORMS: Mapping[Type, tuple[str, pl.DataType]] = {
    Type.DATE: ("({} - date '1970-01-01')", pl.Int32()),
    Type.DATETIME: ("(extract(epoch FROM {}) * 1000000)::bigint", pl.Int64()),
    Type.INTEGER: ("{}", pl.Int64()),
    Type.DECIMAL: ("({})::float8", pl.Float64()),
    Type.BOOLEAN: ("({})::int", pl.Int8()),
    Type.TEXT: ("'=' || {}", pl.String()),
    Type.WINDOWED_COUNT: ("{}", pl.String()),
}
"""How a value travels. A text has a sign before it, so that an empty one is not a missing one."""

_CASTS: Mapping[str, str] = {
    "": "{}",
    "count": "({})::bigint",
    "sum": "({})::numeric",
    "first": "({})::timestamptz",
    "last": "({})::timestamptz",
}


def frames(
    connection: sa.Connection, columns: Sequence[ColumnRead], rows: int = ROWS
) -> Iterator[pl.DataFrame]:
    """All profiles in frames of at most `rows`: `user_id` and the columns, null where missing.

    Dates are Date, times Datetime in UTC, decimals floats, windowed counts lists of packed days;
    statistics give no column but by field.
    """
    schema = {USER_ID: pl.String(), **{each.name: _FORMS[each.type][1] for each in columns}}
    selected = sql.SQL(", ").join([sql.Identifier(USER_ID), *map(_expression, columns)])
    query = sql.SQL(
        "COPY (SELECT {} FROM profiles WHERE NOT erased) TO STDOUT (FORMAT csv)"
    ).format(selected)
    with driver(connection).cursor() as cursor, cursor.copy(query) as copy:
        lines = iter(copy)
        while text := b"".join(itertools.islice(lines, rows)):
            frame = pl.read_csv(io.BytesIO(text), has_header=False, schema=schema)
            yield frame.with_columns(_typed(each) for each in columns)


def _expression(column: ColumnRead) -> sql.Composable:
    source: sql.Composable = sql.Identifier(column.attribute)
    if column.field:
        path = sql.SQL("{} -> {} ->> {}")
        source = path.format(source, sql.Literal(column.key), sql.Literal(column.field))
    cast = sql.SQL(_CASTS[column.field]).format(source)
    return sql.SQL(_FORMS[column.type][0]).format(cast)


def _typed(column: ColumnRead) -> pl.Expr:
    read = pl.col(column.name)
    match column.type:
        case Type.DATE:
            return read.cast(pl.Date)
        case Type.DATETIME:
            return read.cast(pl.Datetime("us", "UTC"))
        case Type.BOOLEAN:
            return read.cast(pl.Boolean)
        case Type.TEXT:
            return read.str.slice(1)
        case Type.WINDOWED_COUNT:
            return read.str.extract_all(r"-?\d+").cast(pl.List(pl.Int64))
        case _:
            return read
