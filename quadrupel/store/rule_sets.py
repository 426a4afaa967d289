"""The rule sets that were ever evaluated by: what their rules are, by hash, and until when."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from quadrupel.store.tables import rule_sets

NO_WEIGHTS: Mapping[str, str] = MappingProxyType({})

MARK_EVERY = timedelta(seconds=5)
"""How often a publisher says that it publishes by a set, while it does."""
UNSURE = 2 * MARK_EVERY
"""By how much it may have published longer than it said, clocks that differ included."""

Asked = Mapping[str, tuple[str, str | None]]
"""The rules of a set: of each its identity, and the weight of its banner, if it has one."""


def save(
    connection: sa.Connection,
    hashed: str,
    identities: Mapping[str, str],
    weights: Mapping[str, str] = NO_WEIGHTS,
) -> None:
    """Remember the identities of the rules of a set and the weights of their banners.

    Safe to repeat: a set whose rules are known stays as it is.
    """
    rules = {"identities": dict(identities), "weights": dict(weights)}
    row = insert(rule_sets).values(hash=hashed, **rules)
    unknown = rule_sets.c.identities == sa.literal({}, JSONB)
    connection.execute(
        row.on_conflict_do_update(index_elements=["hash"], set_=rules, where=unknown)
    )


def identities(connection: sa.Connection, hashed: str) -> dict[str, str] | None:
    """The identities of the rules of a set, None if the set is not known."""
    query = sa.select(rule_sets.c.identities).where(rule_sets.c.hash == hashed)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else dict(found)


def mark_published(connection: sa.Connection, hashes: Collection[str], now: datetime) -> None:
    """Remember that something is published by these sets until now.

    Of a set that was never saved it is not known what its rules are, so it counts as one of none:
    what was evaluated may outlive what was saved, where a backup was restored. Every publisher
    writes these rows, so the transaction should end soon. They are written in one order, or two
    publishers might wait in a circle.
    """
    row = insert(rule_sets)
    marked = row.on_conflict_do_update(
        index_elements=["hash"],
        set_={
            "published_at": sa.func.greatest(rule_sets.c.published_at, row.excluded.published_at)
        },
    )
    rows = [
        {"hash": hashed, "identities": {}, "weights": {}, "published_at": now}
        for hashed in sorted(hashes)
    ]
    connection.execute(marked, rows)


def asked_since(connection: sa.Connection, hashed: str, since: datetime) -> list[Asked]:
    """A set, and those by which something was published since a time; none if it is not known."""
    sets = rule_sets.c
    query = sa.select(sets.hash, sets.identities, sets.weights).where(
        sa.or_(sets.hash == hashed, sets.published_at > since - UNSURE)
    )
    found = {row[0]: asked(*row[1:]) for row in connection.execute(query)}
    return [*found.values()] if hashed in found else []


def asked(identities: Mapping[str, str], weights: Mapping[str, str]) -> Asked:
    """The rules of a set."""
    return {rule: (identity, weights.get(rule)) for rule, identity in identities.items()}
