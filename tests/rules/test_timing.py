from datetime import date

import polars as pl
import pytest

from quadrupel.core.profiles import Profile
from quadrupel.rules import timing
from quadrupel.rules.columnar import columns, frame_of
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
def trees(schema):
    return {text: parse_expression(text, schema).tree for text in ("user.vip", "user.points > 1")}


def frame(trees, users):
    return frame_of([Profile(f"u{n}", 1, {"vip": True}) for n in range(users)], columns(trees.values()))


def test_what_a_rule_takes_is_estimated_from_some_users(trees, monkeypatch):
    monkeypatch.setattr(timing, "SAMPLE", 4)
    times = RuleTimes(trees, Clock())
    assert times.estimate(frame(trees, 8), TODAY) == {"user.vip": 2.0, "user.points > 1": 2.0}


def test_it_is_measured_again_only_after_many_users(trees, monkeypatch):
    monkeypatch.setattr(timing, "EVERY", 25)
    clock = Clock()
    times = RuleTimes(trees, clock)
    looks = []
    for _ in range(5):
        assert times.estimate(frame(trees, 10), TODAY).keys() == trees.keys()
        looks.append(clock.looks)
    assert looks == [4, 4, 4, 8, 8]


@pytest.mark.parametrize("users", [0, 3])
def test_without_users_or_rules_nothing_takes_time(trees, users):
    rules = {} if users else trees
    of_some = pl.DataFrame({"user_id": ["u"] * users}, {"user_id": pl.String})
    assert RuleTimes(rules, Clock()).estimate(of_some, TODAY) == {}
