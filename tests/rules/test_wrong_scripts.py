"""Wrong scripts around a predicate that is right, and how they are told of all that is wrong."""

import pytest

from .conftest import PREDICATE

WRONG_SCRIPTS = {
    "no description": ('"""About something."""', "", "has no description"),
    "an empty description": ("About something.", "  ", "this text is empty"),
    "no owner": ('owner = "team"', "", "has no owner"),
    "an owner that is no text": ('owner = "team"', "owner = team", "this must be a text"),
    "an owner twice": ('owner = "team"', 'owner = "a"\nowner = "b"', "owner is assigned twice"),
    "a misspelt word": ('owner = "team"', 'ownr = "team"', "did you mean owner?"),
    "tags twice": ('owner = "team"', 'owner = "t"\ntags = ["a", "a"]', '"a" is there twice'),
    "a statement with effects": (
        'owner = "team"',
        'owner = "team"\nprint("here")',
        "a script is not executed",
    ),
    "an import": ("owner =", "import os\nowner =", "imports nothing"),
    "an import from": ("owner =", "from os import system\nowner =", "imports nothing"),
    "a class": ("owner =", "class A: pass\nowner =", "a script is not executed"),
    "a second function": (
        "def matches",
        "def help(x):\n    return x\n\n\ndef matches",
        'no function "help"',
    ),
    "a misspelt function": ("def matches", "def match(user, today): return True\ndef x", "matches"),
    "two predicates": (
        "def matches",
        "def matches(user, today):\n    return user.vip\n\n\ndef matches",
        "matches is defined twice",
    ),
    "other parameters": ("(user, today)", "(citizen, today)", "def matches(user, today):"),
    "a parameter with a default": ("(user, today)", "(user, today=1)", "def matches(user, today):"),
    "parameters without end": ("(user, today)", "(user, today, *rest)", "matches(user, today):"),
    "a decorator": ("def matches", "@cache\ndef matches", "a predicate has no decorators"),
    "another annotation": ("(user, today)", "(user: dict, today)", "dict is not the type of this"),
    "another result": ("today):", "today) -> int:", "a predicate returns bool"),
    "an async predicate": ("def matches", "async def matches", "a script is not executed"),
    "a banner that is no call": ("Banner(placement", "dict(placement", '"dict" is not known here'),
    "an unknown placement": ('"main"', '"man"', "did you mean main?"),
    "a banner without a link": (', link="/x"', "", "Banner() needs link"),
    "a banner with more": ("priority=5", "priority=5, colour=1", '"colour" is not known here'),
    "a dismissal for a number": (
        "priority=5",
        "priority=5, dismiss_for=30",
        "hint: for example dismiss_for=days(30)",
    ),
    "a dismissal for months": (
        "priority=5",
        "priority=5, dismiss_for=months(1)",
        "this must be a number of days",
    ),
    "a dismissal for nothing": (
        "priority=5",
        "priority=5, dismiss_for=days(0)",
        "a whole number from 1 to 3660",
    ),
    "a dismissal for ever": (
        "priority=5",
        "priority=5, dismiss_for=days(3661)",
        "a whole number from 1 to 3660",
    ),
    "a dismissal for a part": (
        "priority=5",
        "priority=5, dismiss_for=days(1.5)",
        "a whole number from 1 to 3660",
    ),
    "a dismissal for True": (
        "priority=5",
        "priority=5, dismiss_for=days(True)",
        "a whole number from 1 to 3660",
    ),
    "a dismissal for a calculation": (
        "priority=5",
        "priority=5, dismiss_for=days(3 * 10)",
        "this must be a constant",
    ),
    "a dismissal for two numbers": (
        "priority=5",
        "priority=5, dismiss_for=days(3, 4)",
        "this must be a number of days",
    ),
    "a dismissal by name": (
        "priority=5",
        "priority=5, dismiss_for=days(n=3)",
        "this must be a number of days",
    ),
    "a dismissal for a text": (
        "priority=5",
        'priority=5, dismiss_for="30"',
        "this must be a number of days",
    ),
    "a dismissal of nothing that is shown": (
        'owner = "team"',
        'owner = "team"\ndismiss_for = days(3)',
        'a script has no "dismiss_for"',
    ),
    "a priority too high": ("priority=5", "priority=500", "a whole number from 0 to 100"),
    "a priority that is a condition": ("priority=5", "priority=True", "a whole number from 0"),
    "an argument without a name": ("placement=", "1, placement=", "this argument needs a name"),
    "arguments by mapping": ("priority=5", "**{}", "arguments are written out"),
    "a link to a script": ('"/x"', '"javascript:alert(1)"', "a path or an https address"),
    "a link to another host": ('"/x"', '"//evil.example"', "a path or an https address"),
    "a link without encryption": ('"/x"', '"http://portal.example"', "a path or an https"),
    "a link with a password": ('"/x"', '"https://a:b@portal.example"', "a path or an https"),
    "a link with a line break": ('"/x"', '"/x\\n/y"', "a path or an https address"),
    "a text in one language": (', "ru": "Заголовок"', "", 'the text in "ru" is missing'),
    "an unknown language": ('"en"', '"English"', '"English" is not a language'),
    "an empty text": ('"Title"', '""', "this text is empty"),
    "a long text": ('"Title"', '"' + "x" * 201 + '"', "201 characters, more than 200"),
    "a brace that does not close": ('"Title"', '"by {born"', "braces: expected '}'"),
    "braces with a format": ('"Title"', '"by {born:%d}"', "a name in braces has no format"),
    "braces with code": ('"Title"', '"{born.year}"', 'the profile has no attribute "born.year"'),
    "braces with an unknown name": ('"Title"', '"{bron}"', "did you mean born?"),
    "braces with a statistic": ('"Title"', '"{orders}"', "which has no text"),
    "braces with a windowed count": ('"Title"', '"{recent}"', "changes as days pass"),
    "once per a windowed count": ("owner =", 'once_per = "recent"\nowner =', "so it has no text"),
    "braces with what can be missing": (
        '"Title"',
        '"{issued}"',
        "issued can be missing when the rule matches",
    ),
    "once per what can be missing": (
        'owner = "team"',
        'owner = "team"\nonce_per = "issued"',
        "add is_known(user.issued) to the predicate",
    ),
    "once per what is not declared": (
        'owner = "team"',
        'owner = "team"\nonce_per = "bron"',
        "did you mean born?",
    ),
    "an e-mail without template": (
        'owner = "team"',
        'owner = "team"\nemail = Email()',
        "Email() needs template",
    ),
    "a template outside its folder": (
        'owner = "team"',
        'owner = "team"\nemail = Email(template="../../etc/passwd")',
        "is not a name",
    ),
    "a share above one": ("owner =", "share = 1.5\nowner =", "above 0 and at most 1"),
    "a share of nothing": ("owner =", "share = 0\nowner =", "above 0 and at most 1"),
    "a shadow that is a number": ("owner =", "shadow = 1\nowner =", "True or False"),
    "no examples": ("examples =", "tags =", "has no examples"),
    "examples that are no list": (
        "examples = [",
        "examples = 5\ntags = [",
        "the examples are a list",
    ),
    "an example of nothing known": (
        "unknown(",
        "unkown(",
        "did you mean unknown?",
    ),
    "no example of a match": ("    match(", "    no_match(", "no example of match"),
    "no example of no match": ("no_match(", "match(", "no example of no_match"),
    "no example of unknown": ('    unknown(today="2026-11-23"),\n', "", "no example of unknown"),
    "an example without a day": ('unknown(today="2026-11-23")', "unknown()", "needs today"),
    "an example with another day": ('unknown(today="2026-11-23")', 'unknown(today="now")', "a day"),
    "an example with an unknown attribute": ('born="2030', 'bron="2030', "did you mean born?"),
    "an example with a wrong value": ('"2030-01-01"', "2030", "must be a day as YYYY-MM-DD"),
    "an example with an impossible day": ('"2030-01-01"', '"2030-02-30"', "must be a day"),
    "an example with None": ('"2030-01-01"', "None", "a missing value is left out"),
    "an example with another text": (
        'born="2030-01-01"',
        'born="2030-01-01", sex="femal"',
        "did you mean female?",
    ),
    "an example with a wrong statistic": (
        'born="2030-01-01"',
        'born="2030-01-01", orders={"x": {"number": 2}}',
        'a statistic has no "number"',
    ),
    "an example with a wrong word of a named statistic": (
        'born="2030-01-01"',
        'born="2030-01-01", deeds={"x": {"count": 2}}',
        'a statistic has no "count"',
    ),
    "an example with a wrong number of a named statistic": (
        'born="2030-01-01"',
        'born="2030-01-01", deeds={"x": {"done": 0}}',
        "a whole number from 1",
    ),
    "an example with a wrong time of a named statistic": (
        'born="2030-01-01"',
        'born="2030-01-01", deeds={"x": {"last_done": "2026-11-23"}}',
        "must be a time",
    ),
    "an example with a number for a windowed count": (
        'born="2030-01-01"',
        'born="2030-01-01", recent=3',
        "a windowed count is a list of the days of its events",
    ),
    "an example with no day of a windowed count": (
        'born="2030-01-01"',
        'born="2030-01-01", recent=[]',
        "without events it is left out",
    ),
    "an example with an impossible day of a windowed count": (
        'born="2030-01-01"',
        'born="2030-01-01", recent=["2026-11-01", "2026-11-31"]',
        '"2026-11-31" is not a day',
    ),
    "an example with a number as a day of a windowed count": (
        'born="2030-01-01"',
        'born="2030-01-01", recent=[20261101]',
        "this must be a text",
    ),
    "an example with None for a windowed count": (
        'born="2030-01-01"',
        'born="2030-01-01", recent=None',
        "a missing value is left out",
    ),
    "an example with a wrong time": (
        'born="2030-01-01"',
        'born="2030-01-01", seen="2026-11-23"',
        "a time as RFC 3339",
    ),
    "the same example twice": (
        'no_match(today="2026-11-23", born="2030-01-01")',
        'match(today="2026-11-23", born="2000-01-01")',
        "the same example is there before",
    ),
}


