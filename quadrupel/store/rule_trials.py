"""The trials of rules: what each did to a sample of users, by day and identity of the rule."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.core.guards import Trial, Usual
from quadrupel.store.tables import rule_trials

USUAL_TRIALS = 7
"""The usual is the median of so many trials, the last ones."""
KEPT = timedelta(days=60)


def save(
    connection: sa.Connection,
    as_of: date,
    identities: Mapping[str, str],
    trials: Mapping[str, Trial],
    held: Collection[str],
    now: datetime,
) -> None:
    """Save what each rule did; another trial for the same day takes the place of the one before.

    `held` rules were objected to. Trials of long ago are forgotten.
    """
    rows = [
        {"rule": rule, "as_of": as_of, "identity": identities[rule], **asdict(trial)}
        | {"held": rule in held}
        for rule, trial in sorted(trials.items())
    ]
    if rows:
        new = insert(rule_trials)
        names = ("users", "matched", "errors", "seconds", "held")
        again = {name: new.excluded[name] for name in names}
        keys = [column.name for column in rule_trials.primary_key]
        connection.execute(new.on_conflict_do_update(index_elements=keys, set_=again), rows)
    connection.execute(sa.delete(rule_trials).where(rule_trials.c.as_of < now.date() - KEPT))


def tried(
    connection: sa.Connection, identities: Mapping[str, str], as_of: date | None = None
) -> set[str]:
    """Those of the rules that were tried as they are; where a day is given, for that day."""
    query = sa.select(rule_trials.c.rule, rule_trials.c.identity).distinct()
    if as_of is not None:
        query = query.where(rule_trials.c.as_of == as_of)
    found = {tuple(row) for row in connection.execute(query)}
    return {rule for rule, identity in identities.items() if (rule, identity) in found}


def usual(
    connection: sa.Connection, as_of: date, identities: Mapping[str, str]
) -> dict[str, Usual]:
    """What rules usually do: medians of their last trials until a day, whatever they were then.

    A trial of the rule as it is now, for that very day, is left out, and so are trials that were
    objected to. A rule without trials has no usual.
    """
    query = sa.text(
        "SELECT rule, percentile_cont(0.5) WITHIN GROUP (ORDER BY matched::float / users),"
        " percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds / users)"
        " FROM (SELECT *, row_number() OVER (PARTITION BY rule ORDER BY as_of DESC) AS age"
        "  FROM rule_trials WHERE as_of <= :as_of AND NOT held AND users > 0"
        "  AND (as_of < :as_of OR identity <> ALL(:identities))) AS trials"
        " WHERE age <= :trials GROUP BY rule"
    )
    given = {"as_of": as_of, "identities": [*identities.values()], "trials": USUAL_TRIALS}
    return {rule: Usual(*medians) for rule, *medians in connection.execute(query, given)}
