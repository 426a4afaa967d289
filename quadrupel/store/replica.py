"""A streaming read replica: how far it is, and whether the pages of a range may be read from it.

A page may be read where everything is in that the primary had committed when the range was taken.
Else a user whose event came just before would be evaluated as before it, for a day that no other
lane evaluates. So the primary tells its place in the WAL, the replica whether it has come as far.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import LiteralString, TypeVar

import psycopg
import sqlalchemy as sa
import structlog

from quadrupel.core.errors import ConcurrentWrite, DatabaseRefused, DatabaseUnavailable
from quadrupel.store.database import transaction, translated_errors
from quadrupel.telemetry import REPLICA_LAG_SECONDS, RUN_PAGES_READ

REST_SECONDS = 30.0
"""How long a replica that failed, or was late, is left alone."""
GRACE_SECONDS = 1.0
"""How long one that was late is waited for, until it is in time again."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5

Answer = TypeVar("Answer")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the WAL of a primary, in bytes; places of other timelines are of other histories.

    `system` is what a primary has in common with its replicas, and with no other server.
    """

    system: int
    timeline: int
    place: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server says of itself as a replica; `replayed` is a place in the WAL, in bytes.

    `seconds` is how old the last commit is that it replayed; None: it has replayed none yet.
    """

    in_recovery: bool
    system: int
    timeline: int
    replayed: int
    seconds: float | None

    def unfit(self, mark: Mark) -> str | None:
        """Why it is no replica of the primary of that mark; None: it is one."""
        if not self.in_recovery:
            return "it is no replica, or was promoted"
        if self.system != mark.system:
            return "it is a replica of another database"
        if self.timeline != mark.timeline:
            return "it does not follow the primary since that was promoted"
        return None

    def behind(self, mark: Mark) -> int:
        """How many bytes of WAL it is behind a mark; 0: everything up to it is in."""
        return max(0, mark.place - self.replayed)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a replica is behind: bytes of WAL, and seconds, None where nobody can tell yet."""

    seconds: float | None
    bytes: int


# A commit is visible when it is flushed, and what is flushed is sent. What is only inserted may lie
# there until somebody commits, and in vain would be waited for. But where commits are not flushed,
# only the place of insertion is behind all of them.
MARK: LiteralString = """
    SELECT system_identifier, pg_walfile_name(place), pg_wal_lsn_diff(place, '0/0')::bigint
    FROM pg_control_system(), LATERAL (
        SELECT CASE current_setting('synchronous_commit')
            WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn()
        END AS place
    ) AS told
"""
"""What a primary is asked for its place; `mark_of` reads the row."""

STANDING: LiteralString = """
    SELECT pg_is_in_recovery(), system_identifier,
        greatest(min_recovery_end_timeline, (SELECT received_tli FROM pg_stat_wal_receiver)),
        coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint, 0),
        extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
    FROM pg_control_system(), pg_control_recovery()
