"""Deadlines of many profiles at once. That they are those of the rows: test_agreement."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from quadrupel.core.profiles import Profile
from quadrupel.rules import columnar_deadline, columnar_text
from quadrupel.rules.columnar import frame_of
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.columnar_functions import COLUMN_FUNCTIONS, Result
from quadrupel.rules.predicate import parse_expression

TODAY = date(2026, 11, 23)
TOMORROW = TODAY + timedelta(days=1)
SATURDAY = date(2026, 11, 28)
EXPIRES = date(2026, 12, 20)


def deadlines(schema, *texts: str) -> ColumnarDeadlines:
    return ColumnarDeadlines({text: parse_expression(text, schema).tree for text in texts})


def due(reading: ColumnarDeadlines, *values: dict, today: date = TODAY) -> list[date | None]:
    profiles = [Profile(f"u{number}", 1, each) for number, each in enumerate(values)]
    return reading.earliest(frame_of(profiles, reading.columns), today).to_list()


def test_a_user_is_due_by_the_first_deadline_of_all_rules(schema):
    reading = deadlines(schema, "today < user.expires", "age(user.born) >= 18", "user.vip")
    young = {"born": date(2008, 12, 1)}
    assert due(
        reading, {"expires": EXPIRES}, young, young | {"expires": EXPIRES}, {"vip": True}, {}
    ) == [EXPIRES, date(2026, 12, 1), date(2026, 12, 1), None, None]


def test_users_with_the_same_inputs_are_read_once(schema):
    reading = deadlines(schema, "today < user.expires")
    [rule] = reading._rules.values()
    asked = []
    read = rule._read
    rule._read = lambda values, today: asked.append(dict(values)) or read(values, today)
    rows = [{"expires": EXPIRES}, {}, {"expires": EXPIRES}, {"vip": True}]
    assert due(reading, *rows) == [EXPIRES, None, EXPIRES, None]
    assert due(reading, *rows, today=TOMORROW) == [EXPIRES, None, EXPIRES, None]
    assert sorted(map(len, asked)) == [0, 1]


def test_of_some_users_nothing_is_read_that_columns_can_tell(schema):
    reading = deadlines(schema, "today < user.expires")
    [rule] = reading._rules.values()
    rule._read = None
    days = [TODAY + timedelta(days=ahead) for ahead in range(1, columnar_deadline.SOME + 1)]
    assert due(reading, *({"expires": day} for day in days)) == days


def not_written(_today, _time):
    raise ValueError


def of_another_height(_today, _time):
    return Result(pl.lit(pl.Series([1, 2, 3])))


@pytest.mark.parametrize("wrong", [not_written, of_another_height])
def test_what_fails_by_columns_as_nobody_foresaw_is_read_by_rows(schema, monkeypatch, wrong):
    monkeypatch.setattr(columnar_deadline, "SOME", 1)
    monkeypatch.setattr(columnar_deadline, "MANY", 1)
    table = {**COLUMN_FUNCTIONS, "day_of": wrong}
    monkeypatch.setattr(columnar_text, "COLUMN_FUNCTIONS", table)
    on_weekends = "is_known(user.seen) and is_weekend(day_of(user.seen)) and is_weekend(today)"
    reading = deadlines(schema, "today < day_of(user.seen)", on_weekends, "today < user.expires")
    seen = {"seen": datetime(2026, 11, 29, tzinfo=UTC)}
    for _ in range(2):
        found = due(reading, seen, {"expires": EXPIRES}, seen | {"expires": TOMORROW}, {})
        assert found == [SATURDAY, EXPIRES, TOMORROW, None]


def test_of_many_users_those_that_are_settled_are_not_read(schema):
    reading = deadlines(schema, "is_weekend(today) and today < user.expires")
    [rule] = reading._rules.values()
    asked = []
    read = rule._read
    rule._read = lambda values, today: asked.append(values["expires"]) or read(values, today)
    days = [TODAY + timedelta(days=ahead) for ahead in range(8 - columnar_deadline.MANY, 9)]
    rows = [{"expires": day} for day in days]
    coming = [None] * (len(days) - 3) + [SATURDAY] * 3
    assert due(reading, *rows) == coming
    assert due(reading, *rows) == coming
    assert asked == days[-8:]


@pytest.mark.parametrize("size", [1, 1_000, 10_000])
def test_what_is_said_in_parts_is_what_is_said_at_once(schema, size, monkeypatch):
    monkeypatch.setattr(columnar_deadline, "MANY", 100)
    texts = (
        "today < user.expires",
        "age(user.born) >= 18",
        "today < date(2027, 1, 1)",
        "anniversary(user.born) == today",
    )
    days = [TODAY + timedelta(days=ahead) for ahead in range(-60, 60)]
    values = [{"expires": day} for day in days] + [{"born": day} for day in days] + [{}]
    profiles = [Profile(f"u{number}", 1, each) for number, each in enumerate(values)]
    frame = frame_of(profiles, deadlines(schema, *texts).columns)
    parts = deadlines(schema, *texts).in_parts(frame, TODAY, size)
    one_by_one = [day for each in values for day in due(deadlines(schema, *texts), each)]
    assert pl.concat(parts).to_list() == one_by_one


def test_what_was_remembered_is_read_again_once_its_day_has_come(schema):
    reading = deadlines(schema, "anniversary(user.born) == today")
    born = {"born": date(1980, 11, 24)}
    assert due(reading, born) == [TOMORROW]
    assert due(reading, born, today=TOMORROW) == [date(2026, 11, 25)]
    assert due(reading, born, today=date(2026, 11, 25)) == [date(2027, 11, 24)]
    assert due(reading, born) == [TOMORROW]


def test_what_was_remembered_of_a_predicate_is_known_to_the_next_set(schema):
    before = deadlines(schema, "today < user.expires", "user.vip")
    rows = [{"expires": EXPIRES}, {}]
    assert due(before, *rows) == [EXPIRES, None]
    texts = "today < user.expires", "age(user.born) >= 18"
    after = before.of_others({f"{text} now": parse_expression(text, schema).tree for text in texts})
    for rule in before._rules.values():
        rule._read = None  # nothing is read again
    assert due(after, *rows) == [EXPIRES, None]
    assert due(after, {"born": date(2008, 12, 1)}) == [date(2026, 12, 1)]


def test_of_two_sets_that_share_each_may_be_asked_for_its_own_day(schema):
    text = "anniversary(user.born) == today"
    one = deadlines(schema, text)
    other = one.of_others({text: parse_expression(text, schema).tree})
    born = {"born": date(1980, 11, 24)}
    for _ in range(2):
        assert due(one, born) == [TOMORROW]
        assert due(other, born, today=date(2026, 11, 25)) == [date(2027, 11, 24)]


def test_of_a_time_that_is_asked_for_its_day_the_time_of_day_does_not_matter(schema):
    reading = deadlines(schema, "is_known(user.seen) and days_since(day_of(user.seen)) < 7")
    [rule] = reading._rules.values()
    seen = [{"seen": datetime(2026, 11, 20, hour, tzinfo=UTC)} for hour in range(24)]
    assert set(due(reading, *seen)) == {date(2026, 11, 27)}
    assert len(rule._known) == 1


def test_of_a_time_that_is_asked_for_itself_it_does(schema):
    reading = deadlines(
        schema, 'days_since(day_of(user.seen)) < 7 or user.seen > user.orders["a"].last'
    )
    assert due(reading, {"seen": datetime(2026, 11, 20, 5, tzinfo=UTC)}) == [date(2026, 11, 27)]


def test_windowed_counts_and_statistics_are_inputs_too(schema):
    reading = deadlines(
        schema,
        "user.recent > 0",
        'days_since(day_of(user.orders["a"].last)) > 3 and user.visits > 1',
    )
    recent = {"recent": ((date(2026, 11, 1).toordinal(), 2),)}
    assert due(reading, recent, {"recent": ()}, {}) == [date(2026, 12, 1), None, None]


def test_no_more_is_remembered_than_was_said(schema, monkeypatch):
    monkeypatch.setattr(columnar_deadline, "MAX_REMEMBERED", 10)
    reading = deadlines(schema, "today < user.expires")
    days = [TODAY + timedelta(days=ahead) for ahead in range(1, 40)]
    assert due(reading, *({"expires": day} for day in days)) == days
    assert len(next(iter(reading._rules.values()))._known) <= 10


@pytest.mark.parametrize("texts", [(), ("user.vip",), ("today < date(2027, 1, 1)",)])
def test_of_nobody_nothing_is_due(schema, texts):
    found = deadlines(schema, *texts).earliest(
        frame_of([], deadlines(schema, *texts).columns), TODAY
    )
    assert (found.to_list(), found.dtype) == ([], pl.Date())


def test_without_rules_or_inputs_every_user_has_an_answer(schema):
    assert (
        deadlines(schema).earliest(pl.DataFrame({"user_id": ["a", "b"]}), TODAY).to_list()
        == [None] * 2
    )
    reading = deadlines(schema, "today < date(2027, 1, 1)")
    assert due(reading, {}, {}) == [date(2027, 1, 1)] * 2
