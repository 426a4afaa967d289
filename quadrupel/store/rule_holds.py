"""Held rules: whose changes wait for an operator, by rule and identity.

A hold is of a rule as it was when it was tried. A rule that changes is another one and is tried
anew, so a decision never reaches what nobody has seen.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.core.errors import NotFound
from quadrupel.core.guards import Objection, Reason, Trial
from quadrupel.store.tables import rule_holds, rule_sets


class HoldState(StrEnum):
    """What became of a hold: it waits, its changes went on, or they never will."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why and since when a rule is held, and what its trial for the day `as_of` counted."""

    rule: str
    identity: str
    state: HoldState
    reason: Reason
    said: str
    as_of: date
    trial: Trial
    held_at: datetime
    decided_at: datetime | None = None


def hold(
    connection: sa.Connection,
    rule: str,
    identity: str,
    objection: Objection,
    as_of: date,
    trial: Trial,
    now: datetime,
) -> bool:
    """Hold a rule, unless it is held or discarded already; whether it is held only now."""
    values = {
        "state": HoldState.HELD,
        "reason": objection.reason,
        "said": objection.said,
        "as_of": as_of,
        "users": trial.users,
        "matched": trial.matched,
        "errors": trial.errors,
        "seconds": trial.seconds,
        "held_at": now,
        "decided_at": None,
    }
    row = insert(rule_holds).values(rule=rule, identity=identity, **values)
    held = row.on_conflict_do_update(
        index_elements=["rule", "identity"],
        set_=values,
        where=rule_holds.c.state == HoldState.RELEASED,
    )
    return connection.execute(held.returning(rule_holds.c.rule)).one_or_none() is not None


def release(connection: sa.Connection, rule: str, now: datetime) -> list[Hold]:
    """Let the changes of a rule go on, of each version that is held or discarded.

    Raises NotFound if there is none.
    """
    return _decide(connection, rule, (HoldState.HELD, HoldState.DISCARDED), "released", now)


def discard(connection: sa.Connection, rule: str, now: datetime) -> list[Hold]:
    """Drop the changes of a rule, until it is another one. Raises NotFound if it is not held."""
    return _decide(connection, rule, (HoldState.HELD,), "discarded", now)


def _decide(
    connection: sa.Connection, rule: str, states: Sequence[HoldState], to: str, now: datetime
) -> list[Hold]:
    decided = (
        sa.update(rule_holds)
        .where(rule_holds.c.rule == rule, rule_holds.c.state.in_(states))
        .values(state=to, decided_at=now)
        .returning(rule_holds)
    )
    found = [_read(row) for row in connection.execute(decided).mappings()]
    if not found:
        raise NotFound(f"rule {rule} is not held; `quadrupel rules held` shows which are")
    return found


def every(connection: sa.Connection, states: Collection[HoldState]) -> list[Hold]:
    """The holds in these states, the latest first."""
    query = (
        sa.select(rule_holds)
        .where(rule_holds.c.state.in_(states))
        .order_by(rule_holds.c.held_at.desc(), rule_holds.c.rule)
    )
    return [_read(row) for row in connection.execute(query).mappings()]


def held(connection: sa.Connection) -> list[Hold]:
    """The holds that wait for a decision, the latest first."""
    return every(connection, (HoldState.HELD,))


def silent(connection: sa.Connection, identities: Mapping[str, str]) -> set[str]:
    """The rules that are held or discarded as they are, by their identities."""
    waiting = every(connection, (HoldState.HELD, HoldState.DISCARDED))
    return {each.rule for each in waiting if identities.get(each.rule) == each.identity}


def accepted(connection: sa.Connection, identities: Mapping[str, str]) -> dict[str, Trial]:
    """The trials after which rules were released that are still what they were then."""
    return {
        each.rule: each.trial
        for each in every(connection, (HoldState.RELEASED,))
        if identities.get(each.rule) == each.identity
    }


def released_since(connection: sa.Connection, since: datetime) -> set[str]:
    """The rules that were released after a time."""
    query = sa.select(rule_holds.c.rule).where(
        rule_holds.c.state == HoldState.RELEASED, rule_holds.c.decided_at > since
    )
    return set(connection.execute(query).scalars())


def withheld(connection: sa.Connection, hashes: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The rules of each rule set, by its hash, that are held or discarded; only sets that have any.

    Known are the rule sets that `quadrupel.store.rule_sets` knows.
    """
    waiting = (HoldState.HELD, HoldState.DISCARDED)
    identity = rule_sets.c.identities.op("->>")(rule_holds.c.rule)
    query = (
        sa.select(rule_sets.c.hash, rule_holds.c.rule)
        .join(rule_holds, identity == rule_holds.c.identity)
        .where(rule_sets.c.hash.in_(hashes), rule_holds.c.state.in_(waiting))
    )
    found: dict[str, set[str]] = {}
    for hashed, rule in connection.execute(query):
        found.setdefault(hashed, set()).add(rule)
    return {hashed: frozenset(rules) for hashed, rules in found.items()}


def _read(row: sa.RowMapping) -> Hold:
    trial = Trial(row["users"], row["matched"], row["errors"], row["seconds"])
    return Hold(
        row["rule"],
        row["identity"],
        HoldState(row["state"]),
        Reason(row["reason"]),
        row["said"],
        row["as_of"],
        trial,
        row["held_at"],
        row["decided_at"],
    )
