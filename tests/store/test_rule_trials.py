from datetime import UTC, date, datetime, timedelta

import pytest

from quadrupel.core.guards import Trial, Usual
from quadrupel.store import rule_trials
from quadrupel.store.database import transaction
from quadrupel.store.rule_trials import KEPT, USUAL_TRIALS

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEW = {"a": "new a"}


@pytest.fixture
def connection(engine):
    with transaction(engine) as connection:
        yield connection


def save(connection, day, matched, identity="old a", held=(), seconds=0.1, users=1000):
    trial = Trial(users, matched, 0, seconds)
    rule_trials.save(connection, day, {"a": identity}, {"a": trial}, held, NOW)


def usual(connection, day=DAY, identities=NEW):
    return rule_trials.usual(connection, day, identities)


def test_a_rule_that_was_never_tried_has_no_usual(connection):
    assert usual(connection) == {}
    assert rule_trials.tried(connection, NEW) == set()


def test_the_usual_is_the_median_of_the_last_trials(connection):
    for ago, matched in enumerate([10, 500, 20, 30, 40, 50, 60, *[900] * 9], start=1):
        save(connection, DAY - timedelta(days=ago), matched, seconds=matched / 1000)
    assert USUAL_TRIALS == 7
    assert usual(connection) == {"a": Usual(0.04, pytest.approx(0.04 / 1000))}


@pytest.mark.parametrize(
    ("saved", "ratio"),
    [
        ([(DAY, 10, "old a", ())], 0.01),
        ([(DAY, 10, "new a", ())], None),
        ([(DAY + timedelta(days=1), 10, "old a", ())], None),
        ([(DAY - timedelta(days=1), 10, "new a", ())], 0.01),
        ([(DAY - timedelta(days=1), 10, "old a", ("a",))], None),
        ([(DAY - timedelta(days=2), 20, "old a", ()), (DAY, 900, "old a", ("a",))], 0.02),
    ],
)
def test_only_earlier_trials_without_an_objection_tell_the_usual(connection, saved, ratio):
    for day, matched, identity, held in saved:
        save(connection, day, matched, identity, held)
    found = usual(connection).get("a")
    assert (found and found.ratio) == ratio


def test_a_second_trial_of_a_day_takes_the_place_of_the_first(connection):
    save(connection, DAY - timedelta(days=1), 10)
    save(connection, DAY - timedelta(days=1), 30)
    assert usual(connection)["a"].ratio == 0.03


def test_a_trial_of_nobody_tells_nothing(connection):
    save(connection, DAY - timedelta(days=1), 0, users=0)
    assert usual(connection) == {}


def test_a_rule_is_tried_as_it_is_and_for_a_day(connection):
    save(connection, DAY, 10)
    assert rule_trials.tried(connection, {"a": "old a", "b": "b"}) == {"a"}
    assert rule_trials.tried(connection, {"a": "old a"}, DAY) == {"a"}
    assert rule_trials.tried(connection, {"a": "old a"}, DAY + timedelta(days=1)) == set()
    assert rule_trials.tried(connection, NEW) == set()


def test_trials_of_long_ago_are_forgotten(connection):
    save(connection, DAY - KEPT - timedelta(days=1), 10, "older a")
    save(connection, DAY - KEPT, 10)
    save(connection, DAY + 10 * KEPT, 10, "new a")
    assert rule_trials.tried(connection, {"a": "older a"}) == set()
    assert rule_trials.tried(connection, {"a": "old a"}) == {"a"}
