"""Which users a run evaluates: those due or everybody, of one time zone or of all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from psycopg import sql

from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.zones import other_zones
from quadrupel.store.database import driver

_DUE = sql.SQL(
    "FROM published AS users {contacts} WHERE users.due_on <= {as_of} AND {within}{zone}"
)
_ALL = sql.SQL("FROM profiles AS users {contacts} WHERE {within}{zone}")
# Erased users are counted too, and skipped: whom a row is of stands in the index, which is read
# in a quarter of the time of the table.
_OF_ZONE = sql.SQL(" AND contacts.time_zone = {}")
_OF_NO_OTHER = sql.SQL(" AND (contacts.time_zone = ANY({})) IS NOT TRUE")
_NONE = sql.SQL("")
_ANYWHERE = sql.SQL("true")


@dataclass(frozen=True, slots=True)
class ZoneUsers:
    """The users of one time zone; or, where `others` are given, all who have none of those."""

    zone: str
    others: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """User ids from `first` (left out unless `inclusive`) to `end` (left out; None: the last)."""

    first: str = ""
    end: str | None = None
    inclusive: bool = True

    def of(self, table: str) -> sql.Composed:
        """That a user of the table is in it."""
        user_id = sql.Identifier(table, "user_id")
        after = sql.SQL("{} >= {}" if self.inclusive else "{} > {}")
        bounds = [after.format(user_id, sql.Literal(self.first))]
        if self.end is not None:
            bounds.append(sql.SQL("{} < {}").format(user_id, sql.Literal(self.end)))
        return sql.SQL(" AND ").join(bounds)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Users up to `last` who were evaluated for the day `as_of` since `since` (aware).

    An earlier attempt at a range may have done that. Such users are due no more, and are of the
    range all the same.
    """

    last: str
    as_of: date
    since: datetime


def zone_users(zone: str, zones: Iterable[str], own: ZoneInfo) -> ZoneUsers:
    """The users of a zone; `zones` are those that users have, `own` is that of the rest."""
    others = tuple(other_zones(zones, own)) if zone == own.key else None
    return ZoneUsers(zone, others)


def users_of(
    connection: sa.Connection,
    plan: RunPlan,
    as_of: date,
    of: ZoneUsers | None = None,
    most: int | None = None,
    span: Span | None = None,
) -> int:
    """How many users a run would look at by now, erased ones too; it counts up to `most`."""
    users, limit = from_users(plan, as_of, of, span), sql.Literal(most)
    count = sql.SQL("SELECT count(*) FROM (SELECT {} LIMIT {}) AS counted").format(users, limit)
    [[total]] = driver(connection).execute(count).fetchall()
    return int(total)


def from_users(
    plan: RunPlan, as_of: date, of: ZoneUsers | None, span: Span | None = None
) -> sql.Composed:
    """FROM and WHERE of a query on the `users` that a run evaluates, of all or of a span."""

    def within(table: str) -> sql.Composable:
        return _ANYWHERE if span is None else span.of(table)

    query = _DUE if plan.kind is RunKind.DUE else _ALL
    return query.format(
        contacts=_NONE if of is None else joined_contacts("users", within("contacts")),
        as_of=sql.Literal(as_of),
        within=within("users"),
        zone=of_zone(of),
    )


def joined_contacts(table: str, condition: sql.Composable) -> sql.Composed:
    """The join that `of_zone` needs, with a condition on the contacts that may be read."""
    return sql.SQL(" LEFT JOIN contacts ON contacts.user_id = {} AND {}").format(
        sql.Identifier(table, "user_id"), condition
    )


def of_zone(of: ZoneUsers | None) -> sql.Composable:
    """The condition of a query that joins contacts, after others."""
    if of is None:
        return _NONE
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
