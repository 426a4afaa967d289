"""Evaluations for an earlier day than what is published: what they may know that nobody else says.

A run counts as one over everybody, whoever of them publish refuses.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.publishing import Again, Stale

from .test_publishing import DAY, User, evaluation

TOMORROW = DAY + timedelta(days=1)
AGAIN = Again("c1", TOMORROW)


def by(rule_set, *rules, **said):
    return replace(evaluation(*rules, **said), rule_set=rule_set)


@pytest.fixture
def user():
    """Published for tomorrow, by the old rules."""
    user = User()
    user.publish(by("old", "expiring", day=1))
    return user


def test_by_other_rules_the_user_is_asked_again_on_the_day_that_is_published(user):
    assert user.publish(by("new", "expiring", seconds=9)) == AGAIN
    assert user.rules() == ["expiring"]


def test_by_the_same_rules_it_is_old_and_no_more(user):
    assert user.publish(by("old", "expiring", seconds=9)) == Stale("c1")


def test_what_is_older_by_its_time_alone_is_old_by_whatever_rules(user):
    assert user.publish(by("new", "birthday", day=1, seconds=-1)) == Stale("c1")


def test_what_does_not_know_the_profile_is_old_by_whatever_rules():
    user = User()
    user.publish(by("old", "expiring", version=2, day=1))
    assert user.publish(by("new", "birthday", version=1)) == Stale("c1")


@pytest.mark.parametrize("rules", [(), ("birthday",), ("birthday", "expiring")])
def test_the_same_rules_may_hold_otherwise_since_one_was_released(user, rules):
    assert user.publish(by("old", *rules, seconds=9)) == AGAIN


def test_what_errs_or_is_held_holds_as_it_did(user):
    assert user.publish(by("old", seconds=9, errors=["birthday", "expiring"])) == Stale("c1")


def test_who_was_asked_is_not_asked_again_when_it_is_delivered_again(user):
    late = by("new", "birthday", "expiring")
    assert user.publish(late) == AGAIN
    user.publish(by("new", "birthday", "expiring", day=1, seconds=1))
    assert user.publish(late) == Stale("c1")


histories = st.lists(
    st.builds(
        lambda rule_set, rules, version, day, seconds: by(
            rule_set, *sorted(rules), version=version, day=day, seconds=seconds
        ),
        st.sampled_from(["old", "new"]),
        st.sets(st.sampled_from(["expiring", "birthday"])),
        st.integers(1, 2),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=9,
)


@given(histories, st.randoms(use_true_random=False))
def test_nobody_is_asked_for_ever_whatever_the_order_and_whoever_answers(history, chance):
    """Answers are of the day that is published: to be refused for it, that must have moved on."""
    user, waiting, answers = User(), list(history), 0
    while waiting:
        decision = user.publish(waiting.pop(chance.randrange(len(waiting))))
        if isinstance(decision, Again):
            answers += 1
            rules = chance.choice([("birthday",), ("expiring",), ()])
            said = {"version": 2, "day": (decision.as_of - DAY).days, "seconds": 10 + answers}
            waiting.append(by(chance.choice(["old", "new"]), *rules, **said))
    assert answers <= 2 * len(history)
