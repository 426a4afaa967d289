"""A mistake planted in any reading is found by comparing the readings, see test_agreement.

Most are found soon among all predicates. Some show in a few predicates only, of a few users: they
are looked for among predicates that have what is wrong.
"""

import dataclasses
import operator

import polars as pl
import pytest

from quadrupel.rules import (
    columnar_conditions,
    columnar_functions,
    columnar_seasons,
    columnar_text,
    crossing,
    explain,
    functions,
    moments,
    python_text,
    settled,
    turning_comparisons,
)
from quadrupel.rules.tree import And, Kind, Or

from .test_agreement import COUNT, DAY, DAYS, ORDER, PREDICATES, form, generated, words


def less_or_equal(monkeypatch) -> None:
    wrong = {**columnar_text.OPERATORS, "<": operator.le}
    monkeypatch.setattr(columnar_text, "OPERATORS", wrong)


def and_for_or(monkeypatch) -> None:
    right = columnar_text.junction

    def wrong(node, parts):
        return right(Or(node.parts) if isinstance(node, And) else And(node.parts), parts)

    monkeypatch.setattr(columnar_text, "junction", wrong)


def or_for_and(monkeypatch) -> None:
    monkeypatch.setattr(python_text.Writer, "_and", python_text.Writer._or)


def months_that_overflow(monkeypatch) -> None:
    right = columnar_functions.CALENDAR_FUNCTIONS["add_months"]

    def wrong(today, day, number):
        since_first = day.of_month.cast(pl.Int32) - 1
        first = dataclasses.replace(day, of_month=pl.lit(1, pl.Int8))
        return columnar_functions.Result(right(today, first, number).value + since_first)

    table = {**columnar_functions.CALENDAR_FUNCTIONS, "add_months": wrong}
    monkeypatch.setattr(columnar_text, "CALENDAR_FUNCTIONS", table)
    of_columns = columnar_functions._of_days(wrong)
    table = {**columnar_functions.COLUMN_FUNCTIONS, "add_months": of_columns}
    monkeypatch.setattr(columnar_text, "COLUMN_FUNCTIONS", table)


def missing_for_false(monkeypatch) -> None:
    right = explain._Reader._input

    def wrong(self, node):
        value = right(self, node)
        return False if value is None and node.kind is Kind.BOOLEAN else value

    monkeypatch.setattr(explain._Reader, "_input", wrong)


def a_day_late(monkeypatch) -> None:
    right = moments.first_day
    for module in (moments, turning_comparisons):
        monkeypatch.setattr(
            module, "first_day", lambda holds, low, high: right(holds, low, high) + 1
        )


def a_day_more_in_the_window(monkeypatch) -> None:
    right = columnar_functions.COLUMN_FUNCTIONS["count_within"]

    def wrong(today, counts, window):
        return right(today, counts, window + 1)

    table = {**columnar_functions.COLUMN_FUNCTIONS, "count_within": wrong}
    monkeypatch.setattr(columnar_text, "COLUMN_FUNCTIONS", table)


def a_count_that_rises(monkeypatch) -> None:
    wrong = dataclasses.replace(functions.FUNCTIONS["count_within"], moves=(1, 0, 1))
    monkeypatch.setitem(functions.FUNCTIONS, "count_within", wrong)


def what_moves_does_so_for_ever(monkeypatch) -> None:
    monkeypatch.setattr(settled, "moves_for_ever", lambda node: True)


def what_has_not_passed_never_will(monkeypatch) -> None:
    monkeypatch.setattr(settled, "moves_apart", lambda node: 0)


def what_is_reached_is_passed(monkeypatch) -> None:
    right = columnar_conditions.crossing

    def wrong(node):
        found = right(node)
        return found and found._replace(passes=found.reaches)

    monkeypatch.setattr(columnar_conditions, "crossing", wrong)


def whoever_is_turned_stays_so(monkeypatch) -> None:
    monkeypatch.setattr(crossing, "TURNED", {each: each for each in crossing.TURNED})


def a_season_lasts_a_day_more(monkeypatch) -> None:
    right = columnar_seasons._season

    def wrong(node, same):
        found = right(node, same)
        return found._replace(last_day=lambda value: found.last_day(value) + 1)

    monkeypatch.setattr(columnar_seasons, "_season", wrong)


COMPARED_DAYS = form("{} {} {}", DAYS, ORDER, DAYS)
RARE = {
    months_that_overflow: form("({} + months({})) {} {}", DAY, COUNT, ORDER, DAY),
    what_is_reached_is_passed: COMPARED_DAYS,
    whoever_is_turned_stays_so: COMPARED_DAYS,
    a_season_lasts_a_day_more: form(
        "{}({}) {} {}", words("anniversary", "start_of_month"), DAY, ORDER, DAY
    ),
}


@pytest.mark.parametrize(
    "mistake",
    [
        less_or_equal,
        and_for_or,
        or_for_and,
        months_that_overflow,
        missing_for_false,
        a_day_late,
        a_day_more_in_the_window,
        a_count_that_rises,
        what_moves_does_so_for_ever,
        what_has_not_passed_never_will,
        what_is_reached_is_passed,
        whoever_is_turned_stays_so,
        a_season_lasts_a_day_more,
    ],
)
def test_a_mistake_in_a_reading_is_found(schema, monkeypatch, mistake):
    texts = RARE.get(mistake, PREDICATES)
    generated(schema, 500, texts)
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        generated(
            schema, 100_000, texts, derandomize=True, database=None, report_multiple_bugs=False
        )
