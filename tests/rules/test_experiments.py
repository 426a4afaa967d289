"""What scripts say of experiments, and what they are told of what is wrong with it."""

import pytest

from quadrupel.core.experiments import Experiment, Goal
from quadrupel.rules import catalogue
from quadrupel.rules.changes import changes
from quadrupel.rules.displays import warnings
from quadrupel.rules.experiment_words import experiment_words
from quadrupel.rules.offered import goals, offers

VARIANTS = """
variants = {
    "plain": Variant(share=0.25),
    "urgent": Variant(
        share=0.75, title={"en": "Now, {points}", "ru": "{points}"}, text={"en": "T", "ru": "Т"}
    ),
}
"""


def with_more(script, more):
    """A script with more assignments."""
    return script.replace("\n\ndef matches", f"\n{more}\n\ndef matches", 1)


@pytest.fixture
def read(script, read_script):
    return lambda more: read_script(with_more(script, more))


def known_points(text):
    """The script with a predicate that makes sure of what a variant shows."""
    return (
        text.replace("return user.born", "return is_known(user.points) and user.born")
        .replace(
            'match(today="2026-11-23", born="2000',
            'match(today="2026-11-23", points=1, born="2000',
            1,
        )
        .replace('unknown(today="2026-11-23")', 'unknown(today="2026-11-23", points=1)')
    )


def test_a_script_says_what_is_tried(script, read_script):
    more = f'control = 0.1\n{VARIANTS}\ngoal = Goal("a.b", where={{"kind": "x"}}, within=days(14))'
    rule, source = read_script(known_points(with_more(script, more)))
    assert source.problems == ()
    assert (rule.control, rule.goal) == (0.1, Goal("rule", "a.b", (("kind", "x"),), 14))
    plain, urgent = rule.banner.variants
    assert (plain.name, plain.share, plain.title, plain.text) == (
        *("plain", 0.25),
        *(rule.banner.title, rule.banner.text),
    )
    assert (urgent.title["en"], urgent.text) == ("Now, {points}", {"en": "T", "ru": "Т"})
    assert rule.shown == ("points",)
    assert rule.is_experiment
    assert experiment_words(rule) == [
        "control group of 10 %",
        "variants plain 25 %, urgent 75 %",
        "goal a.b (kind = x) within 14 days",
    ]


def test_a_goal_may_be_the_type_of_an_event_alone(read):
    rule, source = read('goal = "bill.paid"')
    assert source.problems == ()
    assert rule.goal == Goal("rule", "bill.paid", (), 30)


def test_a_rule_that_says_nothing_tries_nothing(read):
    rule, _ = read("")
    assert (rule.control, rule.goal, rule.banner.variants) == (None, None, ())
    assert not rule.is_experiment
    rule, _ = read("control = 0")
    assert rule.control == 0
    assert not rule.is_experiment


TWO = '"a": Variant(share=0.5), "b": Variant(share=0.5, title={"en": "X", "ru": "X"})'


def tried(variants):
    return f"variants = {{{variants}}}"


