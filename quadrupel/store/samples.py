"""Samples of large tables: of some blocks of them, since rows here and there cost a block each."""

import sqlalchemy as sa

from quadrupel.store.database import driver

SMALL = 200_000
"""Of a table of fewer rows all are looked at."""


def percent(connection: sa.Connection, table: str, rows: int) -> float:
    """The percentage for TABLESAMPLE SYSTEM that gives about so many rows, or all of a small table.

    It goes by what the database believes, which it learns a minute after rows came.
    """
    query = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass"
    [[known]] = driver(connection).execute(query, [table]).fetchall()
    return 100.0 if known < SMALL else min(100.0, 100.0 * rows / int(known))
