from datetime import UTC, date, datetime, timedelta

import pytest

from quadrupel.core.errors import NotFound
from quadrupel.core.guards import Objection, Reason, Trial
from quadrupel.store import rule_holds, rule_sets
from quadrupel.store.database import transaction
from quadrupel.store.rule_holds import Hold, HoldState

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TRIAL = Trial(50_000, 40_000, 2, 0.125)
OBJECTION = Objection(Reason.NUMBER, "matches 80.00% of the users, usually 1.00%")
SETS = {"first": {"a": "a1", "b": "b1"}, "second": {"a": "a2", "b": "b1"}}


@pytest.fixture
def connection(engine):
    with transaction(engine) as connection:
        for hashed, identities in SETS.items():
            rule_sets.save(connection, hashed, identities)
        yield connection


def hold(connection, rule="a", identity="a1", trial=TRIAL, now=NOW):
    return rule_holds.hold(connection, rule, identity, OBJECTION, DAY, trial, now)


def withheld(connection):
    return rule_holds.withheld(connection, [*SETS, "unknown"])


def test_a_hold_is_of_a_rule_as_it_was_tried(connection):
    assert withheld(connection) == {}
    assert hold(connection)
    assert withheld(connection) == {"first": {"a"}}
    assert hold(connection, "b", "b1")
    assert withheld(connection) == {"first": {"a", "b"}, "second": {"b"}}
    assert rule_holds.withheld(connection, []) == {}
    assert rule_holds.held(connection) == [
        Hold(rule, identity, HoldState.HELD, *(OBJECTION.reason, OBJECTION.said), DAY, TRIAL, NOW)
        for rule, identity in (("a", "a1"), ("b", "b1"))
    ]


def test_what_is_silent_is_known_by_identities_too(connection):
    hold(connection)
    hold(connection, "b", "b1")
    assert rule_holds.silent(connection, SETS["first"]) == {"a", "b"}
    assert rule_holds.silent(connection, SETS["second"]) == {"b"}
    rule_holds.discard(connection, "a", LATER)
    rule_holds.release(connection, "b", LATER)
    assert rule_holds.silent(connection, SETS["first"]) == {"a"}


def test_a_rule_is_held_once_until_somebody_decides(connection):
    assert hold(connection)
    assert not hold(connection, trial=Trial(1), now=LATER)
    assert [each.trial for each in rule_holds.held(connection)] == [TRIAL]


def test_a_released_rule_goes_on_with_its_trial_accepted_and_can_be_held_again(connection):
    hold(connection)
    [released] = rule_holds.release(connection, "a", LATER)
    assert (released.state, released.decided_at) == (HoldState.RELEASED, LATER)
    assert withheld(connection) == {}
    assert rule_holds.accepted(connection, SETS["first"]) == {"a": TRIAL}
    assert rule_holds.accepted(connection, SETS["second"]) == {}
    assert rule_holds.released_since(connection, NOW) == {"a"}
    assert rule_holds.released_since(connection, LATER) == set()
    assert hold(connection, trial=Trial(9), now=LATER)
    [again] = rule_holds.held(connection)
    assert (again.trial, again.held_at, again.decided_at) == (Trial(9), LATER, None)


def test_a_discarded_rule_stays_silent_as_it_is_and_can_be_released_after_all(connection):
    hold(connection)
    [discarded] = rule_holds.discard(connection, "a", LATER)
    assert discarded.state is HoldState.DISCARDED
    assert withheld(connection) == {"first": {"a"}}
    assert rule_holds.held(connection) == []
    assert not hold(connection, now=LATER)
    rule_holds.release(connection, "a", LATER)
    assert withheld(connection) == {}


def test_every_version_that_waits_is_decided_on(connection):
    hold(connection)
    hold(connection, identity="a2")
    assert len(rule_holds.discard(connection, "a", LATER)) == 2
    assert len(rule_holds.release(connection, "a", LATER)) == 2
    assert rule_holds.every(connection, [HoldState.HELD]) == []
    assert {each.identity for each in rule_holds.every(connection, HoldState)} == {"a1", "a2"}


@pytest.mark.parametrize("decide", [rule_holds.release, rule_holds.discard])
@pytest.mark.parametrize("rule", ["b", "", "no such rule", "a'; --"])
def test_what_is_not_held_cannot_be_decided_on(connection, decide, rule):
    hold(connection)
    with pytest.raises(NotFound, match="is not held; `quadrupel rules held`"):
        decide(connection, rule, LATER)


def test_what_was_released_cannot_be_discarded(connection):
    hold(connection)
    rule_holds.release(connection, "a", LATER)
    with pytest.raises(NotFound):
        rule_holds.discard(connection, "a", LATER)
