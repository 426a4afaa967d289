"""The row reading: the laws of logic, errors, missing values, and whole evaluations."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from quadrupel.core.verdicts import RuleMatch, Verdict
from quadrupel.rules import catalogue
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.row import RowReading, predicate_reading

TODAY = date(2026, 11, 23)
LAWS = {
    "double negation": ("not not {a}", "{a}"),
    "De Morgan for and": ("not ({a} and {b})", "not {a} or not {b}"),
    "De Morgan for or": ("not ({a} or {b})", "not {a} and not {b}"),
    "and in any order": ("{a} and {b}", "{b} and {a}"),
    "or in any order": ("{a} or {b}", "{b} or {a}"),
    "and with itself": ("{a} and {a}", "{a}"),
    "or with itself": ("{a} or {a}", "{a}"),
    "absorption": ("{a} and ({a} or {b})", "{a}"),
    "distribution": ("{a} and ({b} or {c})", "{a} and {b} or {a} and {c}"),
    "and with True": ("{a} and True", "{a}"),
    "and with False": ("{a} and False", "False"),
    "or with True": ("{a} or True", "True"),
    "or with False": ("{a} or False", "{a}"),
    "if as and": ("{b} if {a} else False", "{a} and {b}"),
    "if as or": ("True if {a} else {b}", "{a} or {b}"),
    "if with equal branches": ("{b} if {a} else {b}", "{b}"),
    "if turned around": ("{b} if {a} else {c}", "{c} if not {a} else {b}"),
    "between": ("between(user.points, 1, user.level)", "1 <= user.points <= user.level"),
    "between, no further": (
        "between(user.level, 2, 1 // user.points)",
        "2 <= user.level <= 1 // user.points",
    ),
    "one of": ("one_of(user.points, 1, 2)", "user.points == 1 or user.points == 2"),
    "not in": ("user.points not in [1, 2]", "not user.points in [1, 2]"),
    "less or not": ("user.points < user.level", "not user.points >= user.level"),
    "a period of months": ("user.born + years(1) < today", "user.born + months(12) < today"),
    "a period before": ("months(1) + user.born < today", "user.born + months(1) < today"),
    "days between": ("days_since(user.born) > 7", "today - user.born > 7"),
    "days to come": ("days_until(user.born) > 7", "user.born - today > 7"),
    "an age": ("age(user.born) >= 18", "user.born + years(18) <= today"),
}


@pytest.mark.parametrize("law", LAWS)
def test_the_laws_of_three_valued_logic_hold(schema, law):
    names = {"a": "user.vip", "b": "user.active", "c": 'user.sex == "male"'}
    one, other = (
        predicate_reading(parse_expression(text.format(**names), schema)) for text in LAWS[law]
    )
    choices = {
        "vip": [True, False, None],
        "active": [True, False, None],
        "sex": ["male", "female", None],
        "points": [0, 1, 2, None],
        "level": [1, 2, None],
        "born": [date(2008, 2, 29), date(2025, 11, 23), date(2026, 10, 31), TODAY, None],
    }
    used = [
        name for name in choices if any(f"user.{name}" in t for t in (*LAWS[law], *names.values()))
    ]
    for combination in itertools.product(*(choices[name] for name in used)):
        values = {
            name: value for name, value in zip(used, combination, strict=True) if value is not None
        }
        assert one(values, TODAY) is other(values, TODAY), (law, values)


def verdict_of(schema, text, values=None, today=TODAY):
    return predicate_reading(parse_expression(text, schema))(values or {}, today)


@pytest.mark.parametrize(
    ("text", "values", "verdict"),
    [
        ("user.points / user.level > 1", {"points": 1, "level": 0}, "error"),
        ("user.points // user.level > 1", {"points": 1, "level": 0}, "error"),
        ("user.points % user.level > 1", {"points": 1, "level": 0}, "error"),
        ("user.points * user.level > 1", {"points": 2**40, "level": 2**40}, "error"),
        ("user.points * user.level > 1", {"points": 2**62, "level": 2}, "error"),
        ("user.points * user.level > 1", {"points": 2**31, "level": 2**31}, "match"),
        ("user.points - user.level > 1", {"points": -(2**63), "level": 1}, "error"),
        ("user.income * 1e300 * 1e300 > 1", {"income": Decimal(1)}, "error"),
        ("today + days(user.points) > today", {"points": 10**9}, "error"),
        ("today + years(user.points) > today", {"points": 9000}, "error"),
        ("user.vip and user.points / 0 > 1", {"vip": False, "points": 1}, "no_match"),
        ("user.vip and user.points / 0 > 1", {"vip": True, "points": 1}, "error"),
        ("user.vip and user.points / 0 > 1", {"points": 1}, "error"),
        ("user.vip or user.points / 0 > 1", {"vip": True, "points": 1}, "match"),
        ("user.points / 0 > 1 or user.vip", {"vip": True, "points": 1}, "error"),
        ("user.points / 0 > 1 or user.vip", {"vip": True}, "match"),
        ("user.income < user.points / 0", {"points": 1}, "error"),
        ("user.points / 0 < user.income", {"points": 1}, "error"),
        ("is_known(user.points / 0)", {"points": 1}, "error"),
        ("is_known(user.points / 0)", {}, "no_match"),
        ("user.vip if user.active else 1 / 0 > 1", {"active": True, "vip": True}, "match"),
        ("user.vip if user.active else 1 / 0 > 1", {"vip": True}, "error"),
    ],
)
def test_an_error_is_met_only_by_who_asks_the_part_it_is_in(schema, text, values, verdict):
    assert verdict_of(schema, text, values) == verdict


@pytest.mark.parametrize(
    ("text", "values", "verdict"),
    [
        ("user.born <= today", {}, "unknown"),
        ("user.born <= today", {"born": None}, "unknown"),
        ("user.visits == 0", {}, "match"),
        ("user.owed == 0", {}, "match"),
        ('user.orders["a"].count == 0', {}, "match"),
        ('user.orders["a"].sum == 0', {"orders": {}}, "match"),
        ('user.orders["a"].last < user.seen', {"orders": {}}, "unknown"),
        ('is_known(user.orders["a"].last)', {"orders": {}}, "no_match"),
        ("is_known(user.born)", {}, "no_match"),
        ("is_known(user.vip and user.active)", {"vip": False}, "match"),
        ("(1 if user.vip else 1) == 1", {}, "match"),
        ("(1 if user.vip else 2) < 3", {}, "unknown"),
        ("user.points == 1.0", {"points": 1}, "match"),
        ("user.points / 2 == 0.5", {"points": 1}, "match"),
        ("user.points // 2 == -1", {"points": -1}, "match"),
        ("user.owed == 0.1", {"owed": Decimal("0.1")}, "match"),
        ("-user.points < -1", {"points": 2}, "match"),
        (
            "day_of(user.seen) == today",
            {"seen": datetime(2026, 11, 23, 23, 59, tzinfo=UTC)},
            "match",
        ),
    ],
)
def test_a_missing_value_is_unknown_and_what_adds_up_begins_at_nothing(
    schema, text, values, verdict
):
    assert verdict_of(schema, text, values) == verdict


def test_the_day_of_a_time_is_that_of_utc(schema):
    moscow = datetime.fromisoformat("2026-11-24T02:00:00+03:00")
    assert verdict_of(schema, "day_of(user.seen) == today", {"seen": moscow}) is Verdict.MATCH


def test_the_deepest_tree_that_is_allowed_can_be_read(schema):
    text = "user.vip"
    for _ in range(36):
        text = f"({text} if user.active else user.points > 0)"
    values = {"vip": True, "points": 0}
    assert verdict_of(schema, text, {**values, "active": True}) is Verdict.MATCH
    assert verdict_of(schema, text, values) is Verdict.UNKNOWN


def test_what_is_not_one_expression_is_refused(schema):
    for text in (
        "",
        "x = 1",
        "user.vip; user.vip",
        "import os",
        "user.points",
        "user.vip\nuser.vip",
    ):
        with pytest.raises(Exception, match="expression"):
            parse_expression(text, schema)


def test_an_expression_knows_its_inputs(schema):
    predicate = parse_expression("\n age(user.born) > 18 and user.orders['a'].count > 0 ", schema)
    assert predicate.inputs == ("born", "orders")


@pytest.fixture
def rules(folder):
    def script(predicate: str, extra: str = "") -> str:
        return (
            f'"""About."""\nowner = "t"\n{extra}\nemail = Email(template="any")\n'
            f"def matches(user, today):\n    return {predicate}\n"
            'examples = [match(today="2026-01-01"), no_match(today="2026-01-02"),'
            ' unknown(today="2026-01-03")]\n'
        )

    people = folder / "people"
    (people / "a_divides.py").write_text(script("user.points / user.level > 1"))
    (people / "b_overflows.py").write_text(script("today + years(user.points) > today"))
    (people / "c_vip.py").write_text(script("user.vip"))
    shows = 'once_per = "seen"\nwebhook = Webhook(endpoint="crm", values=["owed", "income", "vip"])'
    shown = "is_known(user.seen) and is_known(user.income) and user.vip"
    (people / "d_shows.py").write_text(script(shown, shows))
    return catalogue.load(folder)


def test_an_error_in_one_rule_touches_no_other(rules):
    reading = RowReading(rules)
    values = {"points": 20_000, "level": 0, "vip": True, "born": TODAY}
    verdicts = reading.evaluate(values, TODAY)
    assert verdicts.errors == ("a_divides", "b_overflows")
    assert verdicts.matches == ("c_vip", "someone_born")
    assert verdicts.unknown == ()
    assert [verdicts.of(rule) for rule in rules.rules] == [
        Verdict.ERROR,
        Verdict.ERROR,
        Verdict.MATCH,
        Verdict.NO_MATCH,
        Verdict.MATCH,
    ]


def test_an_evaluation_has_what_the_matches_show_as_texts(rules):
    at = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
    values = {"vip": True, "seen": at, "income": Decimal("12.50"), "points": 1}
    evaluation = RowReading(rules).evaluation("u1", 7, values, TODAY, at)
    shown = {"seen": "2026-11-23T01:02:03Z", "owed": "0", "income": "12.5", "vip": "true"}
    assert evaluation.matches == (
        RuleMatch("b_overflows"),
        RuleMatch("c_vip"),
        RuleMatch("d_shows", "2026-11-23T01:02:03Z", shown),
    )
    assert evaluation.errors == ()
    assert (evaluation.user_id, evaluation.profile_version) == ("u1", 7)
    assert (evaluation.as_of, evaluation.evaluated_at) == (TODAY, at)
    assert evaluation.rule_set == rules.hash


def test_a_reading_depends_on_nothing_but_its_arguments(rules):
    reading = RowReading(rules)
    values = {"vip": True, "points": 1}
    first = reading.evaluate(values, TODAY)
    reading.evaluate({"points": 20_000}, TODAY + timedelta(days=1))
    assert reading.evaluate(values, TODAY) == first
    assert values == {"vip": True, "points": 1}
