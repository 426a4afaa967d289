"""Rules that misbehave are held before anything is shown or sent, and wait for an operator.

Two thousand users, small rules and the real database; runs go through evaluate and publish.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from quadrupel.bus import codec
from quadrupel.core.guards import Reason, Trial
from quadrupel.core.profiles import Profile
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.zones import UTC_ZONE
from quadrupel.rules.offered import offers
from quadrupel.rules.row import RowReading
from quadrupel.stages.pages import Pages
from quadrupel.stages.rehearsal import rehearse
from quadrupel.stages.schedule import plan_of
from quadrupel.stages.trial import judge_run, try_rules
from quadrupel.store import published, rule_holds, rule_trials, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.rule_numbers import RuleNumbers

from .conftest import NOW, RULE, SCHEMA, TODAY
from .small_portal import Portal, rule_set

STORE = ProfileStore(SCHEMA)
USERS = 2_000
MATCHING = 40
"""Of the users, so many have a child and as many live in region 77."""


def parent(predicate, match="children=1", other="children=0", extra=""):
    return RULE.format(priority=5, predicate=predicate, match=match, other=other) + extra


WIDER = parent("user.children >= 0", other="children=-1")
FAILING = parent("2 / (user.children - 5) < 1 and user.children > 0")
LIMITED = parent("user.children > 0", extra="max_match_ratio = 0.019\n")
FINE = parent("user.children > 0 and user.children < 9")


@pytest.fixture
def portal(applied, tmp_path):
    """A portal whose users were all evaluated."""
    with transaction(applied) as connection:
        users = [
            Profile(
                f"c{n:04}",
                1,
                {"children": int(n < MATCHING), "region": "77" if n < MATCHING else "50"},
            )
            for n in range(USERS)
        ]
        STORE.write(connection, users, NOW)
    portal = Portal(applied, rule_set(tmp_path))
    portal.night()
    assert portal.held == {}
    assert portal.open_matches("parent") == portal.open_matches("moscow") == MATCHING
    return portal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (WIDER, Reason.NUMBER),
        (LIMITED, Reason.RATIO),
        (FINE, None),
        (parent("user.children > 0", extra="max_match_ratio = 0.03\n"), None),
    ],
    ids=["matches everybody", "above its ratio", "as before", "below its ratio"],
)
def test_a_changed_rule_is_tried_before_it_is_asked(portal, tmp_path, text, reason):
    portal.rules = rule_set(tmp_path, parent=text)
    if text is LIMITED:
        # The ratio is not part of a rule's identity; a run of another day tries it again.
        portal.today += timedelta(days=1)
        portal.night()
    else:
        portal.try_changed()
    assert portal.held == ({"parent": reason} if reason else {})


def test_a_new_rule_that_errs_is_held(portal, tmp_path):
    with transaction(portal.engine) as connection:
        STORE.write(connection, [Profile("c9999", 1, {"children": 5})], NOW)
    portal.rules = rule_set(tmp_path, parent=FAILING)
    portal.try_changed()
    assert portal.held == {"parent": Reason.ERRORS}


def test_a_rule_that_takes_ten_times_its_time_is_held(portal):
    portal.today += timedelta(days=1)
    slow = iter(range(0, 10**9, 10**6))
    try_rules(
        portal.engine,
        portal.rules,
        portal.today,
        NOW,
        for_day=True,
        clock=lambda: float(next(slow)),
    )
    assert portal.held == {"moscow": Reason.TIME, "parent": Reason.TIME}


def test_of_a_held_rule_nothing_changes_and_the_others_go_on(portal, tmp_path):
    portal.rules = rule_set(
        tmp_path,
        parent=WIDER,
        moscow=RULE.format(
            priority=1,
            predicate='is_known(user.region) and user.region != "77"',
            match='region="50"',
            other='region="77"',
        ),
    )
    # Region 50 is what nearly all have, so both are held; one of them is released.
    portal.try_changed()
    assert portal.held == {"parent": Reason.NUMBER, "moscow": Reason.NUMBER}
    portal.ask(rule_holds.release, "moscow", portal.now)
    done = portal.night()
    assert done.kind == "rules"
    assert portal.open_matches("moscow") == USERS - MATCHING
    assert portal.open_matches("parent") == MATCHING
    before = portal.ask(rule_holds.held)
    assert portal.night().changed == 0
    assert portal.ask(rule_holds.held) == before


def test_what_waited_comes_with_the_next_run_after_a_release(portal, tmp_path):
    portal.rules = rule_set(tmp_path, parent=WIDER)
    portal.night()
    assert portal.open_matches("parent") == MATCHING
    assert portal.night().kind == "due"
    portal.ask(rule_holds.release, "parent", portal.now)
    portal.now += timedelta(hours=1)
    assert portal.night().kind == "rules"
    assert portal.open_matches("parent") == USERS
    portal.today += timedelta(days=1)
    assert portal.night().kind == "due"
    assert portal.held == {}


def test_what_was_discarded_never_comes_and_a_mended_rule_is_another(portal, tmp_path):
    portal.rules = rule_set(tmp_path, parent=WIDER)
    portal.night()
    portal.ask(rule_holds.discard, "parent", portal.now)
    portal.today += timedelta(days=1)
    portal.night()
    assert (portal.held, portal.open_matches("parent")) == ({}, MATCHING)
    portal.rules = rule_set(tmp_path, parent=parent("user.children > 3", match="children=4"))
    portal.night()
    assert (portal.held, portal.open_matches("parent")) == ({}, 0)


def test_an_event_changes_nothing_of_a_held_rule(portal, tmp_path, delivered):
    portal.rules = rule_set(tmp_path, parent=WIDER)
    portal.try_changed()
    user = Profile("c1999", 2, {"children": 0, "region": "77"})
    evaluation = RowReading(portal.rules).evaluation(
        user.user_id, user.version, user.values, TODAY, NOW
    )
    assert {match.rule for match in evaluation.matches} == {"moscow", "parent"}
    portal.publish(delivered([codec.verdicts(evaluation)]))
    [state] = portal.ask(published.states, ["c1999"]).values()
    assert [match.rule for match in state.open_matches] == ["moscow"]


def differences(portal):
    """What a proof finds of all users, who are all settled."""
    users, found = portal.differences(STORE, USERS)
    assert users == USERS
    return found


def rehearsed(portal):
    """What a run of the rule `parent`, as it is now, would change."""
    numbers = portal.ask(RuleNumbers().of, portal.rules.rules)
    return rehearse(
        portal.engine,
        Pages(portal.rules, numbers),
        offers(portal.rules),
        RunPlan(RunKind.RULES, ("parent",)),
        portal.today,
        portal.now,
        own=UTC_ZONE,
    )


def test_a_dry_run_of_a_changed_rule_says_what_the_run_then_does(portal, tmp_path):
    portal.rules = rule_set(tmp_path, parent=parent("user.children > 3", match="children=4"))
    changes = rehearsed(portal)
    assert (changes.users, changes.changed) == (USERS, MATCHING)
    assert (changes.opened, changes.closed) == ({}, {"parent": MATCHING})
    assert portal.open_matches("parent") == MATCHING
    done = portal.night()
    assert (done.kind, done.evaluated, done.changed) == ("rules", USERS, MATCHING)
    assert portal.open_matches("parent") == 0


def test_a_dry_run_and_a_proof_know_what_is_held(portal, tmp_path):
    portal.rules = rule_set(tmp_path, parent=WIDER)
    portal.night()
    changes = rehearsed(portal)
    assert (changes.opened, changes.closed) == ({}, {})
    assert differences(portal) == []


def test_a_rule_is_tried_once_and_for_each_day_of_a_run_again(portal):
    tried = portal.ask(rule_trials.tried, portal.rules.identities, TODAY)
    assert tried == {"parent", "moscow"}
    portal.today += timedelta(days=1)
    portal.try_changed()
    assert portal.ask(rule_trials.tried, portal.rules.identities, portal.today) == set()
    portal.night()
    assert portal.ask(rule_trials.tried, portal.rules.identities, portal.today) == tried


def test_without_users_nothing_is_tried(applied, small_rules):
    try_rules(applied, small_rules, TODAY, NOW)
    with transaction(applied) as connection:
        assert rule_trials.tried(connection, small_rules.identities) == set()
        plan = plan_of(connection, small_rules)
    assert plan.changed == ("moscow", "parent")


@pytest.mark.parametrize(
    ("of", "matched", "errors", "reason"),
    [
        ({}, 1_000, 0, Reason.NUMBER),
        ({}, 100, 0, None),
        ({}, 100, 3, Reason.ERRORS),
        ({"kind": "due"}, 1_000, 0, None),
        ({"kind": "due"}, 0, 3, Reason.ERRORS),
        ({"zone": "Asia/Kamchatka"}, 1_000, 0, None),
        ({"zone": "Asia/Kamchatka"}, 0, 3, Reason.ERRORS),
    ],
)
def test_what_a_run_counts_is_judged_while_it_goes_on(portal, of, matched, errors, reason):
    run = portal.ask(runs.progress, "night 0", portal.now)
    yesterday, usual = TODAY - timedelta(days=1), {"parent": Trial(USERS, MATCHING)}
    portal.ask(rule_trials.save, yesterday, portal.rules.identities, usual, (), NOW)
    with transaction(portal.engine) as connection:
        connection.exec_driver_sql(
            "UPDATE run_ranges SET rules = jsonb_build_object('parent', jsonb_build_object("
            f" 'matched', {matched}, 'errors', {errors}, 'seconds', 900)) WHERE number = 0"
        )
        connection.exec_driver_sql("UPDATE run_ranges SET rules = NULL WHERE number > 0")
    judge_run(portal.engine, replace(run, evaluated=USERS, **of), portal.rules, NOW)
    assert portal.held == ({"parent": reason} if reason else {})
    judge_run(portal.engine, replace(run, rule_set="another"), portal.rules, NOW)