"""
"""What a replica is asked; the row is that of `Standing`."""

_ONE_SNAPSHOT = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def read_mark(primary: sa.Connection) -> Mark:
    """The place behind everything that is committed.

    For what this process committed itself, ask in a later transaction.
    """
    return mark_of(*primary.execute(sa.text(MARK)).one())


def mark_of(system: int, file: str, place: int) -> Mark:
    """The mark that a primary told: the name of a file of WAL begins with its timeline."""
    return Mark(system, int(file[:8], 16), place)


def read_standing(replica: sa.Connection) -> Standing:
    """How a server stands as a replica. What it has replayed is seen by later snapshots only.

    Its timeline is the one it receives, or, for a role that may not read statistics, the one of its
    last checkpoint: told late, never early.
    """
    return Standing(*replica.execute(sa.text(STANDING)).one())


def lag(mark: Mark, standing: Standing) -> Lag:
    """How far behind a replica is that stood so after the mark was read.

    The seconds are those since the last commit it replayed, by the clocks of two machines.
    """
    behind = standing.behind(mark)
    if not behind:
        return Lag(0.0, 0)
    return Lag(None if standing.seconds is None else max(0.0, standing.seconds), behind)


class _NotUsed(Exception):
    """Why pages are not read from the replica."""


_FAILURES = (
    _NotUsed,
    DatabaseUnavailable,
    ConcurrentWrite,  # what stood in the way of the replay was cancelled
    DatabaseRefused,
    sa.exc.DBAPIError,
    psycopg.Error,
)
"""Whatever fails on the replica: if the question is to blame, the primary says so."""


class PageReads:
    """Reads pages of one range at a time: from the replica where it is fresh, else the primary.

    A replica that fails, is late or was promoted is not used for the rest of the range, nor asked
    for REST_SECONDS. `max_lag` is how many seconds it is waited for at the start of a range.
    Errors of the primary are raised as they are, those of the replica never.
    """

    def __init__(
        self,
        primary: sa.Engine,
        replica: sa.Engine | None = None,
        max_lag: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._primary = primary
        self._replica = replica
        self._max_lag = self._patience = max_lag
        self._clock = clock
        self._rests_until = float("-inf")
        self._mark: Mark | None = None
        self._failed = False

    def begin(self, wait: Callable[[float], bool]) -> None:
        """Choose for a range; call it after all else that its pages rest on was read or committed.

        Blocks until the replica has caught up, `max_lag` seconds at most, and calls `wait` again
        and again: it waits so many seconds, and is False when no longer to be waited.
        """
        self._mark = None
        if self._replica is None or self._clock() < self._rests_until:
            return
        mark = self._ask_primary()
        if mark is not None and self._catches_up(self._replica, mark, wait):
            self._mark = mark

    def read(self, ask: Callable[[sa.Connection], Answer]) -> Answer:
        """What `ask` reads of a transaction, on the replica of one snapshot.

        If that fails there, `ask` is called once more, on the primary.
        """
        if self._replica is not None and self._mark is not None:
            try:
                answer = _read_at(self._replica, self._mark, ask)
            except _FAILURES as error:
                self._leave(error)
            else:
                RUN_PAGES_READ.labels("replica").inc()
                return answer
        with transaction(self._primary) as connection:
            answer = ask(connection)
        RUN_PAGES_READ.labels("primary").inc()
        return answer

    def _ask_primary(self) -> Mark | None:
        """The place that the replica is to reach; None if the primary cannot tell."""
        try:
            with transaction(self._primary) as connection:
                return read_mark(connection)
        except sa.exc.DBAPIError:  # it is there, but may not tell, or is no server that could
            self._leave(_NotUsed("the primary does not tell its place"))
            return None

    def _catches_up(self, replica: sa.Engine, mark: Mark, wait: Callable[[float], bool]) -> bool:
        """Wait until the replica is at the mark; False if it fails, is late, or `wait` says so."""
        began, pause = self._clock(), _FIRST_PAUSE
        while behind := self._behind(replica, mark):
            left = began + self._patience - self._clock()
            if left <= 0:
                self._patience = min(GRACE_SECONDS, self._max_lag)
                self._leave(_NotUsed("it is too far behind"))
                return False
            if not wait(min(pause, left)):
                return False
            pause = min(2 * pause, _LONGEST_PAUSE)
        if behind is None:
            return False
        self._note_fresh(self._clock() - began)
        return True

    def _behind(self, replica: sa.Engine, mark: Mark) -> int | None:
        """How many bytes the replica is behind the mark; None if it fails."""
        try:
            with transaction(replica) as connection:
                standing = read_standing(connection)
            _verify(standing, mark)
        except _FAILURES as error:
            self._leave(error)
            return None
        return standing.behind(mark)

    def _note_fresh(self, seconds: float) -> None:
        REPLICA_LAG_SECONDS.set(seconds)
        self._patience = self._max_lag
        if self._failed:
            log.info("replica is used again")
        self._failed = False

    def _leave(self, error: Exception) -> None:
        """Read the rest from the primary; a replica that goes on failing is told of once."""
        self._mark = None
        self._rests_until = self._clock() + REST_SECONDS
        REPLICA_LAG_SECONDS.set(float("nan"))
        if not self._failed:
            log.warning("replica is not used, the primary is read instead", reason=reason(error))
        self._failed = True


def _verify(standing: Standing, mark: Mark) -> None:
    if unfit := standing.unfit(mark):
        raise _NotUsed(unfit)


def _read_at(replica: sa.Engine, mark: Mark, ask: Callable[[sa.Connection], Answer]) -> Answer:
    """What `ask` reads of a snapshot that has everything up to the mark.

    Asked again for each page, because behind one name there may be several replicas, and any may
    be promoted. In a transaction before that of the page: a snapshot is older than what the
    statement that took it says of the replay.
    """
    with translated_errors(), replica.connect() as connection:
        with connection.begin():
            standing = read_standing(connection)
        _verify(standing, mark)
        if standing.behind(mark):
            raise _NotUsed("it is behind where it was before")
        with connection.begin():
            connection.execute(_ONE_SNAPSHOT)
            return ask(connection)


def reason(error: Exception) -> str:
    """What failed on a replica. A URL that cannot be read is quoted by the driver: left out."""
    if isinstance(error, _NotUsed | DatabaseUnavailable | ConcurrentWrite):
        return str(error)
    return type(error).__name__