WRONG = {
    "a control group of too many": ("control = 0.51", "from 0 to 0.5", "a tenth is 0.1"),
    "a negative control group": ("control = -0.1", "from 0 to 0.5", ""),
    "a control group that is a text": ('control = "0.1"', "from 0 to 0.5", ""),
    "a control group that is true": ("control = True", "from 0 to 0.5", ""),
    "a control group that is worked out": ("control = 1 / 10", "must be a constant", ""),
    "a control group that is no number": ("control = 1e999", "from 0 to 0.5", ""),
    "variants that are no mapping": ("variants = [1]", "this must be a mapping", ""),
    "no variant": ("variants = {}", "2 to 10 variants, here 0", "compared with something"),
    "one variant": ('variants = {"a": Variant(share=1)}', "2 to 10 variants, here 1", ""),
    "too many variants": (
        tried(", ".join(f'"v{n}": Variant(share=0.1)' for n in range(11))),
        "2 to 10 variants, here 11",
        "",
    ),
    "a variant twice": (tried(TWO + ', "a": Variant(share=0.1)'), '"a" is there twice', ""),
    "variants written by **": (tried(TWO + ", **x"), "written out, without **", ""),
    "a variant called control": (
        tried(TWO.replace('"a"', '"control"')),
        'no variant is called "control"',
        "",
    ),
    "a variant called shown": (
        tried(TWO.replace('"a"', '"shown"')),
        'no variant is called "shown"',
        "",
    ),
    "a variant with a strange name": (
        tried(TWO.replace('"a"', '"<b>"')),
        '"<b>" is not a name',
        "1 to 32 of a-z",
    ),
    "a variant that is no call": (
        tried(TWO + ', "c": 0.1'),
        "this is not written as a call",
        "write Variant(...)",
    ),
    "a variant of another word": (
        tried(TWO + ', "c": Variante(share=0.1)'),
        '"Variante" is not known here',
        "did you mean Variant?",
    ),
    "a variant without a share": (
        tried(TWO + ', "c": Variant()'),
        "Variant() needs share",
        "",
    ),
    "a variant of nobody": (
        tried(TWO.replace("0.5)", "0)")),
        "above 0 and at most 1",
        "",
    ),
    "a variant with another link": (
        tried(TWO.replace("0.5)", '0.5, link="/y")')),
        '"link" is not known here',
        "share, text, title",
    ),
    "shares of more than all": (
        tried(TWO.replace("share=0.5,", "share=0.6,")),
        "the shares add up to 1.1, not to 1",
        "thirds",
    ),
    "shares of less than all": (
        (
            'variants = {"a": Variant(share=0.3),'
            ' "b": Variant(share=0.3, text={"en": "X", "ru": "X"})}'
        ),
        "the shares add up to 0.6, not to 1",
        "",
    ),
    "variants that say the same": (
        'variants = {"a": Variant(share=0.5), "b": Variant(share=0.5)}',
        "b says what a says",
        "a title or a text of its own",
    ),
    "a variant without a language": (
        tried(TWO.replace(', "ru": "X"', "")),
        'the text in "ru" is missing',
        "",
    ),
    "a variant with braces that do not pair": (
        tried(TWO.replace('"en": "X"', '"en": "{"')),
        "braces",
        "{attribute}",
    ),
    "a variant that shows what no profile has": (
        tried(TWO.replace('"en": "X"', '"en": "{bron}"')),
        'the profile has no attribute "bron"',
        "did you mean born?",
    ),
    "a variant that shows what may be missing": (
        tried(TWO.replace('"en": "X"', '"en": "{points}"')),
        "points can be missing when the rule matches",
        "is_known(user.points)",
    ),
    "a goal that is a number": ("goal = 5", "this must be a text", ""),
    "a goal that is no type of an event": ('goal = "a b"', '"a b" cannot be an event type', ""),
    "an empty goal": ('goal = ""', "this text is empty", ""),
    "a goal of another word": ('goal = Gaol("a.b")', '"Gaol" is not known here', "mean Goal?"),
    "a goal without an event": ("goal = Goal()", "Goal() needs event", ""),
    "a goal with more": ('goal = Goal("a.b", soon=True)', '"soon" is not known here', ""),
    "a goal within no days": ('goal = Goal("a.b", within=days(0))', "from 1 to 366", "days(30)"),
    "a goal within ages": ('goal = Goal("a.b", within=days(367))', "from 1 to 366", ""),
    "a goal within a number": ('goal = Goal("a.b", within=30)', "a number of days", "days(30)"),
    "a goal within months": ('goal = Goal("a.b", within=months(1))', "a number of days", ""),
    "a goal where a member is a list": (
        'goal = Goal("a.b", where={"kind": ["x"]})',
        "this must be a text, a whole number, True or False",
        "",
    ),
    "a goal where a member has a strange name": (
        'goal = Goal("a.b", where={"a b": 1})',
        '"a b" cannot be a member',
        "",
    ),
    "a click as a goal": ('goal = "banner.clicked"', "banner.clicked is no goal", "counted anyway"),
    "an erasure as a goal": ('goal = "user.erased"', "user.erased is no goal", "erased"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_experiment_is_told_why_and_where(name, read):
    more, message, hint = WRONG[name]
    rule, source = read(more)
    assert rule is None
    told = "\n".join(map(str, source.problems))
    assert message in told
    assert hint in told
    assert "^" in told
    assert all(problem.line for problem in source.problems)


def test_what_must_be_shown_is_kept_from_nobody(script, read_script):
    must = script.replace("priority=5", "priority=5, must_show=True")
    rule, source = read_script(with_more(must, "control = 0.1"))
    assert rule is None
    assert "what must be shown is kept from nobody" in str(source.problems[0])
    assert read_script(with_more(must, "control = 0"))[1].problems == ()


def test_variants_need_a_banner(script, read_script):
    line = next(each for each in script.splitlines() if each.startswith("banner"))
    mailed = script.replace(line, 'email = Email(template="plain")')
    _, source = read_script(with_more(mailed, tried(TWO)))
    assert [problem.message for problem in source.problems] == [
        "variants are of a banner, and the rule has none"
    ]


def declare(folder, text):
    (folder / "experiments.py").write_text(text)
    return catalogue.examine(folder)


def test_the_control_group_of_all_rules_is_declared_beside_them(folder):
    assert catalogue.load(folder).control == 0.0
    examined = declare(folder, '"""Why."""\n\ncontrol = 0.02\n')
    assert (examined.problems, examined.rule_set.control) == ((), 0.02)
    (offer,) = offers(examined.rule_set).offers.values()
    assert offer.experiment == Experiment("someone_born", 0.0, 0.02)
    assert not offer.recorded


WRONG_DECLARATIONS = {
    "": "declares no control group",
    '"""Only words."""': "declares no control group",
    "control = 0": "above 0 to 0.5",
    "control = 0.6": "above 0 to 0.5",
    "control = 0.1\ncontrol = 0.2": "declared twice",
    "controls = 0.1": "only the control group is declared here",
    "import os": "only the control group is declared here",
    "control = (": "was never closed",
    "\0": "an invisible character",
}


@pytest.mark.parametrize("text", WRONG_DECLARATIONS)
def test_a_wrong_declaration_is_told(folder, text):
    examined = declare(folder, text)
    assert WRONG_DECLARATIONS[text] in "\n".join(map(str, examined.problems))


def test_a_declaration_that_is_a_link_is_refused(folder, tmp_path_factory):
    (folder / "experiments.py").symlink_to(tmp_path_factory.mktemp("else") / "nothing.py")
    assert "is not a regular file" in str(catalogue.examine(folder).problems[0])


def rule_file(folder, more, must_show=False):
    path = folder / "people" / "someone_born.py"
    text = with_more(path.read_text(), more)
    path.write_text(text.replace("priority=5", "priority=5, must_show=True") if must_show else text)
    return catalogue.load(folder)


@pytest.mark.parametrize(("more", "must_show"), [("control = 0", False), ("", True)])
def test_some_rules_are_kept_from_nobody_in_the_common_control_group(folder, more, must_show):
    declare(folder, "control = 0.5")
    (offer,) = offers(rule_file(folder, more, must_show)).offers.values()
    assert offer.experiment is None


def test_an_edited_control_group_is_brought_by_the_next_run_and_variants_are_not(folder):
    before = catalogue.load(folder)
    varied = rule_file(folder, tried(TWO) + "\ngoal = 'person.seen'")
    assert (varied.hash, varied.weights) == (before.hash, before.weights)
    (change,) = changes(before, varied)
    assert (change.what, change.decides_anew) == (("variants", "goal"), False)
    kept = rule_file(folder, "control = 0.1")
    assert kept.hash != varied.hash
    assert kept.identities == varied.identities
    (change,) = changes(varied, kept)
    assert (change.what, change.decides_anew) == (("control",), True)
    assert declare(folder, "control = 0.1").rule_set.hash != kept.hash


def test_goals_are_handed_to_ingest(folder):
    assert goals(catalogue.load(folder)) == {}
    found = rule_file(folder, "goal = 'person.seen'")
    assert goals(found) == {"person.seen": [Goal("someone_born", "person.seen")]}


@pytest.mark.parametrize(
    ("more", "message", "hint"),
    [
        ("control = 0.1", "has a control group and no goal", "goal ="),
        (
            'goal = "person.sen"',
            "an event that no attribute is fed by",
            "did you mean person.seen?",
        ),
        ('shadow = True\ngoal = "person.seen"', "in shadow, so nothing is tried", ""),
    ],
)
def test_a_questionable_experiment_is_warned_of(folder, more, message, hint):
    said = [
        warning
        for warning in warnings(rule_file(folder, more), "p")
        if "sidebar" not in str(warning)
    ]
    assert len(said) == 1
    assert message in said[0].message
    assert hint in said[0].hint


def test_nothing_is_said_of_a_good_experiment(folder):
    said = warnings(rule_file(folder, "control = 0.1\ngoal = 'person.seen'"), "p")
    assert [each for each in said if "sidebar" not in str(each)] == []
