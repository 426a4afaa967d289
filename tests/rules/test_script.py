"""Rule scripts: what a right one says, and that nothing of one is executed."""

import dataclasses
from datetime import date

from quadrupel.core.verdicts import Verdict

from .conftest import PREDICATE


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
