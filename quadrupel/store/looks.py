"""The audit log in Postgres: who looked at whom. No row is ever changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

import sqlalchemy as sa

from quadrupel.core.looks import Look, LookAt
from quadrupel.store.database import driver
from quadrupel.store.tables import looks

_SAVE: LiteralString = """
    INSERT INTO looks (user_id, at, key_id, request_id, key_name, route)
    SELECT * FROM unnest(
        %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[]
    )
    ON CONFLICT DO NOTHING
"""


def save(connection: sa.Connection, made: Sequence[Look]) -> None:
    """Add looks. One that is there already, since nobody knew whether it was saved, stays one."""
    rows = [
        (each.user_id, each.at, each.key_id, each.request_id, each.key_name, each.route.value)
        for each in made
    ]
    driver(connection).execute(_SAVE, [*map(list, zip(*rows, strict=True))])


def find(
    connection: sa.Connection,
    *,
    user_id: str | None = None,
    key: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[Look]:
    """The latest looks, the latest first: at a user, with the keys of that id or name, since then.

    Without a user it may read all that are there.
    """
    query = sa.select(looks).order_by(looks.c.at.desc(), looks.c.user_id, looks.c.request_id)
    if user_id is not None:
        query = query.where(looks.c.user_id == user_id)
    if key is not None:
        query = query.where(sa.or_(looks.c.key_id == key, looks.c.key_name == key))
    if since is not None:
        query = query.where(looks.c.at >= since)
    rows = connection.execute(query.limit(limit)).mappings()
    return [Look(**{**row, "route": LookAt(row["route"])}) for row in rows]


def oldest(connection: sa.Connection) -> datetime | None:
    """When the first look was that is there; reads all of them."""
    found: datetime | None = connection.execute(sa.select(sa.func.min(looks.c.at))).scalar_one()
    return found


def forget(connection: sa.Connection, since: datetime, before: datetime) -> int:
    """Remove the looks from one time on and before another; returns how many."""
    gone = sa.delete(looks).where(looks.c.at >= since, looks.c.at < before)
    return connection.execute(gone).rowcount
