"""The tables that hold users as distributed tables of Citus: one shard key, the user id.

All are in one group, so that a user's rows of every table lie on one node. Everything else (runs,
rules, mailings, keys, the Postgres bus) stays on the coordinator.
"""

from dataclasses import dataclass

import psycopg
import sqlalchemy as sa

from quadrupel.core.errors import Conflict, SettingRefused
from quadrupel.store.database import driver
from quadrupel.store.tables import metadata, profiles

KEY = "user_id"
_LOCK = 0x6369_7475  # "citu"

# The view `citus_tables` would ask every node for sizes. A table that Citus only knows of (method
# `n`, no reference table) is as good as one it does not know.
_DISTRIBUTED = """
    SELECT relname, partmethod = 'h' AND column_to_column_name(logicalrelid, partkey) = 'user_id'
        AND coalesce(colocationid = first.id, false)
    FROM pg_dist_partition
    JOIN pg_class ON pg_class.oid = logicalrelid
    LEFT JOIN (
        SELECT colocationid AS id FROM pg_dist_partition WHERE logicalrelid = 'profiles'::regclass
    ) AS first ON true
    WHERE relnamespace = current_schema()::regnamespace AND (partmethod <> 'n' OR repmodel = 't')
"""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Which tables of users are distributed, and which are not yet, in the order of the work."""

    done: tuple[str, ...]
    missing: tuple[str, ...]


def tables_of_users() -> list[str]:
    """The tables whose key begins with a user; profiles first, with which the others go."""
    found = [
        table.name
        for table in metadata.sorted_tables
        if table is not profiles and next(iter(table.primary_key)).name == KEY
    ]
    return [profiles.name, *found]


def look(connection: sa.Connection) -> Distribution:
    """How far the tables are distributed.

    Raises SettingRefused where the database has no Citus, Conflict where a table is distributed
    otherwise than it should be.
    """
    raw = driver(connection)
    if raw.execute("SELECT to_regclass('pg_dist_partition')").fetchone() == (None,):
        raise SettingRefused(
            "QUADRUPEL_DATABASE_URL: this database has no extension citus, so its tables cannot be"
            " distributed; on a Citus coordinator run `CREATE EXTENSION citus` in it"
        )
    known: dict[str, bool] = dict(raw.execute(_DISTRIBUTED).fetchall())
    wanted = tables_of_users()
    if wrong := [name for name in wanted if known.get(name) is False]:
        raise Conflict(
            f"distributed otherwise than by {KEY} together with profiles: {', '.join(wrong)}; bring"
            f" each back with `SELECT undistribute_table('{wrong[0]}')`, then distribute again"
        )
    return Distribution(
        tuple(name for name in wanted if name in known),
        tuple(name for name in wanted if name not in known),
    )


def distribute(connection: sa.Connection, table: str) -> bool:
    """Spread the rows of one of `tables_of_users` over the nodes; False if they are already.

    Whoever writes to the table waits. Two at once: the second waits too. Raises as `look` does, and
    Conflict for what Citus refuses.
    """
    raw = driver(connection)
    raw.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if table in look(connection).done:
        return False
    beside = "none" if table == profiles.name else profiles.name
    _call(
        raw,
        table,
        "SELECT create_distributed_table(%s::regclass, %s, colocate_with => %s)",
        [table, KEY, beside],
    )
    return True


def forget_local_rows(connection: sa.Connection, table: str) -> None:
    """Remove the rows that a distributed table had on the coordinator, where nobody sees them.

    Citus leaves them there: an erasure would not reach them.
    """
    query = "SELECT truncate_local_data_after_distributing_table(%s::regclass)"
    _call(driver(connection), table, query, [table])


def _call(raw: psycopg.Connection, table: str, query: str, values: list[str]) -> None:
    try:
        raw.execute(query, values)
    except (psycopg.ProgrammingError, psycopg.NotSupportedError, psycopg.InternalError) as error:
        said = error.diag.message_primary or str(error)
        hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
        raise Conflict(
            f"Citus refused to distribute {table}: {said}{hint}; mend that and run it again, the"
            " tables that are done stay so"
        ) from error
