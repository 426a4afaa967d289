"""A night whose ranges are worked on by hand."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.verdicts import NEVER_DUE
from quadrupel.store.database import transaction

from .night_ledger import DAY, NOW, Ledger, add


@pytest.fixture
def night(engine):
    """A run over 25 users in ranges of 10, all on the bus."""
    add(engine, *(f"c{n:03}" for n in range(25)))
    ledger = Ledger(engine)
    ledger.start("night", DAY, "set", 10, NOW)
    ledger.mark_fanned_out("night", [0, 1, 2], NOW)
    return ledger


@pytest.fixture
def due_night(engine):
    """A run over the 10 users due, of 25, in one range."""
    add(engine, *(f"c{n:03}" for n in range(25)))
    with transaction(engine) as connection:
        connection.execute(
            sa.text(
                "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
                " rule_set, banners, updated_at, due_on)"
                " SELECT user_id, 1, 1, :before, :now, 'set', '[]', :now, CASE"
                " WHEN user_id < 'c010' THEN :day ELSE :never END FROM profiles"
            ),
            {"before": DAY - timedelta(1), "now": NOW, "day": DAY, "never": NEVER_DUE},
        )
    ledger = Ledger(engine)
    ledger.start("night", DAY, "set", 10, NOW, RunPlan(RunKind.DUE))
    return ledger
