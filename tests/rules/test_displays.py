"""Warnings of banners that are never shown, or not as it is meant."""

from pathlib import Path

import pytest

from quadrupel.rules import catalogue
from quadrupel.rules.displays import warnings

SHIPPED = Path(__file__).parents[2] / "rules"


@pytest.fixture
def warned(folder, script):
    """The warnings about a folder that has the given rules, each by what its banner says more."""

    def call(placements='main = Placement("m", limit=3)\n', **rules):
        (folder / "placements.py").write_text(placements)
        (folder / "people" / "someone_born.py").unlink(missing_ok=True)
        for number, (rule, banner) in enumerate(rules.items()):
            text = script.replace(
                "priority=5", ", ".join(filter(None, [f"priority={number}", banner]))
            )
            (folder / "people" / f"{rule}.py").write_text(text)
        found = warnings(catalogue.load(folder), "placements.py")
        return [f"{each.path.split('/')[-1]}: {each.message}; {each.hint}" for each in found]

    return call


def other(folder, rule):
    """Give a rule of the folder a condition that the others do not have."""
    path = folder / "people" / f"{rule}.py"
    path.write_text(path.read_text().replace("user.born <= today", "user.born < today"))


def test_nothing_is_said_of_what_is_shown(warned):
    assert warned(one="", two="must_show=True") == []


def test_a_placement_in_which_nothing_is_placed_shows_nothing(warned):
    empty = 'main = Placement("m", limit=3)\nattic = Placement("a", limit=1'
    [said] = warned(f"{empty})\n", one="")
    assert said.startswith("placements.py: attic shows nothing: no rule is placed there;")
    fallback = ', fallback=Banner(link="/x", title={"en": "T", "ru": "T"}))\n'
    assert warned(f"{empty}{fallback}", one="") == []


def test_more_rules_that_must_be_shown_than_there_is_room_for(warned):
    places = 'main = Placement("m", limit={"web": 2, "ios": 1})\n'
    [said] = warned(places, one="must_show=True", two="must_show=True")
    assert (
        said == "placements.py: main has room for 1 on ios, and 2 must be shown there: one, two; "
    )
    assert warned(places, one="must_show=True", two="") == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("shadow = True", "must be shown, and is shown to nobody: it is in shadow"),
        ("share = 0.25", "must be shown, and is shown to a share of 0.25 only"),
    ],
)
def test_what_must_be_shown_and_is_not(folder, script, more, said):
    text = script.replace("priority=5", "priority=5, must_show=True")
    (folder / "people" / "someone_born.py").write_text(text + more + "\n")
    (folder / "placements.py").write_text('main = Placement("m", limit=3)\n')
    [warning] = warnings(catalogue.load(folder), "placements.py")
    assert warning.message == said


def test_what_must_be_shown_cannot_be_dismissed_for_days(warned):
    [said] = warned(one="must_show=True, dismiss_for=days(3)")
    assert said == (
        "one.py: must be shown, so nobody can dismiss it; remove dismiss_for or must_show"
    )
    assert warned(one="dismiss_for=days(3)") == []


@pytest.mark.parametrize("word", ["story", "exclusive"])
def test_a_name_that_one_rule_has_is_perhaps_misspelt(warned, word):
    [said] = warned(one=f'{word}="licence"')
    assert said == f'one.py: has {word}="licence", which no other rule has; '


def test_the_nearest_name_is_the_hint(warned, folder):
    warned(one='story="licence"', two='story="licence"', three='story="licnece"')
    other(folder, "two")
    [said] = warnings(catalogue.load(folder), "p")
    assert (said.message, said.hint) == (
        'has story="licnece", which no other rule has',
        "did you mean licence?",
    )


@pytest.mark.parametrize("word", ["story", "exclusive"])
def test_a_rule_that_always_gives_way(warned, folder, word):
    named = f'{word}="birth"'
    [said] = warned(lower=named, upper=named)
    assert said == (
        f"lower.py: gives way whenever it matches: upper matches just then; both have {named}"
    )
    other(folder, "upper")
    assert warnings(catalogue.load(folder), "p") == []


def test_what_must_be_shown_gives_way_to_nothing(warned):
    assert warned(one='story="birth"', two='story="birth", must_show=True') != []
    assert warned(one='story="birth", must_show=True', two='story="birth", must_show=True') == []


def test_the_shipped_rules_are_all_shown():
    shipped = catalogue.load(SHIPPED)
    assert warnings(shipped, "placements.py") == []
