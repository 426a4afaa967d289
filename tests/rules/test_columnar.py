"""The columnar reading: what a frame must have, and what the answer is.

That its verdicts are those of the other readings is held by test_agreement.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from quadrupel.core.profiles import Profile
from quadrupel.core.values import Statistic
from quadrupel.core.verdicts import Verdict
from quadrupel.core.windows import pack
from quadrupel.rules import catalogue
from quadrupel.rules.columnar import VERDICTS, ColumnarReading, Query, columns, frame_of
from quadrupel.rules.columnar_functions import COLUMN_FUNCTIONS
from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.row import predicate_reading

TODAY = date(2026, 11, 23)
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def verdicts_of(schema, text: str, *profiles: dict, today: date = TODAY) -> list[Verdict]:
    query = Query({"rule": parse_expression(text, schema).tree})
    frame = frame_of([Profile(f"u{n}", 1, each) for n, each in enumerate(profiles)], query.columns)
    return [VERDICTS[code] for code in query.evaluate(frame, today)["rule"]]


def test_every_function_has_a_column_form():
    assert set(COLUMN_FUNCTIONS) == set(FUNCTIONS)


def test_the_needed_columns_are_the_inputs_as_rules_write_them(schema):
    text = 'user.owed > 1 and user.orders["a"].last > user.seen and user.orders["a"].count > 0'
    needed = columns([parse_expression(text, schema).tree])
    assert {column.name: column.type for column in needed} == {
        'orders["a"].count': pl.Int64(),
        'orders["a"].last': pl.Datetime("us", "UTC"),
        "owed": pl.Float64(),
        "seen": pl.Datetime("us", "UTC"),
    }


def test_a_frame_has_null_for_what_is_missing(schema):
    needed = columns([parse_expression('user.owed > user.orders["a"].sum', schema).tree])
    statistics = {"a": Statistic(2, Decimal("2.5"), AT, AT)}
    profiles = [Profile("u1", 1, {"owed": Decimal("0.1"), "orders": statistics}), Profile("u2")]
    assert frame_of(profiles, needed).rows() == [("u1", 2.5, 0.1), ("u2", None, None)]


def test_a_windowed_count_is_a_list_of_packed_days_and_without_one_0(schema):
    needed = columns([parse_expression("user.recent > 1", schema).tree])
    counts = ((TODAY.toordinal() - 30, 1), (TODAY.toordinal() - 29, 2))
    rows = [{"recent": counts}, {}, {"recent": ()}]
    frame = frame_of([Profile("u", 1, each) for each in rows], needed)
    assert frame["recent"].to_list() == [pack(counts), None, []]
    here, gone = Verdict.MATCH, Verdict.NO_MATCH
    assert verdicts_of(schema, "user.recent == 2", *rows) == [here, gone, gone]
    assert verdicts_of(schema, "user.recent == 0", *rows) == [gone, here, here]


def test_the_four_verdicts_stand_side_by_side(schema):
    rows = [{"points": 4, "level": 2}, {"points": 1, "level": 2}, {"points": 1}]
    found = verdicts_of(schema, "user.points / user.level > 1", *rows, {"points": 1, "level": 0})
    assert found == [Verdict.MATCH, Verdict.NO_MATCH, Verdict.UNKNOWN, Verdict.ERROR]


def test_a_value_far_out_changes_no_other_verdict(schema):
    text = "user.born + years(14) <= today"
    rows = [{"born": date(2012, 11, 23)}, {"born": date(2012, 11, 24)}, {}]
    usual = [Verdict.MATCH, Verdict.NO_MATCH, Verdict.UNKNOWN]
    assert verdicts_of(schema, text, *rows) == usual
    assert verdicts_of(schema, text, *rows, {"born": date.max}) == [*usual, Verdict.ERROR]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user.points > 9223372036854775807", Verdict.NO_MATCH),
        ("user.points <= 9223372036854775807", Verdict.MATCH),
        ("9223372036854775807 < user.points", Verdict.NO_MATCH),
        ("user.points == 9223372036854775807", Verdict.NO_MATCH),
        ("user.points != -9223372036854775807 - 1", Verdict.MATCH),
        ("age(user.born) > 9223372036854775807", Verdict.NO_MATCH),
        ("days_until(user.born) <= 9223372036854775807", Verdict.MATCH),
    ],
)
def test_the_greatest_integers_are_compared_as_others_are(schema, text, expected):
    values = {"points": 3, "born": date(2000, 1, 1)}
    assert verdicts_of(schema, text, values) == [expected]
    assert verdicts_of(schema, text, values | {"points": 2**62}) == [expected]
    assert predicate_reading(parse_expression(text, schema))(values, TODAY) is expected


@pytest.mark.parametrize("text", ["is_weekend(today)", "True", "1 / 0 > 1"])
def test_a_predicate_without_inputs_has_a_verdict_for_every_row(schema, text):
    assert len(set(verdicts_of(schema, text, {}, {}, {}))) == 1
    assert len(verdicts_of(schema, text, {}, {}, {})) == 3


@pytest.mark.parametrize(
    "text",
    [
        "user.born + months((774 if today < date(2028, 1, 1) else 780) - 6) <= today",
        "(today + days(2) if is_weekend(today) else today) + months(user.level) <= user.born",
        "(user.born if is_weekend(today) else today) + years(user.level) > today",
        "anniversary(user.born + years(18 if today < date(2028, 1, 1) else 21)) <= today",
        "user.born + months(1 // 0) < today",
        "(user.vip if is_weekend(today) else False) or is_known(today)",
        "(user.vip if 1 // 0 > 1 else True) or user.vip",
        "is_weekend(today) or user.level // 0 > 1",
        "user.vip and 1 // 0 in [1, 2, 3, 4, 5, 6, 7, 8, 9]",
    ],
)
@pytest.mark.parametrize("today", [date(2026, 11, 21), TODAY])
def test_what_is_the_same_for_all_stands_beside_what_is_not(schema, text, today):
    rows = [{"born": date(1962, 1, 1), "level": 2, "vip": True}, {"level": 0, "vip": False}, {}]
    row = predicate_reading(parse_expression(text, schema))
    for users in (rows, rows[:1], []):
        expected = [row(each, today) for each in users]
        assert verdicts_of(schema, text, *users, today=today) == expected


@pytest.mark.parametrize(
    "text",
    [
        "0.5 < (1.5 if user.vip else 2.5) / 2",
        "0.5 == (1.5 if user.vip else 2.5)",
        "2 < (3 if user.vip else 5) * 2",
        "is_known(1.5 if user.vip else 0.0 if user.active else 2.5 - user.owed)",
    ],
)
@pytest.mark.parametrize("values", [{"vip": True}, {"vip": False, "active": True}, {}])
def test_a_page_of_users_who_are_alike_has_a_verdict_for_each(schema, text, values):
    row = predicate_reading(parse_expression(text, schema))
    assert verdicts_of(schema, text, *[values] * 5) == [row(values, TODAY)] * 5


def test_no_profiles_give_no_verdicts(schema):
    assert verdicts_of(schema, "user.vip") == []


def test_a_reading_has_a_column_per_rule_and_does_not_keep_days_apart_wrongly(folder):
    reading = ColumnarReading(catalogue.load(folder))
    frame = frame_of([Profile("u1", 1, {"born": TODAY})], reading.columns)
    for today, code in ((TODAY, 1), (date(2026, 11, 22), 0), (TODAY, 1)):
        assert reading.evaluate(frame, today).to_dict(as_series=False) == {"someone_born": [code]}
