"""Pages of a range of a run: some columns of the next profiles, and what is published of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl
import sqlalchemy as sa
from psycopg import sql

from quadrupel.core.page_columns import (
    DUE_ON,
    HELD_MORE,
    PUBLISHED_VERSION,
    SHOWN,
    USER_HASH,
    USER_ID,
    VERSION,
    word_name,
)
from quadrupel.store.database import driver
from quadrupel.store.profile_columns import ColumnRead, copied, frame_of_text, selected
from quadrupel.store.run_users import Evaluated, Span, ZoneUsers, joined_contacts, of_zone

_FIRST = {
    USER_ID: pl.String(),
    USER_HASH: pl.Int64(),
    VERSION: pl.Int64(),
    PUBLISHED_VERSION: pl.Int64(),
    DUE_ON: pl.Int32(),
    HELD_MORE: pl.Int8(),
    SHOWN: pl.Int8(),
}

_PAGE = sql.SQL(
    "SELECT profiles.user_id, hashtextextended(profiles.user_id, 0), profiles.version,"
    " published.profile_version, published.due_on - date '1970-01-01',"
    " (cardinality(published.held) > {word_count})::int,"
    " (published.banners <> '[]')::int{words}{columns}"
    " FROM profiles {join} JOIN published ON published.user_id = profiles.user_id"
    " AND {published_part}{contacts}"
    " WHERE {part} AND NOT profiles.erased{users}{due}{zone}"
    " ORDER BY {table}.user_id LIMIT {size}"
)
# Users go as one text, and in a query of its own: the planner weighs each of a list it can see.
_USERS = sql.SQL(" AND profiles.user_id = ANY ((SELECT string_to_array({}, ','))::text[])")
# A part is told of each table: the database passes bounds to no table of a left join by itself, and
# would read it from its first user for every page.

_ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
# Many workers read at once, so that helpers for each would cost a quarter more and save no time.


@dataclass(frozen=True, slots=True)
class Part:
    """Users from `first` (left out unless `inclusive`) to `end` (left out; None: to the last).

    Where `users` are given, those alone; no user id has a comma. Where `due` is given, those due on
    one of the days; `before` adds users who are not due any more, and up to the last of them every
    user of the part is looked at. Where `of` is given, those of a time zone.
    """

    first: str = ""
    end: str | None = None
    inclusive: bool = True
    due: tuple[date, ...] | None = None
    of: ZoneUsers | None = None
    before: Evaluated | None = None
    users: tuple[str, ...] | None = None

    def after(self, user_id: str) -> "Part":
        """What is left of it after a user."""
        return replace(self, first=user_id, inclusive=False)


class RangePages:
    """Reads pages of the columns `columns` and of `words` words of bits of what holds.

    A page has a row per user, by user id: what `quadrupel.core.page_columns` names, and the
    columns. Null is missing.
    """

    def __init__(self, columns: Sequence[ColumnRead], words: int) -> None:
        self._columns = columns
        self._words = words

    def read(self, connection: sa.Connection, part: Part, size: int) -> pl.DataFrame:
        """The first `size` users of a part; a frame of no rows has the same columns."""
        first = _FIRST | {word_name(word): pl.Int64() for word in range(self._words)}
        driver(connection).execute(_ALONE)
        frames = list(copied(connection, self._query(part, size), first, self._columns, size))
        frame = frames[0] if frames else frame_of_text(b"", first, self._columns)
        return frame.with_columns(
            pl.col(DUE_ON).cast(pl.Date), pl.col(HELD_MORE, SHOWN).cast(pl.Boolean)
        )

    def _query(self, part: Part, size: int) -> sql.Composed:
        table = "profiles" if part.due is None else "published"
        words = (sql.SQL(f", published.held[{word + 1}]") for word in range(self._words))
        contacts = joined_contacts(table, _within(part, "contacts"))
        return _PAGE.format(
            word_count=sql.Literal(self._words),
            words=sql.SQL("").join(words),
            columns=selected(self._columns),
            join=sql.SQL("LEFT" if part.due is None else ""),
            table=sql.Identifier(table),
            published_part=_within(part, "published"),
            contacts=sql.SQL("") if part.of is None else contacts,
            part=_within(part, "profiles"),
            users=_users(part),
            due=_due(part),
            zone=of_zone(part.of),
            size=sql.Literal(size),
        )


def _users(part: Part) -> sql.Composable:
    """That a user is one of those who are given."""
    return sql.SQL("") if part.users is None else _USERS.format(sql.Literal(",".join(part.users)))


def _due(part: Part) -> sql.Composable:
    """That a user is due on one of the days, or was until an earlier attempt."""
    if part.due is None:
        return sql.SQL("")
    due = sql.SQL("published.due_on = ANY({})").format(sql.Literal(list(part.due)))
    if part.before is None or part.before.last < part.first:
        return sql.SQL(" AND {}").format(due)
    values = (part.before.last, part.before.as_of, part.before.since)
    return sql.SQL(
        " AND ({} OR published.user_id <= {} AND published.as_of = {}"
        " AND published.evaluated_at >= {})"
    ).format(due, *map(sql.Literal, values))


def _within(part: Part, table: str) -> sql.Composed:
    """That a user of the table is in the part."""
    return Span(part.first, part.end, part.inclusive).of(table)
