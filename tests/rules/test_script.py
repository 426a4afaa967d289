"""Rule scripts: what a right one says, and what a wrong one is told."""

import dataclasses
from datetime import date

import pytest

from quadrupel.core.verdicts import Verdict

PREDICATE = "return user.born <= today"

WRONG_PREDICATES = {
    "an unknown attribute": (
        "return user.bron <= today",
        'the profile has no attribute "bron"',
        "did you mean born?",
    ),
    "an attribute without user": (
        "return born <= today",
        '"born" is not defined here',
        "write user.born",
    ),
    "an unknown name": ("return tody >= user.born", '"tody" is not defined here', "mean today?"),
    "a misspelt True": ("return true", '"true" is not defined here', "did you mean True?"),
    "an unknown function": ("return aeg(user.born) > 1", 'no function "aeg"', "did you mean age?"),
    "a call of an attribute": (
        "return user.born.isoformat() == 'x'",
        "only the functions of the language can be called",
        "",
    ),
    "a call of a call": ("return age(user.born)()", "only the functions of the language", ""),
    "a function without brackets": (
        "return age > 18",
        "age is a function, and stands with brackets",
        "write age(born: date)",
    ),
    "user as a value": ("return user == today", "user alone is no value", "user.birth_date"),
    "a date and a text": (
        "return user.born > '2000-01-01'",
        "a date and a text do not go together",
        "a day is written date(2026, 12, 31)",
    ),
    "a date and a number": (
        "return user.born > 18",
        "a date and an integer do not go together",
        "today + days(7)",
    ),
    "a date and a time": (
        "return user.seen > today",
        "a time (datetime) and a date do not go together",
        "day_of(...)",
    ),
    "a date plus a number": (
        "return user.born + 30 > today",
        "a date + an integer means nothing",
        "today + days(7)",
    ),
    "a number of days as a period": (
        "return today - user.born < days(30)",
        "an integer and a period do not go together",
        "write 7, not days(7)",
    ),
    "two dates added": ("return user.born + today > today", "a date + a date means nothing", ""),
    "a period alone": ("return is_known(months(1))", "a period has no value of its own", "months"),
    "a number as a condition": (
        "return user.points",
        "an integer is not a condition",
        "compare it with something",
    ),
    "a text as a condition": ("return user.sex and user.vip", "a text is not a condition", ""),
    "not of a date": ("return not user.born", "a date is not a condition", ""),
    "texts in order": ("return user.region < '77'", "a text has no order", "use == or !="),
    "conditions in order": ("return user.vip > user.active", "has no order", ""),
    "a value that a text never has": (
        "return user.sex == 'femal'",
        'sex is never "femal"',
        "did you mean female?",
    ),
    "a value that a text never is one of": (
        "return user.sex in ['woman', 'man']",
        'sex is never "woman"',
        "",
    ),
    "one of numbers for a text": (
        "return user.region in [77]",
        "a text is never an integer",
        "",
    ),
    "one of nothing": ("return user.region in []", "nothing is one of nothing", ""),
    "the same choice twice": ("return user.points in [1, 2, 1]", "1 is there twice", ""),
    "a choice that is no constant": (
        "return user.points in [user.level]",
        "only constants can be listed",
        "==",
    ),
    "in something that is no list": (
        "return user.region in user.sex",
        "in needs a list that is written out",
        "",
    ),
    "None": ("return user.born == None", "the language has no None", "is_known(...)"),
    "is": ("return user.born is None", "is cannot stand here", "is_known(...)"),
    "two conditions by &": ("return user.vip & user.active", "has no & (write and)", ""),
    "a power": ("return user.points ** 9 > 1", "the language has no power", ""),
    "a statistic without a key": (
        "return user.orders.count > 0",
        'a keyed statistic has no "count"',
        'user.orders["passport"].count',
    ),
    "a statistic without a field": (
        "return user.orders['x'] > 0",
        "one key of a statistic and an integer",
        "choose a field",
    ),
    "an unknown field of a statistic": (
        "return user.orders['x'].total > 0",
        'a statistic has no "total"',
        "count, first, last, sum",
    ),
    "a named statistic without a word": (
        "return user.deeds['x'] > 0",
        "one key of a statistic and an integer",
        "choose a field",
    ),
    "a word of statistics without names": (
        "return user.deeds['x'].count > 0",
        'a statistic has no "count"',
        "done, first_done, first_undone, last_done, last_undone, undone",
    ),
    "a misspelt word of a named statistic": (
        "return user.deeds['x'].last_don > today",
        'a statistic has no "last_don"',
        "did you mean last_done?",
    ),
    "a time of a named statistic as a day": (
        "return user.deeds['x'].last_done <= today",
        "a time (datetime) and a date",
        "day_of(...)",
    ),
    "a computed key": (
        "return user.orders[user.region].count > 0",
        "the key of a statistic is a text",
        "",
    ),
    "a key of a date": ("return user.born[0] > 1", "a date has no keys", ""),
    "a key of a windowed count": ("return user.recent['x'] > 1", "an integer has no keys", ""),
    "the count of a windowed count": (
        "return user.recent.count > 1",
        'an integer has no "count"',
        "",
    ),
    "a windowed count as a condition": (
        "return user.recent",
        "an integer is not a condition",
        "compare it with something",
    ),
    "the function behind windowed counts": (
        "return count_within(user.recent, 3) > 1",
        'there is no function "count_within"',
        "",
    ),
    "a day that does not exist": (
        "return user.born < date(2027, 2, 29)",
        "there is no such day in the calendar",
        "",
    ),
    "a day without its parts": (
        "return user.born < date('2027-02-29')",
        "date() takes a year, a month and a day",
        "date(2026, 12, 31)",
    ),
    "too few arguments": ("return age() > 1", "age() takes 1 argument", "age(born: date)"),
    "a wrong argument": (
        "return age(user.seen) > 1",
        "age(born) takes a date, not a time (datetime)",
        "day_of(...)",
    ),
    "a named argument": (
        "return age(born=user.born) > 1",
        "arguments stand without names",
        "",
    ),
    "a number of 65 bits": (
        "return user.points < 9223372036854775808",
        "this number is too large",
        "",
    ),
    "a number beyond measure": ("return user.owed < 1e999", "this number is too large", ""),
    "a remainder of decimals": ("return user.owed % 2 > 1", "% is for integers", ""),
    "a lambda": ("return (lambda: True)()", "only the functions", ""),
    "a comprehension": ("return [x for x in [1]]", "the language has no comprehension", ""),
    "a walrus": ("return (x := user.vip)", "the language has no assignment in an expression", ""),
    "an f-string": ("return user.region == f'{today}'", "the language has no f-string", ""),
    "bytes": ("return user.region == b'77'", "the language has no bytes", ""),
    "a loop": ("for x in []: pass\n    return True", "a predicate has no loop", ""),
    "an import": ("import os\n    return True", "a predicate has no import", ""),
    "a statement that does nothing": (
        "age(user.born)\n    return True",
        "a predicate has no statement that only computes",
        "",
    ),
    "an assignment to two names": (
        "a = b = 1\n    return True",
        "a predicate has no assignment but to one name",
        "",
    ),
    "an assignment to a word": (
        "today = user.born\n    return True",
        "today is a word of the language",
        "",
    ),
    "a path without a verdict": (
        "if user.vip:\n        return True",
        "a path through this returns nothing",
        "return False",
    ),
    "a bare return": ("return", "return what?", ""),
    "no verdict at all": ("x = 1", "a path through this returns nothing", ""),
    "a name of one path only": (
        "if user.vip:\n        x = 1\n    return x > 0",
        '"x" is not defined here',
        "",
    ),
    "a statement behind the end": (
        "return True\n    return user.bron",
        "no path comes here",
        "remove it",
    ),
    "branches of two types": (
        "x = 1 if user.vip else user.born\n    return x == 1",
        "an integer and a date do not go together",
        "",
    ),
    "a tree that explodes": (
        "x = user.points\n" + "    x = x + x\n" * 60 + "    return x > 0",
        "1023 parts when its local names are written out",
        "at most 1000: split the rule",
    ),
    "a tree that is too deep": (
        "x = user.vip\n" + "    x = not x\n" * 60 + "    return x",
        "51 parts in each other when its local names are written out",
        "at most 50: split the rule",
    ),
    "paths that explode": (
        "x = 0\n"
        + "".join(f"    if user.points > {n}:\n        x = {n}\n" for n in range(30))
        + "    return x > 0",
        "too large to be checked",
        "split the rule",
    ),
    "more branches than anybody follows": (
        "".join(f"if user.points == {n}:\n        return True\n    " for n in range(41))
        + "return False",
        "more than 40 branches",
        "",
    ),
}


