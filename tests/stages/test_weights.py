"""Edits that change banner sets and no verdict: the next run brings them to whom they concern."""

import pytest

from quadrupel.core.banners import Banner
from quadrupel.core.profiles import Profile
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.stages.schedule import plan_of
from quadrupel.stages.trial import judge_run
from quadrupel.store import published, rule_holds, rule_trials, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .conftest import FILES, NOW, RULE, SCHEMA, TODAY
from .small_portal import Portal, rule_set

USERS = {
    "both": {"children": 1, "region": "77"},
    "moscow": {"children": 0, "region": "77"},
    "parent": {"children": 1, "region": "50"},
    "neither": {"children": 0, "region": "50"},
}
MOSCOW, PARENT = FILES["people/moscow.py"], FILES["people/parent.py"]


@pytest.fixture
def portal(applied, tmp_path):
    """A portal whose users were all evaluated."""
    with transaction(applied) as connection:
        users = [Profile(user, 1, values) for user, values in USERS.items()]
        ProfileStore(SCHEMA).write(connection, users, NOW)
    portal = Portal(applied, rule_set(tmp_path))
    portal.night()
    assert shown(portal) == {
        "both": (1, ["parent", "moscow"]),
        "moscow": (1, ["moscow"]),
        "parent": (1, ["parent"]),
        "neither": (1, []),
    }
    return portal


def shown(portal):
    """What is published, by user: the version of the set, and its rules."""
    states = portal.ask(published.states, [*USERS])
    return {
        user: (state.published.version, [banner.rule for banner in state.published.banners])
        for user, state in states.items()
    }


def plan(portal):
    return portal.ask(plan_of, portal.rules)


def changed(text, old, new):
    assert old in text
    return text.replace(old, new)


FIRST = changed(MOSCOW, "priority=1", "priority=9")
LARGER = RULE.format(
    priority=2, predicate="user.children > 0", match="children=2", other="children=0"
)


def test_an_edited_priority_is_brought_by_the_next_run(portal, tmp_path):
    portal.rules = rule_set(tmp_path, moscow=FIRST)
    assert plan(portal) == RunPlan(RunKind.RULES, ("moscow",))
    run = portal.night()
    assert run.changed == 2  # those whom the rule matches
    assert shown(portal) == {
        "both": (2, ["moscow", "parent"]),
        "moscow": (1, ["moscow"]),
        "parent": (1, ["parent"]),
        "neither": (1, []),
    }
    assert plan(portal) == RunPlan(RunKind.DUE)


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("priority=5", "priority=5, must_show=True", ["parent", "moscow"]),
        ('owner = "team"', 'owner = "team"\nshadow = True', ["moscow"]),
        (
            'banner = Banner(placement="main"',
            'banner = Banner(placement="side"',
            ["moscow", "parent"],
        ),
    ],
)
def test_whatever_weighs_is_brought(portal, tmp_path, old, new, left):
    places = FILES["placements.py"] + 'side = Placement("s", limit=1)\n'
    portal.rules = rule_set(tmp_path, places, parent=changed(PARENT, old, new))
    assert plan(portal) == RunPlan(RunKind.RULES, ("parent",))
    portal.night()
    assert shown(portal)["both"][1] == left


def test_a_story_that_two_rules_name_is_told_by_one_after_the_next_run(portal, tmp_path):
    story = [changed(text, "link=", 'story="life", link=') for text in (PARENT, MOSCOW)]
    portal.rules = rule_set(tmp_path, parent=story[0], moscow=story[1])
    portal.night()
    assert shown(portal)["both"] == (2, ["parent"])


def test_a_changed_limit_is_brought_to_whom_its_rules_match(portal, tmp_path):
    portal.rules = rule_set(tmp_path, 'main = Placement("m", limit={"web": 2, "ios": 1})\n')
    assert plan(portal) == RunPlan(RunKind.RULES, ("moscow", "parent"))
    run = portal.night()
    assert run.changed == 3
    banners = portal.ask(published.states, ["both"])["both"].published.banners
    began = TODAY.isoformat()
    assert banners == (Banner("parent", {}, began), Banner("moscow", {}, began, ("web",)))


def test_texts_fallbacks_and_descriptions_evaluate_nobody_again(portal, tmp_path):
    fallback = 'main = Placement("M", limit=3, fallback=Banner(link="/x", title={"en": "T"}))\n'
    portal.rules = rule_set(tmp_path, fallback, moscow=changed(MOSCOW, "Title", "Another"))
    assert plan(portal) == RunPlan(RunKind.DUE)


def test_a_rule_that_is_removed_is_removed_whatever_its_banner_weighed(portal, tmp_path):
    portal.rules = rule_set(tmp_path)
    rules = {rule: each for rule, each in portal.rules.rules.items() if rule != "moscow"}
    portal.rules = type(portal.rules)(SCHEMA, rules, portal.rules.placements, "without")
    assert plan(portal) == RunPlan(RunKind.RULES, (), ("moscow",))


def test_a_hold_and_a_trial_outlive_an_edited_priority(portal, tmp_path):
    trials = dict(portal.ask(rule_trials.usual, TODAY, portal.rules.identities))
    portal.rules = rule_set(tmp_path, moscow=FIRST)
    portal.try_changed()
    assert dict(portal.ask(rule_trials.usual, TODAY, portal.rules.identities)) == trials
    assert portal.ask(rule_holds.withheld, [portal.rules.hash]) == {}


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("priority=5", "priority=0", (2, ["moscow", "parent"])),
        ('owner = "team"', 'owner = "team"\nshadow = True', (2, ["moscow"])),
    ],
)
def test_the_banners_of_a_held_rule_are_weighed_anew_too(portal, tmp_path, old, new, left):
    portal.hold("parent")
    portal.rules = rule_set(tmp_path, parent=changed(PARENT, old, new))
    assert portal.night().changed == 2  # those who are shown its banner
    assert shown(portal)["both"] == left
    assert portal.open_matches("parent") == 2
    assert plan(portal) == RunPlan(RunKind.DUE)


def test_a_held_rule_that_nobody_is_shown_moves_nobody_whatever_it_weighs(portal, tmp_path):
    portal.rules = rule_set(tmp_path, large_family=LARGER)
    portal.try_changed()
    portal.hold("large_family")
    assert portal.night().changed == 0
    portal.rules = rule_set(tmp_path, large_family=changed(LARGER, "priority=2", "priority=9"))
    assert plan(portal) == RunPlan(RunKind.RULES, ("large_family",))
    assert portal.night().changed == 0


def test_a_run_is_judged_although_a_priority_was_edited_meanwhile(portal, tmp_path):
    run = portal.ask(runs.progress, "night 0", portal.now)
    with transaction(portal.engine) as connection:
        connection.exec_driver_sql(
            "UPDATE run_ranges SET evaluated = 2000,"
            ' rules = \'{"parent": {"matched": 0, "errors": 1000, "seconds": 1}}\''
            " WHERE number = 0"
        )
    run = portal.ask(runs.progress, "night 0", portal.now)
    judge_run(
        portal.engine, run, rule_set(tmp_path, parent=PARENT + "tags = ['x']\n", moscow=FIRST), NOW
    )
    assert [*portal.held] == ["parent"]
