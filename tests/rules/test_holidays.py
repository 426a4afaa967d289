"""The calendar of holidays, and the predicate that asks it."""

from datetime import date

import pytest

from quadrupel.core.errors import DeclarationRefused
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Verdict
from quadrupel.rules.columnar import VERDICTS, Query, frame_of
from quadrupel.rules.deadline import predicate_deadline
from quadrupel.rules.explain import read_clauses, verdict_of
from quadrupel.rules.holidays import Holidays, declared
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.row import predicate_reading
from quadrupel.rules.spelling import spell

CALENDAR = Holidays((date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)))


def read(tmp_path, text: str):
    (tmp_path / "holidays.txt").write_text(text)
    holidays, (source,) = declared(tmp_path)
    return holidays, [problem.message for problem in source.problems]


def test_a_calendar_is_days_and_notes(tmp_path):
    holidays, problems = read(tmp_path, "# a note\n\n2027-01-01 New Year\n2026-05-01 May\n")
    assert problems == []
    assert holidays.days == (date(2026, 5, 1), date(2027, 1, 1))
    assert (holidays.first, holidays.last) == (date(2026, 1, 1), date(2027, 12, 31))


def test_a_folder_needs_no_calendar(tmp_path):
    assert declared(tmp_path) == (Holidays(), ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 January", 'line 1: "1 January" is not a day'),
        ("2026-02-29 x", 'line 1: "2026-02-29 x" is not a day'),
        ("20260101", 'line 1: "20260101" is not a day'),
        ("2026-01-01\n2026-01-01", 'line 2: "2026-01-01" is there twice'),
        ("import os", 'line 1: "import os" is not a day'),
    ],
)
def test_what_is_no_calendar_is_refused(tmp_path, text, problem):
    assert read(tmp_path, text)[1] == [problem]


@pytest.mark.parametrize(
    ("today", "verdict"),
    [
        (date(2026, 12, 31), Verdict.MATCH),
        (date(2026, 12, 30), Verdict.NO_MATCH),
        (date(2027, 12, 31), Verdict.NO_MATCH),
        (date(2028, 1, 1), Verdict.ERROR),
        (date(2025, 12, 31), Verdict.ERROR),
    ],
)
def test_all_readings_know_the_holidays(schema, today, verdict):
    predicate = parse_expression("is_holiday(today) and user.vip", schema, CALENDAR)
    values = {"vip": True}
    query = Query({"rule": predicate.tree})
    frame = frame_of([Profile("u1", 1, values)], query.columns)
    (code,) = query.evaluate(frame, today)["rule"]
    assert predicate_reading(predicate)(values, today) is verdict
    assert VERDICTS[code] is verdict
    assert verdict_of(read_clauses(predicate, values, today)) is verdict
    assert spell(predicate.tree) == "is_holiday(today) and user.vip"


@pytest.mark.parametrize(
    ("today", "verdict"),
    [
        (date(2027, 12, 31), Verdict.NO_MATCH),
        (date(2028, 1, 1), Verdict.MATCH),  # a Saturday, so the calendar is not asked
        (date(2028, 1, 3), Verdict.ERROR),
    ],
)
def test_after_its_last_year_the_rules_that_ask_it_fail_and_the_others_go_on(
    schema, today, verdict
):
    firsts = Holidays(tuple([date(2027, month, 1) for month in range(1, 13)]))
    closed = parse_expression("is_weekend(today) or is_holiday(today)", schema, firsts)
    query = Query({"closed": closed.tree, "vip": parse_expression("user.vip", schema).tree})
    users = [Profile("u1", 1, {"vip": True}), Profile("u2", 1, {"vip": False})]
    codes = query.evaluate(frame_of(users, query.columns), today)
    assert predicate_reading(closed)({}, today) is verdict
    assert [VERDICTS[code] for code in codes["closed"]] == [verdict, verdict]
    assert codes["vip"].to_list() == [1, 0]


def test_an_attribute_can_be_asked_too(schema):
    predicate = parse_expression("is_holiday(user.expires)", schema, CALENDAR)
    row = predicate_reading(predicate)
    assert row({"expires": date(2027, 1, 1)}, date(2030, 1, 1)) is Verdict.MATCH
    assert row({}, date(2030, 1, 1)) is Verdict.UNKNOWN


def test_a_holiday_holds_until_the_day_after(schema):
    found = predicate_deadline(parse_expression("is_holiday(today)", schema, CALENDAR))
    assert found({}, date(2027, 1, 1)).day == date(2027, 1, 2)
    assert found({}, date(2026, 12, 30)).day == date(2026, 12, 31)


def test_without_a_calendar_nothing_can_be_asked(schema):
    with pytest.raises(DeclarationRefused, match="no calendar"):
        parse_expression("is_holiday(today)", schema)
