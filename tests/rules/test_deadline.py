"""Deadlines, day by day. That they are never late and exact where they say so: test_agreement."""

from datetime import date, timedelta

import pytest

from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Verdict
from quadrupel.rules import catalogue
from quadrupel.rules.columnar import frame_of
from quadrupel.rules.columnar_deadline import MANY, ColumnarDeadlines
from quadrupel.rules.deadline import Deadline, DeadlineReading, predicate_deadline
from quadrupel.rules.holidays import Holidays
from quadrupel.rules.motion import may_fail
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.row import predicate_reading

TODAY = date(2026, 11, 23)
BORN = {"born": date(2008, 2, 29)}
EXPIRES = {"expires": date(2026, 12, 20)}
VISITS = {
    "recent": (
        (date(2026, 10, 26).toordinal(), 1),
        (date(2026, 11, 1).toordinal(), 1),
        (date(2026, 11, 23).toordinal(), 1),
    ),
    "lately": ((date(2026, 11, 23).toordinal(), 1),),
}


def exactly(text: str) -> Deadline:
    return Deadline(date.fromisoformat(text), exact=True)


FOREVER = Deadline(None, exact=True)


def test_every_day_that_leaves_a_window_is_a_deadline(schema):
    deadline = predicate_deadline(parse_expression("user.recent % 2 == 1", schema))
    day, found = deadline(VISITS, TODAY).day, []
    while day is not None:
        found.append(day)
        day = deadline(VISITS, day).day
    assert found == [date(2026, 11, 25), date(2026, 12, 1), date(2026, 12, 23)]


@pytest.mark.parametrize(
    ("text", "values", "deadline"),
    [
        ("today < user.expires", EXPIRES, exactly("2026-12-20")),
        ("today <= user.expires", EXPIRES, exactly("2026-12-21")),
        ("today == user.expires", EXPIRES, exactly("2026-12-20")),
        ("today != user.expires", EXPIRES, exactly("2026-12-20")),
        ("user.expires < today", EXPIRES, exactly("2026-12-21")),
        ("not today < user.expires", EXPIRES, exactly("2026-12-20")),
        ("user.expires <= today + months(1)", {"expires": TODAY}, FOREVER),
        (
            "user.expires <= today + months(1)",
            {"expires": date(2027, 3, 31)},
            exactly("2027-03-01"),
        ),
        ("today > date(2026, 1, 1)", {}, FOREVER),
        ("today < user.expires", {}, FOREVER),
        ("user.vip", {"vip": True}, FOREVER),
        ("age(user.born) >= 21", BORN, exactly("2029-02-28")),
        ("age(user.born) == 18", BORN, exactly("2027-02-28")),
        ("anniversary(user.born) == today", BORN, exactly("2027-02-28")),
        ("days_since(user.expires) > 7", EXPIRES, exactly("2026-12-28")),
        ("days_until(user.expires) > 7", EXPIRES, exactly("2026-12-13")),
        ("is_weekend(today)", {}, exactly("2026-11-28")),
        ("start_of_month(today) == today", {}, exactly("2026-12-01")),
        ("age(user.born) % 2 == 0", BORN, exactly("2027-02-28")),
        ("one_of(age(user.born), 20, 45)", BORN, exactly("2028-02-29")),
        ("user.recent >= 3", VISITS, exactly("2026-11-25")),
        ("user.recent > 0", VISITS, exactly("2026-12-23")),
        ("user.recent == 2", VISITS, exactly("2026-11-25")),
        ("user.recent >= 5", VISITS, FOREVER),
        ("user.recent >= 0", VISITS, FOREVER),
        ("user.recent >= 1", {}, FOREVER),
        ("user.recent % 2 == 1", VISITS, exactly("2026-11-25")),
        ("user.recent >= user.lately + 2", VISITS, exactly("2026-12-01")),
        ("user.lately > 0", VISITS, exactly("2026-11-24")),
    ],
)
def test_one_comparison_turns_on_its_day(schema, text, values, deadline):
    assert predicate_deadline(parse_expression(text, schema))(values, TODAY) == deadline


@pytest.mark.parametrize(
    ("text", "deadline"),
    [
        ("today < date(2026, 12, 1) and today < date(2027, 1, 1)", "2026-12-01"),
        ("today < date(2026, 12, 1) or today < date(2027, 1, 1)", "2027-01-01"),
        ("today > date(2026, 12, 1) and today > date(2027, 1, 1)", "2027-01-02"),
        ("today > date(2026, 12, 1) or today > date(2027, 1, 1)", "2026-12-02"),
        ("not (today < date(2026, 12, 1) and today < date(2027, 1, 1))", "2026-12-01"),
        ("date(2026, 12, 5) <= today <= date(2026, 12, 9)", "2026-12-05"),
        ("today < date(2026, 12, 1) or today > date(2026, 12, 9)", "2026-12-01"),
        ("today < date(2026, 12, 1) and user.expires > today", "2026-12-01"),
        ("True if today < date(2026, 12, 1) else today < date(2027, 1, 1)", "2027-01-01"),
    ],
)
def test_parts_that_decide_decide_how_long(schema, text, deadline):
    assert predicate_deadline(parse_expression(text, schema))({}, TODAY) == exactly(deadline)


