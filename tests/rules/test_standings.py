"""What becomes of banners, from a profile, and in words."""

from datetime import date

import pytest

from quadrupel.core.arbitration import Loss, Standing, Why
from quadrupel.core.dismissals import Dismissal
from quadrupel.core.profiles import Profile
from quadrupel.rules import catalogue
from quadrupel.rules.offered import offers
from quadrupel.rules.standings import standings, told

TODAY = date(2026, 11, 23)
RULE = '''
"""About something."""
owner = "team"
banner = Banner(placement="main", priority={priority}, link="/x", title={{"en": "T", "ru": "T"}})
def matches(user, today):
    return {condition}
examples = [
    match(today="2026-11-23", {holds}),
    no_match(today="2026-11-23", {fails}),
]
'''


@pytest.fixture
def rule_set(folder):
    """Rules that hold for visitors, one that errs for them, and room for one banner."""
    (folder / "placements.py").write_text('main = Placement("m", limit=1, clients=["web"])\n')
    visits = {"holds": "visits=1", "fails": "visits=0"}
    for priority, rule in enumerate(("low_rule", "high_rule")):
        text = RULE.format(priority=priority, condition="user.visits > 0", **visits)
        (folder / "people" / f"{rule}.py").write_text(text)
    erring = {"holds": "visits=3", "fails": "visits=0"}
    text = RULE.format(priority=9, condition="user.visits * 2 // (user.visits - 1) > 2", **erring)
    (folder / "people" / "erring_rule.py").write_text(text.replace("> 2", "== 3"))
    return catalogue.load(folder)


VISITOR = Profile("u1", 1, {"visits": 1})
AWAY = Dismissal(date(2026, 11, 20), date(2026, 12, 20))


def test_of_the_rules_that_hold_the_first_is_shown(rule_set):
    found = standings(rule_set, offers(rule_set), VISITOR, TODAY)
    assert found == {
        "high_rule": Standing("high_rule", "main", ("web",), ()),
        "low_rule": Standing("low_rule", "main", (), (Loss(Why.LIMIT, ("web",), ("high_rule",)),)),
    }


def test_what_a_rule_that_errs_or_is_held_shows_stays(rule_set):
    found = standings(rule_set, offers(rule_set), VISITOR, TODAY, open_rules={"erring_rule"})
    assert found["erring_rule"].clients == ("web",)
    assert found["high_rule"].losses == (Loss(Why.LIMIT, ("web",), ("erring_rule",)),)
    found = standings(rule_set, offers(rule_set), VISITOR, TODAY, {"high_rule"}, held={"high_rule"})
    assert found["high_rule"].clients == ("web",)


def test_a_rule_that_is_held_shows_nothing_that_it_does_not_show_already(rule_set):
    found = standings(rule_set, offers(rule_set), VISITOR, TODAY, held={"high_rule"})
    assert found["high_rule"].losses == (Loss(Why.HELD, ("web",)),)
    assert found["low_rule"].clients == ("web",)


def test_a_banner_that_is_dismissed_makes_room_and_says_until_when(rule_set):
    found = standings(
        rule_set, offers(rule_set), VISITOR, TODAY, {"high_rule"}, dismissed={"high_rule": AWAY}
    )
    assert found["high_rule"] == Standing(
        "high_rule", "main", (), (Loss(Why.DISMISSED, ("web",)),), AWAY
    )
    assert found["low_rule"].clients == ("web",)


def test_of_who_no_rule_holds_for_nothing_is_said(rule_set):
    assert standings(rule_set, offers(rule_set), Profile("u1", 1, {}), TODAY) == {}


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (Loss(Why.SHADOW, ("web",)), "its rule is in shadow"),
        (Loss(Why.SHARE, ("web",)), "the user is not in the share of users it is shown to"),
        (Loss(Why.HELD, ("web",)), "its rule is held, see `quadrupel rules held`"),
        (
            Loss(Why.DISMISSED, ("web",)),
            "it was dismissed on 2026-11-20, stays away until 2026-12-20",
        ),
        (Loss(Why.CLIENT, ("web",)), "main is not there"),
        (Loss(Why.STORY, ("web",), ("a",)), "a comes before it and tells its story"),
        (Loss(Why.EXCLUSIVE, ("web",), ("a",)), "a comes before it, of the same exclusive group"),
        (Loss(Why.LIMIT, ("web",), ("a",)), "no room in main, a comes before it"),
        (Loss(Why.LIMIT, ("web",), ("a", "b", "c")), "no room in main, a, b and c come before it"),
    ],
)
def test_every_loss_is_said_in_words(loss, said):
    lost = Standing("x", "main", (), (loss,), AWAY)
    assert told(lost) == [f"not shown on web: {said}"]


def test_what_is_shown_somewhere_is_said_first():
    shown = Standing("x", "main", ("web", "ios"), (Loss(Why.CLIENT, ("android",)),))
    assert told(shown) == [
        "shown in main on web, ios",
        "not shown on android: main is not there",
    ]