@pytest.mark.parametrize("name", WRONG_PREDICATES)
def test_a_wrong_predicate_is_told_why_and_how_to_mend_it(name, script, read_script):
    predicate, message, hint = WRONG_PREDICATES[name]
    rule, source = read_script(script.replace(PREDICATE, predicate))
    assert rule is None
    found = [problem for problem in source.problems if message in problem.message]
    assert found, source.problems
    assert any(hint in problem.hint for problem in found)


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


def test_nothing_of_a_script_is_executed(tmp_path, script, read_script):
    trace = tmp_path / "trace"
    effect = f"open({str(trace)!r}, 'w').close()"
    for text in (
        effect + "\n" + script,
        script.replace('owner = "team"', f"owner = {effect}"),
        script.replace(PREDICATE, f"return {effect}"),
        script.replace(PREDICATE, f"{effect}\n    {PREDICATE}"),
        script.replace("(user, today)", f"(user=({effect}), today=1)"),
        script.replace("(user, today)", f"(user: ({effect}), today)"),
        script.replace("def matches", f"@({effect})\ndef matches"),
        script.replace('"2030-01-01"', effect),
        script.replace('"Title"', f"({effect})"),
        script.replace("Заголовок", "{" + effect + "}"),
    ):
        rule, source = read_script(text)
        assert rule is None
        assert source.problems
    assert not trace.exists()


