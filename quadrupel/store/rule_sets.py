"""The rule sets that runs were started with: what their rules are, by hash."""

from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.store.tables import rule_sets

NO_WEIGHTS: Mapping[str, str] = MappingProxyType({})

_BANNER = " banner"
"""Behind the id of a rule: the key of its banner's weight. No id has a blank."""


def save(
    connection: sa.Connection,
    hashed: str,
    identities: Mapping[str, str],
    weights: Mapping[str, str] = NO_WEIGHTS,
) -> None:
    """Remember the identities of the rules of a set and the weights of their banners.

    Safe to repeat.
    """
    named = {f"{rule}{_BANNER}": weight for rule, weight in weights.items()}
    row = {"hash": hashed, "identities": {**identities, **named}}
    connection.execute(insert(rule_sets).values(row).on_conflict_do_nothing())


def identities(connection: sa.Connection, hashed: str) -> dict[str, str] | None:
    """The identities of the rules of a set, None if no run was started with it."""
    found = _found(connection, hashed)
    if found is None:
        return None
    return {rule: each for rule, each in found.items() if not rule.endswith(_BANNER)}


def weights(connection: sa.Connection, hashed: str) -> dict[str, str]:
    """The weights of the banners of a set, by rule; none if no run was started with it."""
    found = _found(connection, hashed) or {}
    return {
        name.removesuffix(_BANNER): each for name, each in found.items() if name.endswith(_BANNER)
    }


def _found(connection: sa.Connection, hashed: str) -> Mapping[str, str] | None:
    query = sa.select(rule_sets.c.identities).where(rule_sets.c.hash == hashed)
    return connection.execute(query).scalar_one_or_none()
