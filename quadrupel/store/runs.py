"""The ledger of runs: what was started, how far each is, and what an operator decides.

What workers and schedulers do with its ranges is in `quadrupel.store.run_ranges`. Who locks rows
of both tables locks that of the run first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.core.bits import from_signed
from quadrupel.core.errors import Conflict, NotFound
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.runs import RuleCounts, expected_end
from quadrupel.store.run_layout import lay_out
from quadrupel.store.run_users import ZoneUsers
from quadrupel.store.tables import run_ranges, runs

RECENT = timedelta(seconds=60)
"""Over how long the speed of a run is taken."""

_FULL = RunPlan(RunKind.FULL)

OPEN = ("running", "paused")
"""The states of a run that has not ended."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run and the sums over its ranges.

    `users` were counted at the start. `rate` is the limit in users/s, `users_per_second` what it
    really does: in the last minute, of a run that has ended over all. `digest` is of the verdicts
    of all users, in hexadecimal, see `quadrupel.core.runs.RangeCounts`. `other_rules` ranges were
    evaluated by rules that the run was not started with. Where `zone` is given, only users of that
    time zone are meant.
    """

    run: str
    kind: str
    zone: str | None
    as_of: date
    rule_set: str
    state: str
    rate: int | None
    deadline: datetime | None
    created_at: datetime
    finished_at: datetime | None
    ranges: int
    ranges_done: int
    users: int
    evaluated: int
    changed: int
    matched: int
    errors: int
    digest: str
    other_rules: int
    users_per_second: float

    @property
    def left(self) -> int:
        """The users that are still to be looked at, of those counted at the start."""
        return 0 if self.state == "finished" else max(0, self.users - self.evaluated)

    @property
    def skipped(self) -> int:
        """The users counted at the start whom a run that finished had no need to evaluate.

        An event made the immediate lane do it meanwhile, or they were erased.
        """
        return max(0, self.users - self.evaluated) if self.state == "finished" else 0

    def expected_end(self, now: datetime) -> datetime | None:
        """When it ends if it goes on as in the last minute; None where that is never."""
        if self.finished_at is not None:
            return self.finished_at
        if self.state != "running":
            return None
        return expected_end(self.left, self.users_per_second, now)

    def in_time(self, now: datetime) -> bool | None:
        """Whether it ends before its deadline, as things go; None if it has none."""
        if self.deadline is None:
            return None
        end = self.expected_end(now)
        return end is not None and end <= self.deadline and self.state != "cancelled"


@dataclass(frozen=True, slots=True)
class Movement:
    """Matches of one rule that opened and closed on a day."""

    opened: int
    closed: int


def start(
    connection: sa.Connection,
    run: str,
    as_of: date,
    rule_set: str,
    range_size: int,
    now: datetime,
    plan: RunPlan = _FULL,
    *,
    rate: int | None = None,
    deadline: datetime | None = None,
    of: ZoneUsers | None = None,
) -> bool:
    """Write a new run and its ranges; False (and nothing done) if a run of that name exists.

    The ranges lie end to end over all possible user ids, so there is no gap and no overlap
    whatever users appear meanwhile; each holds about as many of the users of the plan, at most
    about `range_size`. `rate` limits the users per second, of all workers together; by `deadline`
    the run should have finished. Where `of` is given, only those users are meant.
    """
    entry = {"run": run, "as_of": as_of, "rule_set": rule_set, "created_at": now}
    entry |= {"rate": rate, "deadline": deadline, "zone": of.zone if of else None}
    entry |= {"kind": plan.kind, "rules": list(plan.changed)}
    new = insert(runs).values(**entry, state="running").on_conflict_do_nothing()
    if connection.execute(new.returning(runs.c.run)).one_or_none() is None:
        return False
    lay_out(connection, run, plan, as_of, of, range_size)
    finish_if_done(connection, run, now)
    return True


def covered(connection: sa.Connection, zone: str | None = None) -> tuple[str, datetime] | None:
    """The hash of the rule set that everybody was asked last, and since when they were.

    None if nobody ever was. What was published by other sets since then, in that run's time too, is
    for `quadrupel.store.rule_sets` to say.

    Where a zone is given, everybody of that zone; a run over all users counts for every zone.
    """
    of_all = runs.c.zone.is_(None)
    asked_others = sa.exists().where(
        run_ranges.c.run == runs.c.run, run_ranges.c.rule_set != runs.c.rule_set
    )
    query = (
        sa.select(runs.c.rule_set, runs.c.created_at)
        .where(runs.c.state == "finished", runs.c.kind != RunKind.DUE, ~asked_others)
        .where(of_all if zone is None else sa.or_(of_all, runs.c.zone == zone))
        .order_by(runs.c.created_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row[0], row[1])


def pending_fan_outs(connection: sa.Connection) -> list[str]:
    """The runs whose pending ranges may not all be on the bus yet, oldest first."""
    query = (
        sa.select(runs.c.run)
        .where(runs.c.state == "running", runs.c.fanned_out_at.is_(None))
        .order_by(runs.c.created_at)
    )
    return list(connection.execute(query).scalars())


def fanned_out(connection: sa.Connection) -> list[str]:
    """The running runs whose ranges were all put on the bus, oldest first."""
    query = (
        sa.select(runs.c.run)
        .where(runs.c.state == "running", runs.c.fanned_out_at.is_not(None))
        .order_by(runs.c.created_at)
    )
    return list(connection.execute(query).scalars())


def mark_fanned_out(
    connection: sa.Connection, run: str, numbers: Collection[int], now: datetime
) -> None:
    """Record that these ranges of the run are on the bus; a newer one still has to be put there."""
    newer = sa.exists().where(
        run_ranges.c.run == run,
        run_ranges.c.state == "pending",
        run_ranges.c.number > max(numbers, default=-1),
    )
    connection.execute(sa.update(runs).where(runs.c.run == run, ~newer).values(fanned_out_at=now))


def finish_if_done(connection: sa.Connection, run: str, now: datetime) -> None:
    """Finish a running run whose ranges are all done.

    The row of the run is locked: of two last ranges, the second sees the first as done.
    """
    if lock(connection, run) != "running":
        return
    left = sa.select(run_ranges.c.number)
    left = left.where(run_ranges.c.run == run, run_ranges.c.state != "done").limit(1)
    if connection.execute(left).scalar_one_or_none() is None:
        _update(connection, run, state="finished", finished_at=now)


def lock(connection: sa.Connection, run: str, *, wait: bool = True) -> str | None:
    """The state of the run, which changes no more until the transaction ends.

    None if there is no such run, or if another transaction has it and there is no `wait`.
    """
    query = sa.select(runs.c.state).where(runs.c.run == run).with_for_update(skip_locked=not wait)
    return connection.execute(query).scalar_one_or_none()


def pause(connection: sa.Connection, run: str) -> None:
    """Pause a run: its workers leave it at their next page. NotFound, Conflict if not running."""
    _move(connection, run, ("running",), "paused")


def resume(connection: sa.Connection, run: str, now: datetime) -> None:
    """Let a paused run go on: its ranges have to be put on the bus again. NotFound, Conflict."""
    _move(connection, run, ("paused",), "running", fanned_out_at=None)
    finish_if_done(connection, run, now)


def cancel(connection: sa.Connection, run: str, now: datetime) -> None:
    """Stop a run for good, at the next page of each worker. NotFound, Conflict if it has ended."""
    _move(connection, run, OPEN, "cancelled", finished_at=now)


def set_rate(connection: sa.Connection, run: str, rate: int | None) -> None:
    """Change the rate from the next page on; None: no limit. NotFound, Conflict if it has ended."""
    state = _state(connection, run)
    if state not in OPEN:
        raise Conflict(f"run {run} is {state} already")
    _update(connection, run, rate=rate)


def _move(
    connection: sa.Connection, run: str, states: Sequence[str], to: str, **values: object
) -> None:
    state = _state(connection, run)
    if state not in states:
        raise Conflict(f"run {run} is {state} already")
    _update(connection, run, state=to, **values)


def _state(connection: sa.Connection, run: str) -> str:
    state = lock(connection, run)
    if state is None:
        raise _not_found(run)
    return state


def _update(connection: sa.Connection, run: str, **values: object) -> None:
    connection.execute(sa.update(runs).where(runs.c.run == run).values(**values))


def _not_found(run: str) -> NotFound:
    return NotFound(f"no run {run}; `quadrupel run list` shows the latest")


def progress(connection: sa.Connection, run: str, now: datetime | None = None) -> RunProgress:
    """One run as it is `now`, by the clock of the database where that is None. Raises NotFound."""
    query = _progress_query(now).where(runs.c.run == run)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise _not_found(run)
    return _progress(row)


def latest(connection: sa.Connection, limit: int, now: datetime | None = None) -> list[RunProgress]:
    """The latest runs, newest first; costs as much as these have ranges."""
    newest_first = runs.c.created_at.desc()
    names = sa.select(runs.c.run).order_by(newest_first).limit(limit)
    query = _progress_query(now).where(runs.c.run.in_(names)).order_by(newest_first)
    return [_progress(row) for row in connection.execute(query).mappings()]


def newest(connection: sa.Connection, now: datetime | None = None) -> RunProgress | None:
    """The latest run, if there was one."""
    return next(iter(latest(connection, 1, now)), None)


def unfinished(connection: sa.Connection, now: datetime | None = None) -> list[RunProgress]:
    """The runs that have not ended, oldest first."""
    query = _progress_query(now).where(runs.c.state.in_(OPEN)).order_by(runs.c.created_at)
    return [_progress(row) for row in connection.execute(query).mappings()]


def rules(connection: sa.Connection, run: str) -> dict[str, RuleCounts]:
    """What the rules did in the ranges of a run that are done, by rule."""
    # Ranges with nothing to tell once kept a JSON null.
    query = sa.text(
        "SELECT rule, sum((counts->>'errors')::bigint), sum((counts->>'matched')::bigint),"
        " sum((counts->>'seconds')::float)"
        " FROM run_ranges, jsonb_each(rules) AS each (rule, counts)"
        " WHERE run = :run AND state = 'done' AND jsonb_typeof(rules) = 'object'"
        " GROUP BY rule ORDER BY rule"
    )
    rows = connection.execute(query, {"run": run})
    return {row[0]: RuleCounts(int(row[1]), int(row[2]), float(row[3])) for row in rows}


def movements(connection: sa.Connection, as_of: date) -> dict[str, Movement]:
    """Matches that opened and closed on a day, by rule, whoever found it. Reads all matches."""
    query = sa.text(
        "SELECT rule, count(*) FILTER (WHERE opened_on = :day),"
        " count(*) FILTER (WHERE closed_on = :day)"
        " FROM matches WHERE opened_on = :day OR closed_on = :day GROUP BY rule ORDER BY rule"
    )
    return {row[0]: Movement(*row[1:]) for row in connection.execute(query, {"day": as_of})}


def _progress(row: sa.RowMapping) -> RunProgress:
    digest = f"{from_signed(int(row['digest'])):016x}"
    return RunProgress(**{**row, "digest": digest, "users_per_second": _speed(row)})


def _speed(row: sa.RowMapping) -> float:
    return round(float(row["users_per_second"] or 0.0), 1)


def _progress_query(now: datetime | None) -> sa.Select[Any]:
    def total(column: sa.Column[Any]) -> sa.ColumnElement[int]:
        summed = sa.func.coalesce(sa.func.sum(column), 0)
        return sa.cast(summed, sa.BigInteger).label(column.name)

    ranges, run = run_ranges.c, runs.c
    head = (run.run, run.kind, run.zone, run.as_of, run.rule_set, run.state, run.rate, run.deadline)
    counts = (ranges.users, ranges.evaluated, ranges.changed)
    return (
        sa.select(
            *(*head, run.created_at, run.finished_at),
            sa.func.count(ranges.number).label("ranges"),
            sa.func.count().filter(ranges.state == "done").label("ranges_done"),
            *map(total, (*counts, ranges.matched, ranges.errors)),
            sa.func.coalesce(sa.func.sum(ranges.digest), Decimal(0)).label("digest"),
            sa.func.count().filter(ranges.rule_set != run.rule_set).label("other_rules"),
            _users_per_second(now),
        )
        .select_from(runs.outerjoin(run_ranges, ranges.run == run.run))
        .group_by(run.run)
    )


def _users_per_second(at: datetime | None) -> sa.ColumnElement[float]:
    """Users per second of the last minute, or of all the time a run took that has ended.

    Each range counts with the part of its time that lies in that span.
    """
    ranges = run_ranges.c
    now = sa.func.now() if at is None else sa.literal(at, sa.DateTime(timezone=True))
    until = sa.func.coalesce(ranges.finished_at, ranges.heartbeat_at)
    now_or_end = sa.func.coalesce(runs.c.finished_at, now)
    since = sa.case((runs.c.finished_at.is_(None), now - RECENT))

    def seconds(begin: Any, end: Any) -> sa.ColumnElement[Any]:
        return sa.func.greatest(sa.extract("epoch", end - begin), 0.001)

    within = seconds(sa.func.greatest(ranges.started_at, since), until)
    share = sa.func.least(within / seconds(ranges.started_at, until), 1)
    recent = sa.or_(since.is_(None), until > since)
    begin = sa.func.greatest(sa.func.min(ranges.started_at), since)
    speed = sa.func.sum(ranges.evaluated * share).filter(recent) / seconds(begin, now_or_end)
    return sa.cast(speed, sa.Float).label("users_per_second")
