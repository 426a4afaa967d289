from datetime import date
from itertools import accumulate, chain, repeat

import polars as pl
import pytest

from quadrupel.core.guards import Objection, Reason, Trial, judge
from quadrupel.core.profiles import Profile
from quadrupel.rules import columnar_text
from quadrupel.rules.columnar import Query, frame_of
from quadrupel.rules.columnar_functions import COLUMN_FUNCTIONS, Result
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.trial import ROUNDS, try_on

TODAY = date(2026, 11, 23)


def tried(schema, texts, values, clock):
    query = Query({text: parse_expression(text, schema).tree for text in texts})
    users = [Profile(f"u{number}", 1, each) for number, each in enumerate(values)]
    return try_on(query, frame_of(users, query.columns), TODAY, clock)


def ticking(*steps):
    """A clock that moves on by these seconds from look to look, then by one."""
    ticks = accumulate(chain([0.0], steps, repeat(1.0)))
    return lambda: next(ticks)


def test_a_trial_counts_matches_and_errors_of_each_rule_on_all_users(schema):
    values = [{"points": 3}, {"points": 0}, {}, {"points": 5}]
    texts = ("user.points > 1", "10 / user.points > 0", "True")
    found = tried(schema, texts, values, ticking())
    assert found == {
        "user.points > 1": Trial(4, 2, 0, 1.0),
        "10 / user.points > 0": Trial(4, 2, 1, 1.0),
        "True": Trial(4, 4, 0, 1.0),
    }


@pytest.mark.parametrize("slow", range(ROUNDS))
def test_the_best_time_counts(schema, slow):
    steps = [9.0 if look == 2 * slow else 0.5 for look in range(2 * ROUNDS)]
    [trial] = tried(schema, ("user.points > 1",), [{}], ticking(*steps)).values()
    assert trial.seconds == 0.5


def not_written(_today, _day):
    raise ValueError


def of_another_height(_today, _day):
    return Result(pl.lit(pl.Series([True, False, True])))


@pytest.mark.parametrize("wrong", [not_written, of_another_height])
def test_a_rule_that_fails_as_nobody_foresaw_errs_for_all_and_touches_no_other(
    schema, monkeypatch, capsys, wrong
):
    table = {**COLUMN_FUNCTIONS, "is_weekend": wrong}
    monkeypatch.setattr(columnar_text, "COLUMN_FUNCTIONS", table)
    texts, values = ("is_weekend(user.born)", "user.points > 1"), [{"points": 3}, {"points": 0}]
    found = tried(schema, texts, values, ticking())
    assert found == {texts[0]: Trial(2, 0, 2, 1.0), texts[1]: Trial(2, 1, 0, 1.0)}
    assert judge(found[texts[0]], None, is_new=True) == Objection(
        Reason.ERRORS, "errs on 2 of 2 users"
    )
    assert capsys.readouterr().out.count("rule cannot be read by columns") == 1


def test_nobody_and_no_rules_can_be_tried(schema):
    assert tried(schema, ("user.points > 1",), [], ticking()) == {
        "user.points > 1": Trial(0, 0, 0, 1.0)
    }
    assert tried(schema, (), [{}], ticking()) == {}
