"""Some columns of all profiles as Polars frames: what previews and comparisons of rules read.

Only what is asked for leaves the database, by one COPY, so a few columns of a million profiles
take seconds; memory holds one frame at a time.
"""

import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl
import sqlalchemy as sa
from psycopg import sql
from psycopg.abc import Buffer

from quadrupel.core.attributes import Type
from quadrupel.store import samples
from quadrupel.store.database import driver

USER_ID = "user_id"
ROWS = 250_000
"""How many profiles stand in a frame, at most."""


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """A column of the frames: an attribute, or with `key` and `field` a part of a statistic.

    `type` is that of the values: of the attribute, or of the field. With `as_text` a decimal comes
    as its text, exact.
    """

    name: str
    attribute: str
    type: Type
    key: str = ""
    field: Literal["", "count", "sum", "first", "last"] = ""
    as_text: bool = False


_TIME = "(extract(epoch FROM {}) * 1000000)::bigint"

_FORMS: Mapping[Type, tuple[str, pl.DataType]] = {
    Type.DATE: ("({} - date '1970-01-01')", pl.Int32()),
    Type.DATETIME: (_TIME, pl.Int64()),
    Type.INTEGER: ("{}", pl.Int64()),
    Type.DECIMAL: ("({})::float8", pl.Float64()),
    Type.BOOLEAN: ("({})::int", pl.Int8()),
    Type.TEXT: ("'=' || {}", pl.String()),
    Type.WINDOWED_COUNT: ("{}", pl.String()),
}
"""How a value travels. A text has a sign before it, so that an empty one is not a missing one."""

_AS_TEXT = ("{}", pl.String())

_FIELDS: Mapping[str, tuple[str, pl.DataType]] = {
    "count": ("{}", pl.Int64()),
    "sum": ("{}", pl.Float64()),
    "first": (_TIME.format("({})::timestamptz"), pl.Int64()),
    "last": (_TIME.format("({})::timestamptz"), pl.Int64()),
}
"""How the field of a statistic travels, which is a text in the database."""


def frames(
    connection: sa.Connection, columns: Sequence[ColumnRead], rows: int = ROWS
) -> Iterator[pl.DataFrame]:
    """All profiles in frames of at most `rows`: `user_id` and the columns, null where missing.

    Dates are Date, times Datetime in UTC, decimals floats, windowed counts lists of packed days;
    statistics give no column but by field.
    """
    query = sql.SQL("SELECT user_id{} FROM profiles WHERE NOT erased").format(selected(columns))
    yield from copied(connection, query, {USER_ID: pl.String()}, columns, rows)


def sample(connection: sa.Connection, columns: Sequence[ColumnRead], rows: int) -> pl.DataFrame:
    """A frame as those of `frames`, of about so many profiles of all, and no more."""
    query = sql.SQL(
        "SELECT user_id{} FROM profiles TABLESAMPLE SYSTEM ({}) WHERE NOT erased LIMIT {}"
    ).format(
        selected(columns),
        sql.Literal(samples.percent(connection, "profiles", rows)),
        sql.Literal(rows),
    )
    first = {USER_ID: pl.String()}
    found = next(copied(connection, query, first, columns, rows), None)
    return frame_of_text(b"", first, columns) if found is None else found


def selected(columns: Iterable[ColumnRead]) -> sql.Composed:
    """The columns as a query on `profiles` selects them for `copied`, each after a comma."""
    return sql.SQL("").join(sql.SQL(", {}").format(_expression(each)) for each in columns)


def copied(
    connection: sa.Connection,
    query: sql.Composed,
    first: Mapping[str, pl.DataType],
    columns: Sequence[ColumnRead],
    rows: int = ROWS,
) -> Iterator[pl.DataFrame]:
    """What a query gives, by COPY, in frames of at most `rows`.

    It selects plain columns of the types `first`, and then the `selected` ones.
    """
    copy_out = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
    with driver(connection).cursor() as cursor, cursor.copy(copy_out) as copy:
        lines = iter(copy)
        while text := _joined(itertools.islice(lines, rows)):
            yield frame_of_text(text, first, columns)


def _joined(lines: Iterable[Buffer]) -> bytes:
    """All lines, none of which is kept: `join` would keep them all, and take twice as long."""
    text = io.BytesIO()
    text.writelines(lines)
    return text.getvalue()


def frame_of_text(
    text: bytes, first: Mapping[str, pl.DataType], columns: Sequence[ColumnRead]
) -> pl.DataFrame:
    """The frame that the lines of a COPY hold, see `copied`; without lines one without rows."""
    schema = {**first, **{each.name: _form(each)[1] for each in columns}}
    if text:
        frame = pl.read_csv(text, has_header=False, schema=schema)
    else:
        frame = pl.DataFrame(schema=schema)
    return frame.with_columns(_typed(each) for each in columns if not each.as_text)


def _form(column: ColumnRead) -> tuple[str, pl.DataType]:
    if column.field:
        return _FIELDS[column.field]
    return _AS_TEXT if column.as_text else _FORMS[column.type]


def _expression(column: ColumnRead) -> sql.Composable:
    source: sql.Composable = sql.Identifier("profiles", column.attribute)
    if column.field:
        path = sql.SQL("{} -> {} ->> {}")
        source = path.format(source, sql.Literal(column.key), sql.Literal(column.field))
    return sql.SQL(_form(column)[0]).format(source)


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
