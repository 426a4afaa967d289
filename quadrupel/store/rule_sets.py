"""The rule sets that runs were started with: the identities of their rules, by hash."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.store.tables import rule_sets


def save(connection: sa.Connection, hashed: str, identities: Mapping[str, str]) -> None:
    """Remember the identities of the rules of a set. Safe to repeat."""
    row = {"hash": hashed, "identities": dict(identities)}
    connection.execute(insert(rule_sets).values(row).on_conflict_do_nothing())


def identities(connection: sa.Connection, hashed: str) -> dict[str, str] | None:
    """The identities of the rules of a set, None if no run was started with it."""
    query = sa.select(rule_sets.c.identities).where(rule_sets.c.hash == hashed)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)
