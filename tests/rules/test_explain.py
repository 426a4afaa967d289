"""Explanations: clauses with values, why, and which event brought what."""

from datetime import UTC, date, datetime

import pytest

from quadrupel.core.events import Event
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.core.verdicts import Verdict
from quadrupel.rules import catalogue
from quadrupel.rules.deadline import Deadline
from quadrupel.rules.explain import Clause, _because, explain, read_clauses
from quadrupel.rules.explain_json import explanations_json
from quadrupel.rules.predicate import parse_expression

TODAY = date(2026, 11, 23)
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def rule_set(folder):
    return catalogue.load(folder)


@pytest.fixture
def profile(rule_set):
    profile = Profile("u1")
    event = Event("e1", "/r", "person.registered", "u1", AT, {"born": "2027-01-01"})
    fold(profile, arrived([event], TODAY), Feeds(rule_set.schema))
    return profile


def clauses(schema, text: str, **values) -> Clause:
    return read_clauses(parse_expression(text, schema), values, TODAY)


def test_a_rule_is_explained_whole(rule_set, profile):
    found = explain(rule_set, "someone_born", profile, TODAY)
    assert found.verdict is Verdict.NO_MATCH
    assert found.deadline == Deadline(date(2027, 1, 1), exact=True)
    assert found.because == ("user.born <= today is false",)
    (origin,) = found.origins
    assert (origin.attribute, origin.value) == ("born", date(2027, 1, 1))
    assert (origin.event, origin.time) == ("person.registered", AT)
    assert [(each.text, each.value) for each in found.clause.clauses] == [
        ("user.born", date(2027, 1, 1)),
        ("today", TODAY),
    ]


def test_an_explanation_is_json(rule_set, profile):
    found = explain(rule_set, "someone_born", profile, TODAY)
    told = explanations_json(profile, TODAY, [found], {})
    assert told["rules"][0]["deadline"] == "2027-01-01"
    assert told["rules"][0]["inputs"][0]["time"] == "2026-11-01T12:00:00Z"
    assert told["rules"][0]["clause"]["clauses"][0] == {
        "text": "user.born",
        "line": 9,
        "value": "2027-01-01",
        "decides": True,
    }


def test_a_windowed_count_is_told_with_the_days_that_are_in_its_window(folder):
    path = folder / "people" / "someone_born.py"
    path.write_text(path.read_text().replace("user.born <=", "user.recent > 1 and user.born <="))
    counts = ((TODAY.toordinal() - 30, 5), (TODAY.toordinal() - 29, 2), (TODAY.toordinal(), 1))
    profile = Profile("u1", 1, {"recent": counts, "born": date(2000, 1, 1)})
    found = explain(catalogue.load(folder), "someone_born", profile, TODAY)
    assert found.verdict is Verdict.MATCH
    assert found.deadline == Deadline(date(2026, 11, 24), exact=True)
    (compared, _) = found.clause.clauses
    assert [(each.text, each.value, each.clauses) for each in compared.clauses] == [
        ("user.recent", 3, ()),
        ("1", 1, ()),
    ]
    told = explanations_json(profile, TODAY, [found], {})["rules"][0]["inputs"]
    assert [each["value"] for each in told if each["attribute"] == "recent"] == [
        {"count": 3, "days": {"2026-10-25": 2, "2026-11-23": 1}}
    ]


def test_what_was_not_asked_is_not_there(schema):
    found = clauses(schema, "user.vip and user.points / 0 > 1", vip=False)
    assert [each.text for each in found.clauses] == ["user.vip"]
    assert found.value is False


def test_the_parts_that_decide_are_marked(schema):
    found = clauses(schema, "user.vip and user.active and user.points > 0", vip=True, points=1)
    assert found.value is None
    assert [(each.value, each.decides) for each in found.clauses] == [
        (True, False),
        (None, True),
        (True, False),
    ]


@pytest.mark.parametrize(
    ("text", "values", "because"),
    [
        ("user.vip and user.points > 0", {"vip": False}, "user.vip is false"),
        ("user.vip or user.points > 2", {"points": 3}, "user.points > 2 is true"),
        ("user.points > 2", {}, "user.points > 2 is unknown: no user.points"),
        (
            "user.points / 0 > 2",
            {"points": 1},
            "user.points / 0.0 > 2.0 has no answer: float division by zero",
        ),
    ],
)
def test_the_reason_is_told_in_words(rule_set, schema, text, values, because):
    assert list(_because(clauses(schema, text, **values))) == [because]
