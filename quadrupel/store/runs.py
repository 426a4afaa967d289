"""The ledger of runs: what was started, its ranges, and how far each is."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.core.errors import Conflict, NotFound
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.verdicts import PageCounts, sum_of_digests
from quadrupel.store.range_pages import ZoneUsers
from quadrupel.store.tables import run_ranges, runs

LEAST_RANGES = 8
"""A run has at least as many ranges, so that several workers have something to do,"""
SMALLEST_RANGE = 1_000
"""unless they would be smaller than this."""

_COUNT = "SELECT count(*) {users}"
_RANGES = """
    INSERT INTO run_ranges (run, number, first_user, end_user, users, state, attempts)
    SELECT :run, part, CASE part WHEN 0 THEN '' ELSE min(user_id) END,
        lead(min(user_id)) OVER (ORDER BY part), count(*), 'pending', 0
    FROM (
        SELECT users.user_id, (row_number() OVER (ORDER BY users.user_id) - 1) / :size AS part
        {users}
    ) AS numbered
    GROUP BY part
"""
_FULL = RunPlan(RunKind.FULL)
_DUE = "FROM published AS users {contacts} WHERE users.due_on <= :as_of"
_ALL = "FROM profiles AS users {contacts} WHERE NOT users.erased"
_CONTACTS = "LEFT JOIN contacts ON contacts.user_id = users.user_id"
_OF_ZONE = " AND contacts.time_zone = :zone"
_OF_NO_OTHER = " AND (contacts.time_zone = ANY(:others)) IS NOT TRUE"


@dataclass(frozen=True, slots=True)
class TakenRange:
    """A range a worker has taken: users from `first_user` to `end_user` (None: to the last).

    `kind` says which of them; `rules` are those that everybody is asked for the first time. Where
    `zone` is given, only users of that time zone are meant.
    """

    run: str
    number: int
    as_of: date
    rule_set: str
    first_user: str
    end_user: str | None
    kind: RunKind = RunKind.FULL
    rules: tuple[str, ...] = ()
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """What the evaluation of a range counted: users, matches, errors of rules.

    `changed` of the users differed from what is published. `digest`: see `PageCounts`.
    """

    evaluated: int = 0
    matched: int = 0
    errors: int = 0
    changed: int = 0
    digest: int = 0

    def plus(self, page: PageCounts, changed: int) -> "RangeCounts":
        """These counts and those of a further page."""
        return RangeCounts(
            self.evaluated + page.users,
            self.matched + sum(page.matched.values()),
            self.errors + sum(page.errors.values()),
            self.changed + changed,
            sum_of_digests(self.digest, page.digest),
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
    plan: RunPlan = _FULL,
    of: ZoneUsers | None = None,
) -> bool:
    """Write a new run and its ranges; False (and nothing done) if a run of that name exists.

    The ranges lie end to end over all possible user ids, so there is no gap and no overlap
    whatever users appear meanwhile; each holds about as many of the users of the plan, at most
    about `range_size`. Where `of` is given, only those users are meant.
    """
    entry = {
        "run": run,
        "as_of": as_of,
        "rule_set": rule_set,
        "created_at": now,
        "zone": of and of.zone,
    }
    new = insert(runs).values(**entry, state="running", kind=plan.kind, rules=list(plan.changed))
    written = connection.execute(new.on_conflict_do_nothing().returning(runs.c.run))
    if written.one_or_none() is None:
        return False
    total = users_of(connection, plan, as_of, of)
    size = min(range_size, max(total // LEAST_RANGES, SMALLEST_RANGE))
    users, given = _users(plan, as_of, of)
    ranges = sa.text(_RANGES.format(users=users))
    connection.execute(ranges, given | {"run": run, "size": size})
    _finish_if_done(connection, run, now)
    return True


def users_of(
    connection: sa.Connection, plan: RunPlan, as_of: date, of: ZoneUsers | None = None
) -> int:
    """How many users a run would evaluate by now."""
    users, given = _users(plan, as_of, of)
    [[total]] = connection.execute(sa.text(_COUNT.format(users=users)), given).all()
    return int(total)


def _users(plan: RunPlan, as_of: date, of: ZoneUsers | None) -> tuple[str, dict[str, Any]]:
    """From where and on which condition a run takes its users, and the values in it."""
    query, given = (_DUE, {"as_of": as_of}) if plan.kind is RunKind.DUE else (_ALL, {})
    if of is None:
        return query.format(contacts=""), given
    condition = _OF_ZONE if of.others is None else _OF_NO_OTHER
    zones = {"zone": of.zone} if of.others is None else {"others": list(of.others)}
    return query.format(contacts=_CONTACTS) + condition, {**given, **zones}


def covered(connection: sa.Connection, zone: str | None = None) -> str | None:
    """The hash of the rule set that everybody was asked last, None if nobody ever was.

    Where a zone is given, everybody of that zone; a run over all users counts for every zone.
    """
    query = (
        sa.select(runs.c.rule_set)
        .where(runs.c.state == "finished", runs.c.kind != RunKind.DUE)
        .where(runs.c.zone.is_(None) if zone is None else _of_zone_or_all(zone))
        .order_by(runs.c.created_at.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def _of_zone_or_all(zone: str) -> sa.ColumnElement[bool]:
    return sa.or_(runs.c.zone.is_(None), runs.c.zone == zone)


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
        .returning(
            *(runs.c.as_of, runs.c.rule_set, run_ranges.c.first_user, run_ranges.c.end_user),
            *(runs.c.kind, runs.c.rules, runs.c.zone),
        )
    )
    row = connection.execute(taken).one_or_none()
    if row is None:
        return None
    as_of, rule_set, first, end, kind, rules, zone = row
    return TakenRange(run, number, as_of, rule_set, first, end, RunKind(kind), tuple(rules), zone)


def finish_range(
    connection: sa.Connection, taken: TakenRange, counts: RangeCounts, now: datetime
) -> None:
    """Record that all verdicts of the range are on the bus; the last range finishes the run."""
    connection.execute(
        sa.update(run_ranges)
        .where(run_ranges.c.run == taken.run, run_ranges.c.number == taken.number)
        .values(state="done", finished_at=now, **asdict(counts))
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
