"""The rule sets that were ever evaluated by: what their rules are, by hash."""

from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.store.tables import rule_sets

NO_WEIGHTS: Mapping[str, str] = MappingProxyType({})


def save(
    connection: sa.Connection,
    hashed: str,
    identities: Mapping[str, str],
    weights: Mapping[str, str] = NO_WEIGHTS,
) -> None:
    """Remember the identities of the rules of a set and the weights of their banners.

    Safe to repeat.
    """
    row = {"hash": hashed, "identities": dict(identities), "weights": dict(weights)}
    connection.execute(insert(rule_sets).values(row).on_conflict_do_nothing())


def identities(connection: sa.Connection, hashed: str) -> dict[str, str] | None:
    """The identities of the rules of a set, None if the set is not known."""
    query = sa.select(rule_sets.c.identities).where(rule_sets.c.hash == hashed)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)


def weights(connection: sa.Connection, hashed: str) -> dict[str, str]:
    """The weights of the banners of a set, by rule; none if the set is not known."""
    query = sa.select(rule_sets.c.weights).where(rule_sets.c.hash == hashed)
    return dict(connection.execute(query).scalar_one_or_none() or {})