@pytest.mark.parametrize("name", WRONG_SCRIPTS)
def test_a_wrong_script_is_told_why_and_how_to_mend_it(name, script, read_script):
    old, new, message = WRONG_SCRIPTS[name]
    assert old in script
    rule, source = read_script(script.replace(old, new, 1))
    assert rule is None
    assert message in "\n".join(map(str, source.problems))


def test_an_offer_is_needed(script, read_script):
    lines = [line for line in script.splitlines() if not line.startswith("banner")]
    _, source = read_script("\n".join(lines))
    assert [problem.message for problem in source.problems] == ["shows and sends nothing"]


def test_all_that_is_wrong_is_said_at_once(script, read_script):
    wrong = script.replace(PREDICATE, "return user.bron < 1 and aeg(user.born) > 'x'")
    wrong = wrong.replace('"main"', '"man"').replace('owner = "team"', "owner = 5")
    _, source = read_script(wrong)
    assert [(problem.line, problem.message) for problem in sorted(source.problems)] == [
        (3, "this must be a text"),
        (4, 'there is no placement "man"'),
        (8, 'the profile has no attribute "bron"'),
        (8, 'there is no function "aeg"'),
    ]


def test_a_problem_shows_its_line_a_caret_and_a_hint(script, read_script):
    _, source = read_script(script.replace("user.born <= today", "user.bron <= today"))
    (problem,) = source.problems
    assert str(problem).splitlines() == [
        'rule.py:8:12: the profile has no attribute "bron"',
        "    return user.bron <= today",
        "           ^^^^^^^^^",
        "    hint: did you mean born?",
    ]
