"""The ranges of runs: who works on which, for how long without a sign of life, how one is cut.

A worker holds a range by a lease, and every step it takes in the ledger is one conditional update:
its name and the attempt must still be those in the row, so who was taken for dead changes nothing.
What it may evaluate it has claimed before, so a split leaves it what is claimed and takes the rest;
which ranges are split, and where, is in `quadrupel.store.range_splits`.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa

from quadrupel.core.bits import to_signed
from quadrupel.core.run_plans import RunKind
from quadrupel.core.runs import LEASE, RangeCounts
from quadrupel.store import runs as ledger
from quadrupel.store.run_users import Evaluated
from quadrupel.store.tables import run_ranges, runs


@dataclass(frozen=True, slots=True)
class TakenRange:
    """A range a worker has taken: users from `first_user` to `end_user` (None: to the last).

    `kind` says which of them; `rules` are those that everybody is asked for the first time. Where
    `zone` is given, only users of that time zone are meant. `before`: the users due whom an earlier
    attempt may have evaluated, who are not due any more.
    """

    run: str
    number: int
    worker: str
    attempt: int
    as_of: date
    rule_set: str
    first_user: str
    end_user: str | None
    rate: int | None
    kind: RunKind = RunKind.FULL
    rules: tuple[str, ...] = ()
    zone: str | None = None
    before: Evaluated | None = None


class NotTaken(Enum):
    """Why a range was not taken.

    OVER: it is done, or its run has ended, is paused, or is unknown. HELD: another works on it.
    """

    OVER = "over"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker may go on with: users before `end_user`, at `rate`, if the run is `running`."""

    end_user: str | None
    running: bool
    rate: int | None


@dataclass(frozen=True, slots=True)
class RangeLine:
    """A range as operators see it. `claimed_to` is the last user that any worker has claimed."""

    number: int
    state: str
    first_user: str
    end_user: str | None
    users: int
    attempts: int
    worker: str | None
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None
    claimed_to: str | None
    evaluated: int | None
    matched: int | None
    errors: int | None
    rule_set: str | None


def take(
    connection: sa.Connection, run: str, number: int, worker: str, now: datetime
) -> TakenRange | NotTaken:
    """Take a range that nobody holds: pending, its lease lapsed, or the worker's own from before.

    The work on it begins anew; how far it was claimed before stays known.
    """
    ranges = run_ranges.c
    own = sa.and_(ranges.state == "running", ranges.worker == worker)
    free = sa.or_(_unheld(now), own)
    taken = (
        sa.update(run_ranges)
        .where(ranges.run == run, ranges.number == number, free)
        .where(runs.c.run == ranges.run, runs.c.state == "running")
        .values(state="running", attempts=ranges.attempts + 1, worker=worker)
        .values(started_at=now, heartbeat_at=now, evaluated=0)
        .returning(ranges.attempts, runs.c.as_of, runs.c.rule_set, ranges.first_user)
        .returning(ranges.end_user, runs.c.rate, runs.c.kind, runs.c.rules, runs.c.zone)
        .returning(ranges.cursor, runs.c.created_at)
    )
    row = connection.execute(taken).one_or_none()
    if row is not None:
        attempt, as_of, rule_set, first, end, rate, kind, rules, zone, reached, began = row
        again = kind == RunKind.DUE and reached is not None
        return TakenRange(
            run,
            number,
            worker,
            attempt,
            as_of,
            rule_set,
            first,
            end,
            rate,
            RunKind(kind),
            tuple(rules or ()),
            zone,
            Evaluated(reached, as_of, began) if again else None,
        )
    held = (
        sa.select(ranges.number)
        .where(ranges.run == run, ranges.number == number, ranges.state != "done")
        .where(runs.c.run == ranges.run, runs.c.state == "running")
    )
    return NotTaken.OVER if connection.execute(held).one_or_none() is None else NotTaken.HELD


def claim(
    connection: sa.Connection, taken: TakenRange, last_user: str, counts: RangeCounts, now: datetime
) -> Claim | None:
    """Renew the lease and claim all users up to `last_user`; None if another has the range.

    `counts` are of the pages before. Of a split meanwhile the claim tells the new end: what is
    claimed beyond it belongs to somebody else.
    """
    # An earlier attempt may have claimed more, and what it claimed it may have evaluated.
    reached = sa.func.greatest(run_ranges.c.cursor, last_user)
    claimed = (
        _mine(taken)
        .where(runs.c.run == run_ranges.c.run)
        .values(heartbeat_at=now, cursor=reached)
        .values(evaluated=counts.evaluated)
        .returning(run_ranges.c.end_user, runs.c.state == "running", runs.c.rate)
    )
    row = connection.execute(claimed).one_or_none()
    return None if row is None else Claim(*row)


def beat(connection: sa.Connection, taken: TakenRange, now: datetime) -> bool:
    """Renew the lease; False if another has the range."""
    return connection.execute(_mine(taken).values(heartbeat_at=now)).rowcount == 1


def finish(
    connection: sa.Connection, taken: TakenRange, counts: RangeCounts, rule_set: str, now: datetime
) -> bool:
    """Record that all verdicts of the range are on the bus; the last range finishes the run.

    `rule_set` is the hash of the rules that were asked. False if another has the range.
    """
    ledger.lock(connection, taken.run)
    done = _mine(taken).values(**_done(counts, rule_set, now))
    if connection.execute(done).rowcount == 0:
        return False
    ledger.finish_if_done(connection, taken.run, now)
    return True


