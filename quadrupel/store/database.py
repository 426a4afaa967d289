"""Connections to Postgres, in one place: how they are opened and what their errors mean."""

import contextlib
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa

from quadrupel.core.errors import ConcurrentWrite, Conflict, DatabaseRefused, DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class Limits:
    """How many seconds the server lets a connection work or wait, before it refuses; 0: for ever.

    `statement`: one statement. `lock`: waiting for one lock. `idle_in_transaction`: the client's
    silence in the middle of a transaction, after which the server ends the session.
    """

    statement: int = 0
    lock: int = 0
    idle_in_transaction: int = 0


PATIENT = Limits()
"""For commands of people, whose statements may look at every user."""

STAGE = Limits(statement=60, lock=10, idle_in_transaction=30)
"""For stages, whose batches are short: a worker that hangs or sleeps keeps no lock for long."""

# A machine that is gone is noticed within half a minute. What the URL says goes before these.
_CONNECTING = {
    "connect_timeout": 5,
    "application_name": "quadrupel",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

# Set as statements and not as start-up options, which a connection pooler would refuse.
_LIMITING = """
    SELECT set_config('statement_timeout', %s, false),
           set_config('lock_timeout', %s, false),
           set_config('idle_in_transaction_session_timeout', %s, false),
           set_config('tcp_keepalives_idle', '30', false),
           set_config('tcp_keepalives_interval', '10', false),
           set_config('tcp_keepalives_count', '3', false)
"""


_SESSION_SECONDS = 3600
"""How old a session may be that is used again. One with a temporary table holds back how far the
server can freeze its rows, so that one of months would end in a server that takes no more writes.
"""


def open_engine(url: str, *, pool_size: int = 4, limits: Limits = PATIENT) -> sa.Engine:
    """An engine of at most `pool_size` connections, none of them open yet.

    `url` is a libpq URL (postgresql://...).
    """
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, limits=limits),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=_SESSION_SECONDS,
    )


def connect(url: str, *, autocommit: bool = False, limits: Limits = PATIENT) -> psycopg.Connection:
    """One connection with its limits. Raises DatabaseUnavailable."""
    with translated_errors():
        wanted: dict[str, Any] = _CONNECTING | psycopg.conninfo.conninfo_to_dict(url)
        connection = psycopg.connect(**wanted, autocommit=True)
        seconds = (limits.statement, limits.lock, limits.idle_in_transaction)
        connection.execute(_LIMITING, [f"{each}s" for each in seconds])
        connection.autocommit = autocommit
        return connection


def without_statement_limit(connection: sa.Connection) -> None:
    """Let the statements of this transaction take as long as they need."""
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))


@contextlib.contextmanager
def transaction(engine: sa.Engine, until: float = math.inf) -> Iterator[sa.Connection]:
    """One transaction: committed at the end, rolled back by any error.

    Raises DatabaseUnavailable when the database is away, or when it is later than `until` (of
    `time.monotonic`) at the end; ConcurrentWrite when the database chose this transaction as the
    victim of a deadlock or a serialization failure; DatabaseRefused when it will never take these
    values.
    """
    with translated_errors(), engine.begin() as connection:
        yield connection
        if time.monotonic() > until:
            raise DatabaseUnavailable("the database answered too late")


@contextlib.contextmanager
def statements(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose every statement is a transaction of its own; see `transaction` for errors.

    Where there is one statement it spares two round trips to the database.
    """
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    with translated_errors(), autocommit.connect() as connection:
        yield connection


_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,  # a standby that is not the primary yet, or no more
    psycopg.errors.IdleInTransactionSessionTimeout,
)
_REFUSED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.RaiseException,  # a trigger said no
    psycopg.errors.ProgramLimitExceeded,  # a value is too large for a row or an index
)

_LOGIN_REFUSED = re.compile(
    r"authentication failed for user|no password supplied|no pg_hba.conf entry"
    r'|(role|database) ".*" does not exist'
)
"""What servers say who let nobody in. They give a connection that fails no code, and one that says
it in another language than English counts as away."""


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Wrap the driver's errors once; programming errors pass as they are."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            raise ConcurrentWrite(f"another transaction went first: {cause}") from error
        if isinstance(cause, _REFUSED):
            raise DatabaseRefused(_without_values(cause)) from None
        if isinstance(cause, _AWAY):
            raise _unavailable(cause) from error
        raise


def _unavailable(cause: psycopg.Error) -> DatabaseUnavailable:
    if cause.sqlstate is None and _LOGIN_REFUSED.search(str(cause)):
        return DatabaseUnavailable(
            f"the database refuses the login: {cause}; check the user, the password and the name"
            " of the database in its URL, QUADRUPEL_DATABASE_URL",
            login_refused=True,
        )
    return DatabaseUnavailable(f"the database did not answer: {cause}")


def _without_values(refusal: psycopg.Error) -> str:
    """What the database refused. Its own sentence may quote what a person's row holds."""
    diagnosis = refusal.diag
    places = {
        "constraint": diagnosis.constraint_name,
        "table": diagnosis.table_name,
        "column": diagnosis.column_name,
    }
    named = [f"{kind} {name}" for kind, name in places.items() if name]
    code = f" ({diagnosis.sqlstate})" if diagnosis.sqlstate else ""
    return ", ".join([f"the database refused it: {type(refusal).__name__}{code}", *named])


TABLE_SECONDS = 5
"""How long a change of a table waits for it: whoever comes after it waits behind it."""


@contextlib.contextmanager
def changing_tables(connection: sa.Connection) -> Iterator[None]:
    """Let changes of tables wait for TABLE_SECONDS at most, to the end of the transaction.

    Raises Conflict when another session holds one for longer.
    """
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{TABLE_SECONDS}s'"))
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if not isinstance(cause, psycopg.errors.LockNotAvailable):
            raise
        raise Conflict(
            f"another session holds a table for more than {TABLE_SECONDS} s, so nothing was"
            " changed: find it in pg_stat_activity, let it end, and try again"
        ) from error


def driver(connection: sa.Connection) -> psycopg.Connection:
    """The psycopg connection below, for COPY; inside the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError(f"the driver is {type(raw).__name__}, not psycopg")
    return raw