def test_a_false_part_that_lasts_outlives_those_that_turn(schema):
    predicate = parse_expression("user.vip and today < user.expires", schema)
    assert predicate_deadline(predicate)({"vip": False, **EXPIRES}, TODAY) == FOREVER


def test_what_is_an_error_today_is_asked_again_tomorrow(schema):
    predicate = parse_expression("user.points / user.level > 1", schema)
    found = predicate_deadline(predicate)({"points": 1, "level": 0}, TODAY)
    assert found == Deadline(date(2026, 11, 24), exact=False)


BEGIN_TO_FAIL = {
    "a sum of what is known": (
        "is_known(days_since(user.born) + user.points)",
        {"born": date(2020, 1, 1), "points": 2**63 - 1 - 5000},
    ),
    "a day that is known": ("is_known(today + days(user.points))", {"points": 2_900_000}),
    "a day that the rule writes": ("is_known(today + days(2_900_000))", {}),
    "a choice beside something missing": (
        "(today + days(2_900_000) if user.vip else today) > user.expires",
        {"vip": True},
    ),
    "years that leave the calendar": (
        "user.vip and today + years(7960) > user.expires",
        {"vip": True, "expires": date(1990, 1, 1)},
    ),
    "many shifts that leave it together": (
        "user.vip and today" + " + years(498)" * 16 + " > user.expires",
        {"vip": True, "expires": date(1990, 1, 1)},
    ),
    "a day that the rule writes at the end of the calendar": (
        "anniversary(date(9990, 1, 1) if user.born > today else date(9999, 1, 1)) > user.expires",
        {"expires": date(1990, 1, 1), "born": date(2050, 1, 1)},
    ),
}


@pytest.mark.parametrize("case", BEGIN_TO_FAIL)
def test_the_day_from_which_there_is_an_error_is_a_deadline(schema, case):
    text, values = BEGIN_TO_FAIL[case]
    predicate = parse_expression(text, schema)
    verdict, deadline = predicate_reading(predicate), predicate_deadline(predicate)
    row = deadline(values, TODAY).day
    columns = ColumnarDeadlines({"rule": predicate.tree})
    frame = frame_of([Profile("u", 1, values)] * MANY, columns.columns)
    by_columns = columns.earliest(frame, TODAY)[0]
    for day in (row, by_columns):
        assert day is not None
        assert verdict(values, day - timedelta(days=1)) is verdict(values, TODAY)
    assert Verdict.ERROR in (verdict(values, row), verdict(values, date(2100, 1, 1)))


def test_of_an_and_that_is_false_a_part_that_begins_to_fail_is_not_forgotten(schema):
    text = "today - years(2030) < date(1, 6, 1) and user.vip"
    values = {"vip": False}
    predicate = parse_expression(text, schema)
    assert predicate_reading(predicate)(values, TODAY) is Verdict.ERROR
    assert may_fail(predicate.tree)


def test_what_fails_until_a_window_is_empty_is_not_unknown_for_ever(schema):
    text = 'day_of(user.orders["a"].last) != date(9999, 12, 31) + months(user.recent)'
    predicate = parse_expression(text, schema)
    verdict, deadline = predicate_reading(predicate), predicate_deadline(predicate)
    assert verdict(VISITS, TODAY) is Verdict.ERROR
    assert verdict(VISITS, date(2026, 12, 23)) is Verdict.UNKNOWN
    assert deadline(VISITS, TODAY) == Deadline(date(2026, 11, 24), exact=False)


def test_the_last_day_of_a_calendar_is_no_deadline(schema):
    holidays = Holidays((date(2026, 12, 25),))
    predicate = parse_expression("is_holiday(today) and user.vip", schema, holidays)
    row, deadline = predicate_reading(predicate), predicate_deadline(predicate)
    found = deadline({"vip": False}, date(2026, 12, 26))
    assert found == exactly("2027-01-01")
    assert row({"vip": False}, date(2026, 12, 31)) is Verdict.NO_MATCH
    assert row({"vip": False}, found.day) is Verdict.ERROR


def test_what_is_not_settled_for_long_is_early(schema):
    predicate = parse_expression("days_since(user.born) % 900 == 0", schema)
    found = predicate_deadline(predicate)({"born": TODAY.replace(day=22)}, TODAY)
    assert not found.exact
    assert TODAY < found.day < date(2027, 6, 1)


def test_a_value_near_the_end_of_the_calendar_is_asked_again_tomorrow(schema):
    predicate = parse_expression("user.expires + years(1) < today", schema)
    found = predicate_deadline(predicate)({"expires": date.max}, TODAY)
    assert found == Deadline(date(2026, 11, 24), exact=False)


def test_the_earliest_of_all_rules_counts(folder):
    reading = DeadlineReading(catalogue.load(folder))
    born = {"born": date(2027, 1, 1)}
    assert reading.earliest(born, TODAY) == date(2027, 1, 1)
    assert reading.of("someone_born", born, TODAY) == exactly("2027-01-01")
    assert reading.earliest(born, date(2027, 1, 1)) is None
    assert reading.earliest({}, TODAY) is None
