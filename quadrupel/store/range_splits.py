"""Splits of slow ranges: what is left of one is halved, so that idle workers have something to do.

Where to is found first, and nobody waits for that: it passes over as many users as are left. Only
then are rows locked, for as long as it takes to write down what is still so.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from psycopg import sql

from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.runs import slow_after
from quadrupel.store import contacts, run_ranges
from quadrupel.store import runs as ledger
from quadrupel.store.database import driver
from quadrupel.store.run_users import Span, ZoneUsers, from_users, users_of, zone_users
from quadrupel.store.tables import run_ranges as ranges
from quadrupel.store.tables import runs

SPLIT_USERS = 100
"""A range that has fewer users left is not split."""


class Half(NamedTuple):
    """The second half of what is left of a range: from the user `at` to `end`, so many `users`."""

    number: int
    at: str
    end: str | None
    users: int


def halves(
    connection: sa.Connection, run: str, now: datetime, own: ZoneInfo, least: int = SPLIT_USERS
) -> list[Half]:
    """The second halves of the slow ranges of a run in which no range waits for a worker.

    What has fewer than `least` users left stays whole. `own` is the time zone of users who have
    none of their own. Locks nothing.
    """
    if _some_wait(connection, run):
        return []
    slow = connection.execute(_slow(connection, run, now)).all()
    if not slow:
        return []
    kind, as_of, zone = connection.execute(
        sa.select(runs.c.kind, runs.c.as_of, runs.c.zone).where(runs.c.run == run)
    ).one()
    of = None if zone is None else zone_users(zone, contacts.time_zones(connection), own)
    found = []
    for number, first, cursor, end, _ in slow:
        left = Span(first, end) if cursor is None else Span(cursor, end, inclusive=False)
        middle = _middle(connection, RunPlan(RunKind(kind)), as_of, of, left, max(2, least))
        if middle is not None:
            found.append(Half(number, middle[0], end, middle[1]))
    return found


def split(connection: sa.Connection, run: str, found: Collection[Half], now: datetime) -> list[int]:
    """Give the halves that `halves` found to whoever takes them, but what was claimed meanwhile.

    Returns the numbers of the new ranges, which still have to be put on the bus. Nothing is split
    while another process splits this run.
    """
    if ledger.lock(connection, run, wait=False) != "running" or _some_wait(connection, run):
        return []
    slow = connection.execute(_slow(connection, run, now).with_for_update()).all()
    are_now = {row.number: row for row in slow}
    added = []
    for half in found:
        row = are_now.get(half.number)
        if row is not None and row.end_user == half.end and (row.cursor or "") < half.at:
            moved = min(half.users, row.users)
            added.append(run_ranges.cut(connection, run, half.number, half.at, half.end, moved))
    if added:
        connection.execute(sa.update(runs).where(runs.c.run == run).values(fanned_out_at=None))
    return added


def _slow(connection: sa.Connection, run: str, now: datetime) -> sa.Select[Any]:
    """The ranges that somebody has worked on for too long."""
    columns = (ranges.c.number, ranges.c.first_user, ranges.c.cursor, ranges.c.end_user)
    return (
        sa.select(*columns, ranges.c.users)
        .where(ranges.c.run == run, ranges.c.state == "running", ~run_ranges.lapsed(now))
        .where(ranges.c.started_at < now - slow_after(_median(connection, run)))
        .order_by(ranges.c.number)
    )


def _some_wait(connection: sa.Connection, run: str) -> bool:
    # They are taken from the front, so one that waits is found soon from the back.
    query = (
        sa.select(ranges.c.number)
        .where(ranges.c.run == run, ranges.c.state == "pending")
        .order_by(ranges.c.number.desc())
        .limit(1)
    )
    return connection.execute(query).one_or_none() is not None


def _median(connection: sa.Connection, run: str) -> timedelta | None:
    took = ranges.c.finished_at - ranges.c.started_at
    query = sa.select(sa.func.percentile_cont(0.5).within_group(took)).where(
        ranges.c.run == run, ranges.c.state == "done"
    )
    found: timedelta | None = connection.execute(query).scalar_one()
    return found


def _middle(
    connection: sa.Connection,
    plan: RunPlan,
    as_of: date,
    of: ZoneUsers | None,
    left: Span,
    least: int,
) -> tuple[str, int] | None:
    """The user at which the second half of a span begins, and its users; None: too few.

    Users are those whom the run evaluates: of those due, and of a zone, far fewer than there are
    between them.
    """
    users = users_of(connection, plan, as_of, of, span=left)
    if users < least:
        return None
    query = sql.SQL("SELECT users.user_id {} ORDER BY users.user_id OFFSET {} LIMIT 1")
    one = query.format(from_users(plan, as_of, of, left), sql.Literal(users // 2))
    row = driver(connection).execute(one).fetchone()
    return None if row is None else (row[0], users - users // 2)
