"""Connections of the Postgres bus, and what the driver's errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from quadrupel.core.errors import BusUnavailable

from .topics import missing_topic

CONNECT_TIMEOUT = 10

# A server notices within a minute that the machine of a client is gone, and frees its locks.
SESSION_SETTINGS = """
    SELECT set_config('timezone', 'UTC', false),
           set_config('tcp_keepalives_idle', '30', false),
           set_config('tcp_keepalives_interval', '10', false),
           set_config('tcp_keepalives_count', '3', false)
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(url: str, role: str) -> Connection:
    """A connection of its own, in autocommit mode; session locks rule out a pooler between."""
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT,
        application_name=f"quadrupel bus {role}",
    )
    connection.execute(SESSION_SETTINGS)
    return connection


@contextmanager
def driver_errors(doing: str, topic: str | None = None) -> Iterator[None]:
    """Turn what the driver raises into BusUnavailable, or TopicRefused when there is no topic.

    An error that is a mistake of ours, such as wrong SQL, passes unchanged.
    """
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        if topic is None:
            raise
        raise missing_topic(topic) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise BusUnavailable(
            f"the Postgres bus failed while {doing}: {str(error).strip()}; "
            "check that the database runs and can be reached from here"
        ) from error


def table(topic: str) -> sql.Identifier:
    """The table of a topic's messages."""
    return sql.Identifier("bus", f"topic {topic}")


def channel(topic: str) -> str:
    """Where a topic's readers are woken, by NOTIFY."""
    return f"bus {topic}"
