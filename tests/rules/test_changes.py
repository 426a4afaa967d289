import shutil
from datetime import date

import polars as pl
import pytest

from quadrupel.rules import catalogue
from quadrupel.rules.changes import (
    Change,
    Comparison,
    How,
    PlacementChange,
    changes,
    placement_changes,
)
from quadrupel.rules.offered import offers

TODAY = date(2026, 11, 23)


@pytest.fixture
def compared(folder, tmp_path_factory):
    """Two versions: the folder as it is, and as a function of its path leaves it."""

    def compare(change):
        other = tmp_path_factory.mktemp("new") / "rules"
        shutil.copytree(folder, other)
        change(other / "people" / "someone_born.py")
        return catalogue.load(folder), catalogue.load(other)

    return compare


def replaced(old, new):
    return lambda path: path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"en": "Title"', '"en": "Another"', ("title",)),
        ("priority=5", "priority=6", ("priority",)),
        ('owner = "team"', 'owner = "others"', ("owner",)),
        ('born="2030-01-01"', 'born="2031-01-01"', ("examples",)),
        ('link="/x", ', 'link="/y", text={"en": "T", "ru": "T"}, ', ("link", "text")),
        ('"""About something."""', '"""About something else."""', ("description",)),
    ],
)
def test_what_stands_around_a_condition_is_an_edit(compared, old, new, what):
    (change,) = changes(*compared(replaced(old, new)))
    assert change == Change("someone_born", How.EDITED, what)
    assert not change.can_move_users
    assert change.decides_anew is (what == ("priority",))


@pytest.mark.parametrize(("old", "new"), [("    return", "    # why\n    return"), ("x", "x")])
def test_comments_and_lines_are_no_difference(compared, old, new):
    assert changes(*compared(replaced(old, new))) == []


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("limit=2", "limit=3", PlacementChange("sidebar", How.EDITED, ("limit",))),
        ("limit=2", 'limit=2, clients=["web"]', PlacementChange("sidebar", How.EDITED, ("limit",))),
        ('"s", limit=2', '"S", limit=2', PlacementChange("sidebar", How.EDITED, ("doc",))),
        ("sidebar", "attic", PlacementChange("attic", How.ADDED)),
    ],
)
def test_what_differs_in_placements(folder, compared, old, new, change):
    def edit(path):
        places = path.parents[1] / "placements.py"
        assert old in places.read_text()
        places.write_text(places.read_text().replace(old, new))

    found = placement_changes(*compared(edit))
    assert found[0] == change
    assert found[0].decides_anew is ("limit" in change.what)
    assert [each.how for each in found[1:]] == ([How.REMOVED] if change.how is How.ADDED else [])


def test_another_condition_is_a_change(compared):
    (change,) = changes(*compared(replaced("user.born <= today", "user.born < today")))
    assert change == Change("someone_born", How.CHANGED)


def test_rules_come_and_go(compared):
    old, new = compared(lambda path: path.rename(path.parent / "somebody_born.py"))
    assert changes(old, new) == [
        Change("somebody_born", How.ADDED),
        Change("someone_born", How.REMOVED),
    ]


def users():
    born = [date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24), None]
    return pl.DataFrame({"user_id": ["a", "b", "c", "d"], "born": born})


MANY = pl.DataFrame({"user_id": [f"u{number}" for number in range(200)], "born": [TODAY] * 200})


def compare(old, new):
    comparison = Comparison(old, new, TODAY, 5)
    comparison.add(users())
    return (
        {rule: tally.sample for rule, tally in comparison.gained.items()},
        {rule: tally.sample for rule, tally in comparison.lost.items()},
    )


def test_users_gain_and_lose_by_another_condition(compared):
    old, new = compared(replaced("user.born <= today", "user.born != today"))
    assert compare(old, new) == ({"someone_born": ["c"]}, {"someone_born": ["b"]})


def test_users_lose_by_a_rule_that_goes_and_gain_by_one_that_comes(compared):
    old, new = compared(lambda path: path.rename(path.parent / "somebody_born.py"))
    gained, lost = compare(old, new)
    assert gained == {"somebody_born": ["a", "b"], "someone_born": []}
    assert lost == {"somebody_born": [], "someone_born": ["a", "b"]}


def test_a_rule_that_steps_into_the_shadow_is_lost_by_all(compared):
    old, new = compared(replaced('owner = "team"', 'owner = "team"\nshadow = True'))
    assert changes(old, new) == [Change("someone_born", How.EDITED, ("shadow",))]
    assert compare(old, new) == ({"someone_born": []}, {"someone_born": ["a", "b"]})


def reached(rule_set):
    (offer,) = offers(rule_set).offers.values()
    return {user for user in MANY["user_id"] if offer.reaches(user)}


@pytest.mark.parametrize("words", ["share = 0.1", "control = 0.5", "share = 0.6\ncontrol = 0.3"])
def test_users_move_by_shares_and_control_groups(compared, words):
    old, new = compared(replaced('owner = "team"', f'owner = "team"\n{words}'))
    (change,) = changes(old, new)
    assert change.how is How.EDITED
    assert change.can_move_users
    there = Comparison(old, new, TODAY, 200)
    there.add(MANY)
    assert 0 < len(reached(new)) < MANY.height == len(reached(old))
    assert there.gained["someone_born"].count == 0
    assert set(there.lost["someone_born"].sample) == reached(old) - reached(new)
    back = Comparison(new, old, TODAY, 200)
    back.add(MANY)
    assert set(back.gained["someone_born"].sample) == reached(old) - reached(new)
    assert back.lost["someone_born"].count == 0


def test_a_rule_that_comes_is_gained_by_whom_it_reaches(compared):
    def come(path):
        path.write_text(path.read_text().replace('"team"', '"team"\nshare = 0.1'))
        path.rename(path.parent / "somebody_born.py")

    old, new = compared(come)
    comparison = Comparison(old, new, TODAY, 200)
    comparison.add(MANY)
    assert set(comparison.gained["somebody_born"].sample) == reached(new)
    assert comparison.lost["someone_born"].count == MANY.height


def test_an_edit_moves_nobody(compared):
    assert compare(*compared(replaced("priority=5", "priority=6"))) == ({}, {})
