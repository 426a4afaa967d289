"""Deadlines, day by day. That they are never late and exact where they say so: test_agreement."""

from datetime import date

import pytest

from quadrupel.rules import catalogue
from quadrupel.rules.deadline import Deadline, DeadlineReading, predicate_deadline
from quadrupel.rules.predicate import parse_expression

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
