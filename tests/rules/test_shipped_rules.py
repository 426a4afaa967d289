"""The rules that are shipped: each proven by its examples, and the story of the driving licence."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from quadrupel.core.verdicts import Verdict
from quadrupel.rules import catalogue
from quadrupel.rules.identity import canonical
from quadrupel.rules.outcomes import can_be_unknown
from quadrupel.rules.proving import failures
from quadrupel.rules.row import RowReading

FOLDER = Path(__file__).parents[2] / "rules"
RULES = catalogue.load(FOLDER)


def test_every_example_has_the_verdict_it_expects():
    found = [
        (each.rule.path, each.example.line, each.got) for each in failures(RULES.rules.values())
    ]
    assert found == []


@pytest.mark.parametrize("rule", RULES.rules.values(), ids=list(RULES.rules))
def test_a_shipped_rule_is_fit_to_be_copied(rule):
    verdicts = Counter(example.verdict for example in rule.examples)
    assert verdicts[Verdict.MATCH] >= 2
    assert verdicts[Verdict.NO_MATCH] >= 2
    assert verdicts[Verdict.UNKNOWN] >= 1 or not can_be_unknown(rule.predicate.tree)
    assert rule.banner is not None
    assert set(rule.banner.title) == {"en", "ru"}
    assert set(rule.banner.text) in ({"en", "ru"}, set())
    assert rule.description.endswith(".")


def test_no_rule_is_a_copy_of_another_with_a_number_changed():
    trees = (canonical(rule.predicate.tree) for rule in RULES.rules.values())
    shapes = Counter(re.sub(r"value=[^,]*,", "value=?,", tree) for tree in trees)
    assert max(shapes.values()) == 1


def test_there_are_enough_rules_and_e_mails():
    assert len(RULES.rules) >= 58
    assert sum(rule.email is not None for rule in RULES.rules.values()) >= len(RULES.rules) / 3


def test_every_template_that_a_rule_names_is_there():
    named = {rule.email.template for rule in RULES.rules.values() if rule.email}
    assert {name for name in named if not (FOLDER / "templates" / name).is_dir()} == set()


def test_every_attribute_is_used_by_a_rule():
    used = {name for rule in RULES.rules.values() for name in (*rule.inputs, *rule.shown)}
    assert set(RULES.schema.attributes) - used == set()


def test_the_story_of_the_driving_licence():
    reading = RowReading(RULES)

    def shown(today, **values):
        profile = {name: date.fromisoformat(value) for name, value in values.items()}
        return reading.evaluate(profile, date.fromisoformat(today)).matches

    car = {
        "insurance_certificate_issued": "2026-06-01",
        "insurance_certificate_expires": "2027-05-31",
    }
    old = {"driving_licence_issued": "2016-12-20", "driving_licence_expires": "2026-12-20"}
    new = {"driving_licence_issued": "2026-12-28", "driving_licence_expires": "2036-12-28"}
    updated = {**car, "insurance_certificate_issued": "2027-01-10"}
    assert shown("2026-11-19", **car, **old) == ()
    assert shown("2026-11-20", **car, **old) == ("driving_licence_expiring",)
    assert shown("2026-12-20", **car, **old) == ("driving_licence_expiring",)
    assert shown("2026-12-21", **car, **old) == ("driving_licence_expired",)
    assert shown("2026-12-28", **car, **new) == ("insurance_certificate_update",)
    assert shown("2027-01-10", **updated, **new) == ()
    assert shown("2026-12-28", **new) == ()


def test_the_calendar_has_every_public_holiday_also_on_weekends():
    """Article 112 of the Labour Code."""
    january = [(1, day) for day in range(1, 9)]
    public = [*january, (2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)]
    years = range(RULES.holidays.first.year, RULES.holidays.last.year + 1)
    expected = {date(year, month, day) for year in years for month, day in public}
    assert expected - set(RULES.holidays.days) == set()
    beside = set(RULES.holidays.days) - expected
    assert beside
    assert {day for day in beside if day.weekday() >= 5} == set()


def test_the_manual_names_every_attribute_and_event():
    manual = (FOLDER.parent / "docs/reference/profile.md").read_text()
    events = {feed.event for each in RULES.schema.attributes.values() for feed in each.feeds}
    missing = [name for name in (*RULES.schema.attributes, *events) if f"`{name}`" not in manual]
    assert missing == []


def test_the_first_script_of_the_manual_is_a_shipped_one():
    manual = (FOLDER.parent / "docs/reference/rule-language.md").read_text()
    script = manual.split("```python\n")[1].split("```")[0]
    shipped = (FOLDER / "transport/driving_licence_expiring.py").read_text()
    predicate = script[script.index("def matches") : script.index("examples")]
    assert predicate in shipped