def hand_back(
    connection: sa.Connection,
    taken: TakenRange,
    counts: RangeCounts,
    rule_set: str,
    rest: str,
    now: datetime,
) -> int | None:
    """Leave the users from `rest` on to another worker: what is before is done, with its counts.

    Returns the number of the range that is pending with them; None if another has this one, or has
    them already by a split.
    """
    ledger.lock(connection, taken.run)
    mine = _mine(taken).returning(run_ranges.c.end_user, run_ranges.c.cursor, run_ranges.c.users)
    if counts.evaluated == 0:
        pending = mine.values(state="pending", worker=None, heartbeat_at=None)
        return None if connection.execute(pending).one_or_none() is None else taken.number
    row = connection.execute(mine.values(**_done(counts, rule_set, now))).one_or_none()
    if row is None:
        return None
    end, reached, users = row
    if end is not None and end <= rest:
        ledger.finish_if_done(connection, taken.run, now)
        return None
    left = max(0, users - counts.evaluated)
    return cut(connection, taken.run, taken.number, rest, end, left, reached)


def workers(connection: sa.Connection, run: str, now: datetime) -> int:
    """How many workers gave a sign of life in the run for as long as a lease holds.

    One that is between two ranges is among them.
    """
    query = sa.select(sa.func.count(run_ranges.c.worker.distinct())).where(
        run_ranges.c.run == run, ~lapsed(now)
    )
    return int(connection.execute(query).scalar_one())


def pending(connection: sa.Connection, run: str) -> list[int]:
    """The numbers of the run's ranges that wait for a worker, in order."""
    query = (
        sa.select(run_ranges.c.number)
        .where(run_ranges.c.run == run, run_ranges.c.state == "pending")
        .order_by(run_ranges.c.number)
    )
    return list(connection.execute(query).scalars())


def unheld(connection: sa.Connection, now: datetime) -> tuple[str, int] | None:
    """A range of a running run that nobody works on: its run and number; None if there is none.

    Of the oldest run the last one, since who is told by the bus works from the front; locked.
    """
    query = (
        sa.select(run_ranges.c.run, run_ranges.c.number)
        .where(run_ranges.c.run == runs.c.run, runs.c.state == "running")
        .where(_unheld(now))
        .order_by(runs.c.created_at, run_ranges.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query.with_for_update(of=run_ranges, skip_locked=True)).one_or_none()
    return None if row is None else (row[0], row[1])


def lines(connection: sa.Connection, run: str, state: str | None = None) -> list[RangeLine]:
    """The ranges of a run, in the order of user ids; only those in `state`, if one is given."""
    columns = [
        run_ranges.c.cursor.label("claimed_to") if name == "claimed_to" else run_ranges.c[name]
        for name in RangeLine.__slots__
    ]
    query = sa.select(*columns).where(run_ranges.c.run == run).order_by(run_ranges.c.first_user)
    if state is not None:
        query = query.where(run_ranges.c.state == state)
    return [RangeLine(**row) for row in connection.execute(query).mappings()]


def seams(connection: sa.Connection, run: str) -> list[int]:
    """The ranges at a gap or an overlap; none if they lie end to end.

    The first must begin at the start of all user ids, the last reach to their end.
    """
    query = sa.text(
        "SELECT number FROM (SELECT number, first_user, end_user,"
        " lag(end_user, 1, '') OVER ids AS before, lead(first_user) OVER ids AS after"
        " FROM run_ranges WHERE run = :run WINDOW ids AS (ORDER BY first_user)) AS ranges"
        " WHERE first_user IS DISTINCT FROM before OR end_user IS DISTINCT FROM after"
        " ORDER BY number"
    )
    return list(connection.execute(query, {"run": run}).scalars())


def cut(
    connection: sa.Connection,
    run: str,
    number: int,
    at: str,
    end: str | None,
    moved: int,
    reached: str | None = None,
) -> int:
    """End a range before the user `at`, and add one from there to `end`; its number.

    Of the users that were counted at the start, `moved` go with the new one. `reached` is the last
    user that was claimed, if some of the new range were. The caller has locked the run.
    """
    row = sa.and_(run_ranges.c.run == run, run_ranges.c.number == number)
    users = run_ranges.c.users - moved
    connection.execute(sa.update(run_ranges).where(row).values(end_user=at, users=users))
    highest = sa.select(sa.func.max(run_ranges.c.number)).where(run_ranges.c.run == run)
    added = int(connection.execute(highest).scalar_one()) + 1
    new = {"run": run, "number": added, "first_user": at, "end_user": end, "users": moved}
    new["cursor"] = reached if reached is not None and reached >= at else None
    connection.execute(sa.insert(run_ranges).values(**new, state="pending", attempts=0))
    return added


def lapsed(now: datetime) -> sa.ColumnElement[bool]:
    """That nobody gave a sign of life in a range for as long as a lease holds."""
    heartbeat = run_ranges.c.heartbeat_at
    return sa.or_(heartbeat.is_(None), heartbeat <= now - LEASE)


def _unheld(now: datetime) -> sa.ColumnElement[bool]:
    state = run_ranges.c.state
    return sa.or_(state == "pending", sa.and_(state == "running", lapsed(now)))


def _mine(taken: TakenRange) -> sa.Update:
    """An update of the range that finds it only if no other has taken it."""
    return sa.update(run_ranges).where(
        run_ranges.c.run == taken.run,
        run_ranges.c.number == taken.number,
        run_ranges.c.worker == taken.worker,
        run_ranges.c.attempts == taken.attempt,
        run_ranges.c.state == "running",
    )


def _done(counts: RangeCounts, rule_set: str, now: datetime) -> dict[str, Any]:
    values = {name: getattr(counts, name) for name in RangeCounts.__slots__}
    rules = {
        rule: asdict(each) | {"seconds": round(each.seconds, 6)}
        for rule, each in counts.rules.items()
    }
    values |= {"rules": rules, "digest": to_signed(counts.digest)}
    return values | {"state": "done", "finished_at": now, "rule_set": rule_set}
