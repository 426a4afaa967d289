from datetime import date

import pytest

from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.tree import Call, Constant, Kind, Not, OneOf, Today
from quadrupel.rules.words import Sentence, Words

DOCS = {
    "born": (Type.DATE, "The day of birth, as registered"),
    "seen": (Type.DATETIME, "When the user was seen"),
    "sex": (Type.TEXT, "The sex"),
    "points": (Type.INTEGER, "Points in the register"),
    "employed": (Type.BOOLEAN, "Whether the citizen has a job"),
    "income": (Type.DECIMAL, "The income"),
    "orders": (Type.STATISTICS, "Services ordered, by service"),
    "deeds": (Type.STATISTICS, "Deeds, good ones"),
    "recent": (Type.WINDOWED_COUNT, "How many visits there were in the last 30 days"),
}


@pytest.fixture(scope="module")
def words():
    feeds = {
        Type.STATISTICS: Feed(Operation.STATISTICS, "x", key="k"),
        Type.WINDOWED_COUNT: Feed(Operation.COUNT, "x"),
    }
    plain = Feed(Operation.LATEST, "x", field="f")
    attributes = {
        name: Attribute(name, type_, doc, (feeds.get(type_, plain),))
        for name, (type_, doc) in DOCS.items()
    }
    done = Feed(Operation.STATISTICS, "x", key="k", name="done")
    attributes["deeds"] = Attribute("deeds", Type.STATISTICS, DOCS["deeds"][1], (done,))
    schema = Schema(attributes)

    def told(expression):
        return list(Words(schema).sentence(parse_expression(expression, schema).tree).lines())

    return told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("user.born <= today", "the day of birth is on or before today"),
        ("not user.born <= today", "the day of birth is after today"),
        ("user.points >= 3", "points in the register is at least 3"),
        ("user.income >= 1234567.89", "the income is at least 1,234,567.89"),
        ("user.income < 1500000.0", "the income is less than 1,500,000"),
        ("user.income > 0.000001", "the income is more than 0.000001"),
        ("3 <= user.points", "points in the register is at least 3"),
        ("user.employed", "the citizen has a job"),
        ("user.recent >= 3", "how many visits there were in the last 30 days is at least 3"),
        ("not user.employed", "it is not so that the citizen has a job"),
        ('user.sex in ["a", "b"]', 'the sex is one of "a", "b"'),
        ('user.sex not in ["a", "b"]', 'the sex is none of "a", "b"'),
        ("not is_known(user.born)", "the day of birth is not known"),
        ("is_weekend(today)", "today is a weekend"),
        ("age(user.born) == 18", "the whole years since the day of birth is 18"),
        ("user.born < today + months(1)", "the day of birth is before 1 month after today"),
        ("user.born > today - days(7)", "the day of birth is after 7 days before today"),
        (
            "stable_share(user.seen, 0.01)",
            "the user is among a stable 0.01 of all by when the user was seen",
        ),
        ("user.born == date(2026, 12, 31)", "the day of birth is 31 December 2026"),
        ('user.orders["passport"].count == 0', 'how many "passport" in services ordered is 0'),
        ('user.deeds["a"].done > 1', 'how many "done" of "a" in deeds is more than 1'),
        (
            'day_of(user.deeds["a"].last_done) == today',
            'the day of the last time of "done" of "a" in deeds is today',
        ),
        (
            "user.points * (2 + 1) > 1000",
            "points in the register times (2 plus 1) is more than 1,000",
        ),
        (
            "user.points > (5 if user.employed else 7)",
            "points in the register is more than (5 if the citizen has a job, otherwise 7)",
        ),
    ],
)
def test_a_clause_is_one_sentence(words, expression, told):
    assert words(expression) == [told]


def test_conditions_that_are_joined_stand_under_a_heading(words):
    joined = "user.points > 1 and not (user.points > 5 or user.employed and user.points > 3)"
    assert words(joined) == [
        "all of:",
        "  points in the register is more than 1",
        "  points in the register is at most 5",
        "  at least one of:",
        "    it is not so that the citizen has a job",
        "    points in the register is at most 3",
    ]


def test_a_condition_on_a_condition_says_if_then_otherwise(words):
    assert words("user.points > 1 if user.employed else user.points > 2") == [
        "it depends:",
        "  if:",
        "    the citizen has a job",
        "  then:",
        "    points in the register is more than 1",
        "  otherwise:",
        "    points in the register is more than 2",
    ]


def test_a_holiday_is_told_without_its_calendar():
    days = tuple(Constant(date(2027, 1, day), Kind.DATE) for day in (1, 2))
    covered = Call("covered_day", (Today(), *days), Kind.DATE)
    words = Words(Schema({}))
    assert words.sentence(OneOf(covered, days)) == Sentence("today is a holiday")
    assert words.sentence(Not(OneOf(covered, days))) == Sentence("today is not a holiday")
