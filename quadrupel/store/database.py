"""Connections to Postgres, in one place: how they are opened and what their errors mean."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import alembic.command
import alembic.config
import psycopg
import sqlalchemy as sa

from quadrupel.core.errors import ConcurrentWrite, DatabaseUnavailable


def open_engine(url: str, *, pool_size: int = 4) -> sa.Engine:
    """An engine of at most `pool_size` connections, none of them open yet.

    `url` is a libpq URL (postgresql://...).
    """
    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
    )


def connect(url: str, *, autocommit: bool = False) -> psycopg.Connection:
    """One connection, with the limits every connection of ours has; DatabaseUnavailable if not."""
    with translated_errors():
        return psycopg.connect(
            url, autocommit=autocommit, connect_timeout=5, application_name="quadrupel"
        )


@contextlib.contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction: committed at the end, rolled back by any error.

    Raises DatabaseUnavailable when the database is away, ConcurrentWrite when it chose this
    transaction as the victim of a deadlock or a serialization failure.
    """
    with translated_errors(), engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Wrap the driver's errors of infrastructure once; programming errors pass as they are."""
    try:
        yield
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        if isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
            raise ConcurrentWrite(f"another transaction went first: {cause}") from error
        if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
            raise DatabaseUnavailable(f"the database did not answer: {cause}") from error
        raise


def driver(connection: sa.Connection) -> psycopg.Connection:
    """The psycopg connection below, for COPY; inside the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError(f"the driver is {type(raw).__name__}, not psycopg")
    return raw


def migrate(url: str, folder: Path) -> None:
    """Bring the tables up to date. Several may do so at once: an advisory lock lets one work."""
    with translated_errors():
        alembic.command.upgrade(_alembic_config(url, folder), "head")


def _alembic_config(url: str, folder: Path) -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["url"] = url
    return config
