from datetime import date

import polars as pl
import pytest

from quadrupel.core.profiles import Profile
from quadrupel.rules import timing
from quadrupel.rules.columnar import Query, frame_of
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.timing import RuleTimes

TODAY = date(2026, 11, 23)


class Clock:
    """Moves on by a second whenever it is looked at."""

    def __init__(self):
        self.looks = 0

    def __call__(self):
        self.looks += 1
        return float(self.looks)


@pytest.fixture
def query(schema):
    texts = ("user.vip", "user.points > 1")
    return Query({text: parse_expression(text, schema).tree for text in texts})


def frame(query, users):
    profiles = [Profile(f"u{number}", 1, {"vip": True}) for number in range(users)]
    return frame_of(profiles, query.columns)


def test_what_a_rule_takes_is_estimated_from_some_users(query, monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE", 4)
    times = RuleTimes(query, Clock())
    assert times.estimate(frame(query, 8), TODAY) == {"user.vip": 2.0, "user.points > 1": 2.0}


def test_it_is_measured_again_only_after_many_users(query, monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE", 4)
    monkeypatch.setattr(timing, "EVERY", 25)
    clock = Clock()
    times = RuleTimes(query, clock)
    looks = []
    for _ in range(5):
        times.estimate(frame(query, 10), TODAY)
        looks.append(clock.looks)
    assert looks == [4, 4, 4, 8, 8]


def test_a_frame_too_small_to_be_measured_takes_what_was_measured_before(query, monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE", 4)
    times = RuleTimes(query, Clock())
    assert times.estimate(frame(query, 3), TODAY) == {}
    times.estimate(frame(query, 4), TODAY)
    assert times.estimate(frame(query, 2), TODAY) == {"user.vip": 0.5, "user.points > 1": 0.5}


@pytest.mark.parametrize("users", [0, 3])
def test_without_users_or_rules_nothing_takes_time(users):
    of_some = pl.DataFrame({"user_id": ["u"] * users}, {"user_id": pl.String})
    assert RuleTimes(Query({}), Clock()).estimate(of_some, TODAY) == {}