def test_everything_that_a_script_can_say_is_read(read_script):
    rule, source = read_script('''
"""About something.

And more of it.
"""

owner = "team"
tags = ["a", "b"]
banner = Banner(
    placement="sidebar",
    priority=100,
    link="https://portal.example/x?y=1#z",
    title={"en": "Since {issued}", "ru": "С {issued}", "pt-BR": "Desde {issued} {{sic}}"},
    text={"en": "You owe {owed}", "ru": "Долг {owed}"},
    exclusive="debts",
    story="debt",
    must_show=True,
    dismiss_for=days(30),
)
email = Email(template="reminder", values=["born"])
webhook = Webhook(endpoint="crm", values=["region"])
once_per = "issued"
shadow = True
share = 0.01
max_match_ratio = 0.2


def matches(user: User, today: date) -> bool:
    """What it is about."""
    known = is_known(user.born) and is_known(user.region)
    return known and user.issued <= today and user.orders["x"].sum > 0.5


examples = [
    match(
        today="2026-11-23",
        born="2000-01-01",
        region="77",
        issued="2020-01-01",
        owed=12.50,
        seen="2026-11-23T10:00:00+03:00",
        visits=3,
        active=True,
        orders={"x": {"count": 2, "sum": 10.25, "first": "2020-01-01T00:00:00Z"}},
    ),
    no_match(today="2026-11-23"),
    unknown(today="2026-11-23", born="2000-01-01", region="77"),
]
''')
    assert source.problems == ()
    assert rule is not None
    assert rule.description == "About something.\n\nAnd more of it."
    assert dataclasses.asdict(rule.banner) == {
        "placement": "sidebar",
        "priority": 100,
        "link": "https://portal.example/x?y=1#z",
        "title": {
            "en": "Since {issued}",
            "ru": "С {issued}",
            "pt-BR": "Desde {issued} {{sic}}",
        },
        "text": {"en": "You owe {owed}", "ru": "Долг {owed}"},
        "exclusive": "debts",
        "story": "debt",
        "must_show": True,
        "dismiss_for": 30,
        "variants": (),
    }
    assert (rule.email.template, rule.webhook.endpoint) == ("reminder", "crm")
    assert rule.inputs == ("born", "issued", "orders", "region")
    assert rule.shown == ("born", "issued", "owed", "region")
    assert rule.once_per == "issued"
    assert (rule.shadow, rule.share, rule.max_match_ratio) == (True, 0.01, 0.2)
    assert [example.verdict for example in rule.examples] == [
        Verdict.MATCH,
        Verdict.NO_MATCH,
        Verdict.UNKNOWN,
    ]
    example = rule.examples[0]
    assert (example.today, example.line) == (date(2026, 11, 23), 35)
    assert example.values["orders"]["x"].count == 2


def test_a_rule_whose_inputs_are_never_missing_needs_no_unknown_example(script, read_script):
    text = script.replace(PREDICATE, "return user.visits > 0 or is_known(user.born)")
    text = text.replace('born="2000-01-01"', "visits=1").replace('born="2030-01-01"', "visits=0")
    rule, source = read_script(text.replace('    unknown(today="2026-11-23"),\n', ""))
    assert source.problems == ()
    assert rule is not None
