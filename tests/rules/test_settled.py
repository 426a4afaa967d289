"""Whose verdicts are settled. That no verdict said to be so ever changes: test_agreement."""

from datetime import date

import polars as pl
import pytest

from quadrupel.core.profiles import Profile
from quadrupel.rules.columnar import columns, frame_of
from quadrupel.rules.columnar_text import Tables
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.settled import Settled

TODAY = date(2026, 11, 23)
PAST, AHEAD = date(2026, 1, 1), date(2027, 1, 1)

SETTLED = {
    "a day that has passed": ("today < user.expires", {"expires": PAST}),
    "a day that was reached": ("user.expires <= today", {"expires": TODAY}),
    "a day that is over": ("user.expires == today", {"expires": PAST}),
    "a day that is not over, turned": ("today != user.expires", {"expires": PAST}),
    "an age that was reached": ("age(user.born) >= 18", {"born": date(2000, 1, 1)}),
    "a period from one of two": (
        'user.born + years(60 if user.sex == "female" else 65) <= today',
        {"born": date(1950, 1, 1), "sex": "male"},
    ),
    "what is missing": ("today < user.expires", {}),
    "nothing that asks for the day": ("user.vip", {"vip": True}),
    "a part that stays false": (
        "user.vip and user.expires == today",
        {"vip": False, "expires": AHEAD},
    ),
    "a part that stays true": ("user.vip or user.expires < today", {"vip": True, "expires": AHEAD}),
    "parts that stay, one of them unknown": (
        "user.vip and user.expires <= today",
        {"expires": PAST},
    ),
    "a branch that stays": (
        "user.expires == today if user.vip else user.active",
        {"vip": False, "active": True, "expires": AHEAD},
    ),
    "branches that say the same": (
        "user.vip if user.expires <= today else not user.active",
        {"vip": True, "active": False, "expires": AHEAD},
    ),
    "whether something is known": ("is_known(user.expires - today)", {"expires": AHEAD}),
    "not what stays": ("not today < user.expires", {"expires": PAST}),
}

OPEN = {
    "a day to come": ("today < user.expires", {"expires": AHEAD}),
    "a day to come, reached then": ("user.expires <= today", {"expires": AHEAD}),
    "today": ("user.expires == today", {"expires": TODAY}),
    "an age to come": ("age(user.born) >= 18", {"born": date(2020, 1, 1)}),
    "what comes every year": ("anniversary(user.born) == today", {"born": PAST}),
    "what comes every week": ("is_weekend(today)", {}),
    "a part that may be false": (
        "user.vip and today < user.expires",
        {"vip": True, "expires": AHEAD},
    ),
    "a part that is not known": ("user.vip and today < user.expires", {"expires": AHEAD}),
    "a sum that may be too large": ("user.points + user.level > 3", {"points": 1, "level": 1}),
    "a day beyond the ordinary": ("today < user.expires", {"expires": date(1700, 1, 1)}),
}


def is_settled(schema, text, values) -> bool:
    tree = parse_expression(text, schema).tree
    frame = frame_of([Profile("u", 1, values)], columns([tree]))
    told = Settled({"rule": tree}, Tables()).of(frame, TODAY, ["rule"])
    return told.to_dict(as_series=False).get("rule") == [True]


@pytest.mark.parametrize("case", SETTLED)
def test_what_cannot_change_is_settled(schema, case):
    assert is_settled(schema, *SETTLED[case])


@pytest.mark.parametrize("case", OPEN)
def test_of_what_can_change_it_is_not_said(schema, case):
    assert not is_settled(schema, *OPEN[case])


def test_each_user_and_each_day_is_told_apart(schema):
    tree = parse_expression("today < user.expires", schema).tree
    days = [PAST, TODAY, AHEAD, None]
    profiles = [Profile(f"u{day}", 1, {"expires": day} if day else {}) for day in days]
    frame, reading = frame_of(profiles, columns([tree])), Settled({"rule": tree}, Tables())

    def told(frame, today):
        return reading.of(frame, today, ["rule"])["rule"].to_list()

    assert told(frame, TODAY) == [True, True, False, True]
    assert told(frame, AHEAD) == [True, True, True, True]
    assert told(frame, PAST) == [True, False, False, True]
    assert told(frame.clear(), TODAY) == []


def test_each_predicate_is_told_of_as_if_it_were_alone(schema):
    texts = ["today < user.expires", "age(user.born) >= 18", "user.vip", "user.points > 3"]
    trees = {text: parse_expression(text, schema).tree for text in texts}
    trees["may fail"] = parse_expression("user.points + user.level > 3", schema).tree
    trees["born"] = trees["age(user.born) >= 18"]  # named as an input is
    values = {"expires": AHEAD, "born": date(2000, 1, 1), "points": 1, "level": 1}
    frame = frame_of([Profile("u", 1, values)], columns(trees.values()))
    reading = Settled(trees, Tables())
    told = reading.of(frame, TODAY, trees).to_dict(as_series=False)
    assert told == {
        "today < user.expires": [False],
        "age(user.born) >= 18": [True],
        "user.vip": [True],
        "user.points > 3": [True],
        "born": [True],
    }
    assert reading.of(frame, TODAY, ["user.vip"]).columns == ["user.vip"]
    odd = frame.with_columns(pl.lit(date(1700, 1, 1)).alias("expires"))
    assert {*reading.of(odd, TODAY, trees).columns} == told.keys() - {"today < user.expires"}
