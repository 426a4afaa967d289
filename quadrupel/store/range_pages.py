"""Pages of a range of a run: some columns of the next profiles, and what is published of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
from psycopg import sql

from quadrupel.core.zones import other_zones
from quadrupel.store.database import driver
from quadrupel.store.profile_columns import ColumnRead, copied, frame_of_text, selected

_FIRST = {
    "user_id": pl.String(),
    "user hash": pl.Int64(),
    "version": pl.Int64(),
    "published version": pl.Int64(),
    "due on": pl.Int32(),
}

_PAGE = sql.SQL(
    "SELECT profiles.user_id, hashtextextended(profiles.user_id, 0), profiles.version,"
    " published.profile_version, published.due_on - date '1970-01-01'{words}{columns}"
    " FROM profiles {join} JOIN published ON published.user_id = profiles.user_id"
    " AND {published_part}{contacts}"
    " WHERE {part} AND NOT profiles.erased{due}{zone}"
    " ORDER BY {table}.user_id LIMIT {size}"
)
# A part is told of each table: the database passes bounds to no table of a left join by itself, and
# would read it from its first user for every page.

_CONTACTS = sql.SQL(" LEFT JOIN contacts ON contacts.user_id = {}.user_id AND {}")
_OF_ZONE = sql.SQL(" AND contacts.time_zone = {}")
_OF_NO_OTHER = sql.SQL(" AND (contacts.time_zone = ANY({})) IS NOT TRUE")


@dataclass(frozen=True, slots=True)
class Part:
    """Users from `first` (left out unless `inclusive`) to `end` (left out; None: to the last)."""

    first: str
    end: str | None
    inclusive: bool = True


@dataclass(frozen=True, slots=True)
class ZoneUsers:
    """The users of one time zone; or, where `others` are given, all who have none of those."""

    zone: str
    others: tuple[str, ...] | None = None


def zone_users(zone: str, zones: Iterable[str], own: ZoneInfo) -> ZoneUsers:
    """The users of a zone; `zones` are those that users have, `own` is that of the rest."""
    others = tuple(other_zones(zones, own)) if zone == own.key else None
    return ZoneUsers(zone, others)


class RangePages:
    """Reads pages of the columns `columns` and of `words` words of bits of what holds.

    A page has a row per user, by user id: `user_id`, `user hash`, `version`, `published version`,
    `due on`, `held 0` and on, and the columns. Null is missing.
    """

    def __init__(self, columns: Sequence[ColumnRead], words: int) -> None:
        self._columns = columns
        self._words = words

    def read(
        self,
        connection: sa.Connection,
        part: Part,
        size: int,
        due: Sequence[date] | None = None,
        of: ZoneUsers | None = None,
    ) -> pl.DataFrame:
        """The first `size` users of a part; where `due` is given, of those due on one of the days.

        Where `of` is given, only those users; else contacts are not looked at. Polars frames of no
        rows have the same columns.
        """
        first = _FIRST | {f"held {word}": pl.Int64() for word in range(self._words)}
        query = self._query(part, size, due, of)
        frames = list(copied(connection, query, first, self._columns, size))
        frame = frames[0] if frames else frame_of_text(b"", first, self._columns)
        return frame.with_columns(pl.col("due on").cast(pl.Date))

    def _query(
        self, part: Part, size: int, due: Sequence[date] | None, of: ZoneUsers | None
    ) -> sql.Composed:
        table = sql.Identifier("profiles" if due is None else "published")
        words = (sql.SQL(f", published.held[{word + 1}]") for word in range(self._words))
        contacts = _CONTACTS.format(table, _within(part, "contacts"))
        on = sql.SQL(" AND published.due_on = ANY({})").format(sql.Literal(list(due or ())))
        return _PAGE.format(
            words=sql.SQL("").join(words),
            columns=selected(self._columns),
            join=sql.SQL("LEFT" if due is None else ""),
            table=table,
            published_part=_within(part, "published"),
            contacts=sql.SQL("") if of is None else contacts,
            part=_within(part, "profiles"),
            due=sql.SQL("") if due is None else on,
            zone=sql.SQL("") if of is None else _condition(of),
            size=sql.Literal(size),
        )


def _within(part: Part, table: str) -> sql.Composed:
    """That a user of the table is in the part."""
    user_id = sql.Identifier(table, "user_id")
    after = sql.SQL("{} >= {}" if part.inclusive else "{} > {}")
    bounds = [after.format(user_id, sql.Literal(part.first))]
    if part.end is not None:
        bounds.append(sql.SQL("{} < {}").format(user_id, sql.Literal(part.end)))
    return sql.SQL(" AND ").join(bounds)


def _condition(of: ZoneUsers) -> sql.Composed:
    if of.others is None:
        return _OF_ZONE.format(sql.Literal(of.zone))
    return _OF_NO_OTHER.format(sql.Literal(list(of.others)))


def due_days(connection: sa.Connection, as_of: date) -> list[date]:
    """The days up to `as_of` on which users are due, ascending; costs as much as there are days."""
    rows = driver(connection).execute(
        "WITH RECURSIVE days AS ("
        " SELECT min(due_on) AS day FROM published WHERE due_on <= %(as_of)s"
        " UNION ALL SELECT (SELECT min(due_on) FROM published"
        "  WHERE due_on > days.day AND due_on <= %(as_of)s)"
        " FROM days WHERE days.day IS NOT NULL)"
        " SELECT day FROM days WHERE day IS NOT NULL",
        {"as_of": as_of},
    )
    return [day for (day,) in rows]
