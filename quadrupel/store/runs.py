"""The ledger of runs: what was started, its ranges, and how far each is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.core.errors import Conflict, NotFound
from quadrupel.core.verdicts import Evaluation
from quadrupel.store.tables import run_ranges, runs


@dataclass(frozen=True, slots=True)
class TakenRange:
    """A range a worker has taken: users from `first_user` to `end_user` (None: to the last)."""

    run: str
    number: int
    as_of: date
    rule_set: str
    first_user: str
    end_user: str | None


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """What the evaluation of a range counted: users, matches, errors of rules."""

    evaluated: int = 0
    matched: int = 0
    errors: int = 0

    def plus(self, evaluations: Sequence[Evaluation]) -> "RangeCounts":
        """These counts and those of a further page."""
        return RangeCounts(
            self.evaluated + len(evaluations),
            self.matched + sum(len(each.matches) for each in evaluations),
            self.errors + sum(len(each.errors) for each in evaluations),
        )


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run and the sums over its ranges. `users` were counted at the fan-out."""

    run: str
    as_of: date
    rule_set: str
    state: str
    created_at: datetime
    finished_at: datetime | None
    ranges: int
    ranges_done: int
    users: int
    evaluated: int
    matched: int
    errors: int


def start(
    connection: sa.Connection,
    run: str,
    as_of: date,
    rule_set: str,
    range_size: int,
    now: datetime,
    zone: str | None = None,
) -> bool:
    """Write a new run and its ranges; False (and nothing done) if a run of that name exists.

    It is of the users of a time zone, or of all. The ranges lie end to end over all possible user
    ids, so there is no gap and no overlap whatever users appear meanwhile; each holds about
    `range_size` users of now.
    """
    entry = {"run": run, "as_of": as_of, "rule_set": rule_set, "created_at": now, "zone": zone}
    new = insert(runs).values(**entry, state="running").on_conflict_do_nothing()
    if connection.execute(new.returning(runs.c.run)).one_or_none() is None:
        return False
    connection.execute(
        sa.text(
            "INSERT INTO run_ranges (run, number, first_user, end_user, users, state, attempts)"
            " SELECT :run, part, CASE part WHEN 0 THEN '' ELSE min(user_id) END,"
            " lead(min(user_id)) OVER (ORDER BY part), count(*), 'pending', 0"
            " FROM (SELECT user_id, (row_number() OVER (ORDER BY user_id) - 1) / :size AS part"
            " FROM profiles WHERE NOT erased) AS numbered GROUP BY part"
        ),
        {"run": run, "size": range_size},
    )
    _finish_if_done(connection, run, now)
    return True


def pending_fan_outs(connection: sa.Connection) -> list[str]:
    """The runs whose ranges may not all be on the bus yet, oldest first."""
    query = (
        sa.select(runs.c.run)
        .where(runs.c.state == "running", runs.c.fanned_out_at.is_(None))
        .order_by(runs.c.created_at)
    )
    return list(connection.execute(query).scalars())


def unfinished_ranges(connection: sa.Connection, run: str) -> list[int]:
    """The numbers of the run's ranges that are not done, in order."""
    query = (
        sa.select(run_ranges.c.number)
        .where(run_ranges.c.run == run, run_ranges.c.state != "done")
        .order_by(run_ranges.c.number)
    )
    return list(connection.execute(query).scalars())


def mark_fanned_out(connection: sa.Connection, run: str, now: datetime) -> None:
    """Record that every range of the run is on the bus."""
    connection.execute(sa.update(runs).where(runs.c.run == run).values(fanned_out_at=now))


def take_range(
    connection: sa.Connection, run: str, number: int, worker: str, now: datetime
) -> TakenRange | None:
    """Take a range for a worker; None if it is done, or its run is cancelled or unknown."""
    taken = (
        sa.update(run_ranges)
        .where(
            run_ranges.c.run == run,
            run_ranges.c.number == number,
            run_ranges.c.state != "done",
            runs.c.run == run_ranges.c.run,
            runs.c.state == "running",
        )
        .values(state="running", attempts=run_ranges.c.attempts + 1, worker=worker, started_at=now)
        .returning(runs.c.as_of, runs.c.rule_set, run_ranges.c.first_user, run_ranges.c.end_user)
    )
    row = connection.execute(taken).one_or_none()
    return None if row is None else TakenRange(run, number, *row)


def finish_range(
    connection: sa.Connection, taken: TakenRange, counts: RangeCounts, now: datetime
) -> None:
    """Record that all verdicts of the range are on the bus; the last range finishes the run."""
    done = {"evaluated": counts.evaluated, "matched": counts.matched, "errors": counts.errors}
    connection.execute(
        sa.update(run_ranges)
        .where(run_ranges.c.run == taken.run, run_ranges.c.number == taken.number)
        .values(state="done", finished_at=now, **done)
    )
    _finish_if_done(connection, taken.run, now)


def _finish_if_done(connection: sa.Connection, run: str, now: datetime) -> None:
    # The row of the run is locked first: of two last ranges, the second sees the first as done.
    locked = sa.select(runs.c.state).where(runs.c.run == run).with_for_update()
    if connection.execute(locked).scalar_one() == "running" and not unfinished_ranges(
        connection, run
    ):
        connection.execute(
            sa.update(runs).where(runs.c.run == run).values(state="finished", finished_at=now)
        )


def cancel(connection: sa.Connection, run: str, now: datetime) -> None:
    """Stop a run: ranges not yet taken will be skipped. NotFound, Conflict if it has ended."""
    state = progress(connection, run).state
    if state != "running":
        raise Conflict(f"run {run} is {state} already")
    connection.execute(
        sa.update(runs).where(runs.c.run == run).values(state="cancelled", finished_at=now)
    )


def progress(connection: sa.Connection, run: str) -> RunProgress:
    """One run. Raises NotFound."""
    row = connection.execute(_progress_query().where(runs.c.run == run)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no run {run}; `quadrupel run list` shows the latest")
    return RunProgress(**row)


def latest(connection: sa.Connection, limit: int) -> list[RunProgress]:
    """The latest runs, newest first."""
    query = _progress_query().order_by(runs.c.created_at.desc()).limit(limit)
    return [RunProgress(**row) for row in connection.execute(query).mappings()]


def newest(connection: sa.Connection) -> RunProgress | None:
    """The latest run, if there was one; costs as much as that run has ranges."""
    latest_run = sa.select(runs.c.run).order_by(runs.c.created_at.desc()).limit(1)
    query = _progress_query().where(runs.c.run == latest_run.scalar_subquery())
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else RunProgress(**row)


def _progress_query() -> sa.Select[Any]:
    def total(column: sa.Column[Any]) -> sa.ColumnElement[int]:
        summed = sa.func.coalesce(sa.func.sum(column), 0)
        return sa.cast(summed, sa.BigInteger).label(column.name)

    ranges = run_ranges.c
    head = (runs.c.run, runs.c.as_of, runs.c.rule_set, runs.c.state)
    counts = (ranges.users, ranges.evaluated, ranges.matched, ranges.errors)
    return (
        sa.select(
            *(*head, runs.c.created_at, runs.c.finished_at),
            sa.func.count(ranges.number).label("ranges"),
            sa.func.count().filter(ranges.state == "done").label("ranges_done"),
            *map(total, counts),
        )
        .select_from(runs.outerjoin(run_ranges, ranges.run == runs.c.run))
        .group_by(runs.c.run)
    )
