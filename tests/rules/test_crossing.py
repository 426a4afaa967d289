"""On which days comparisons turn, and deadlines read from that. Random ones: test_agreement."""

import itertools
from datetime import date, timedelta

import pytest

from quadrupel.core.profiles import Profile
from quadrupel.rules.columnar import columns, frame_of
from quadrupel.rules.columnar_conditions import MAX_DAYS
from quadrupel.rules.columnar_crossing import CrossingDeadlines
from quadrupel.rules.columnar_text import Tables
from quadrupel.rules.crossing import Crossing, crossing, turns_on_days
from quadrupel.rules.deadline import predicate_deadline
from quadrupel.rules.predicate import Predicate, parse_expression
from quadrupel.rules.row import predicate_reading
from quadrupel.rules.tree import And, Compare, Not, Or, Today

LONG_AGO = date(1900, 1, 1)
TODAY = date(2026, 11, 23)
TOMORROW = TODAY + timedelta(days=1)
AHEAD = date(2027, 1, 1)

TURN = [
    "today < user.expires",
    "user.expires == today",
    "user.expires - days(30) <= today",
    "today > user.expires + months(1)",
    "user.expires <= today + days(30)",
    "user.expires < today + months(1)",
    "user.expires != today + months(1)",
    "user.expires >= today - months(6)",
    "user.expires > today - years(5)",
    "user.expires <= today + years(1)",
    "user.expires <= today + years(1) - days(10) + months(2)",
    "days_since(user.expires) >= 30",
    "days_until(user.expires) <= 14",
    "7 > days_until(user.expires)",
    "today - user.expires > 30",
    "user.expires - today == 30",
    "age(user.expires) >= 18",
    "age(user.expires) < 3",
    "age(user.expires) == 1",
    "days_since(user.expires) > (0 if user.vip else 10)",
    "user.expires + years(60 if user.vip else 65) <= today",
    "age(user.expires) > (0 if user.vip else 10)",
]

DO_NOT = [
    "today < anniversary(user.expires)",
    "anniversary(user.born) == today",
    "is_weekend(today)",
    "user.expires < start_of_month(today)",
    "user.recent > 0",
    "days_since(user.expires) > user.points",
    "days_since(user.expires) < days_until(user.expires)",
    "user.expires < today + days(user.points)",
    "today < user.expires and is_weekend(today)",
    "today < (user.expires if is_weekend(today) else user.born)",
    "age(user.born) > 9223372036854775807",
    "days_until(user.born) < -9223372036854775807 - 1",
    "user.expires < today + days(2900000)",
    "is_known(today + days(2900000))",
    "user.expires < today" + " + years(1)" * 10,
]


def told(crosses: Crossing) -> Predicate:
    """The comparison that has these days, said by them."""
    reached, beyond = (
        Compare(">=", Today(), crosses.reaches),
        Compare(">=", Today(), crosses.passes),
    )
    tree = {
        ">=": reached,
        "<": Not(reached),
        ">": beyond,
        "<=": Not(beyond),
        "==": And((reached, Not(beyond))),
        "!=": Or((Not(reached), beyond)),
    }[crosses.operator]
    return Predicate(tree, "")


@pytest.mark.parametrize("text", TURN)
def test_a_comparison_turns_on_the_days_that_are_told(schema, text):
    """For every day of two years, of which one has 29 February, and whatever is missing."""
    predicate = parse_expression(text, schema)
    by_days = told(crossing(predicate.tree))
    turns = predicate_deadline(by_days)
    says, right = predicate_reading(by_days), predicate_reading(predicate)
    choices = [{}, {"vip": True}, {"vip": False}]
    for number, choice in itertools.product(range(730), choices if "vip" in text else choices[:1]):
        values = {"expires": date(2027, 6, 1) + timedelta(days=number)} | choice
        turn = turns(values, LONG_AGO).day or TODAY
        for ahead in range(-3, 4):
            today = turn + timedelta(days=ahead)
            assert says(values, today) is right(values, today), f"{values} on {today}"
    assert says({}, TODAY) is right({}, TODAY)


@pytest.mark.parametrize("text", DO_NOT)
def test_of_other_conditions_no_days_are_told(schema, text):
    assert not turns_on_days(parse_expression(text, schema).tree)


def read(schema, texts: list[str], *profiles: dict, today: date = TODAY) -> tuple[set, list]:
    trees = {text: parse_expression(text, schema).tree for text in texts}
    rows = [Profile(f"u{number}", 1, values) for number, values in enumerate(profiles)]
    names, days = CrossingDeadlines(trees, Tables()).of(
        frame_of(rows, columns(trees.values())), today, texts
    )
    return names, [None if day is None else date.fromordinal(day) for day in days]


DEADLINES = {
    "a day to come": ("today < user.expires", {"expires": AHEAD}, AHEAD),
    "a day that has come": ("today < user.expires", {"expires": TODAY}, None),
    "a day that has come and is not over": ("today <= user.expires", {"expires": TODAY}, TOMORROW),
    "a day that comes and goes": ("today == user.expires", {"expires": AHEAD}, AHEAD),
    "a day that goes": ("today == user.expires", {"expires": TODAY}, TOMORROW),
    "nothing known": ("today < user.expires", {}, None),
    "nothing that asks for the day": ("user.vip", {"vip": True}, None),
    "a part that stays false": ("user.vip and today < user.expires", {"expires": AHEAD}, AHEAD),
    "a turn that another part hides": (
        "today < user.expires and age(user.born) >= 18",
        {"expires": AHEAD, "born": date(2009, 6, 1)},
        None,
    ),
    "two turns at once that change nothing": (
        "today < user.expires or today >= user.expires",
        {"expires": AHEAD},
        None,
    ),
    "the second turn": (
        "today < user.expires or today < user.issued",
        {"expires": AHEAD, "issued": date(2027, 5, 1)},
        date(2027, 5, 1),
    ),
    "what becomes unknown": (
        "today < user.expires or user.vip",
        {"expires": AHEAD},
        AHEAD,
    ),
    "whether there is an answer": (
        "is_known(today < user.expires or user.vip)",
        {"expires": AHEAD},
        AHEAD,
    ),
    "whether something is known": ("is_known(today - user.expires)", {"expires": AHEAD}, None),
    "the branch that is taken": (
        "today < user.issued if user.vip else today < user.expires",
        {"vip": False, "issued": TOMORROW, "expires": AHEAD},
        AHEAD,
    ),
    "the branch that will be taken": (
        "user.active if today < user.expires else user.vip",
        {"vip": False, "active": True, "expires": AHEAD},
        AHEAD,
    ),
    "a day after the last one that is looked at": (
        "today < user.expires + years(500) + years(500)",
        {"expires": AHEAD},
        None,
    ),
}


@pytest.mark.parametrize("case", DEADLINES)
def test_a_verdict_holds_until_the_first_day_on_which_it_is_another(schema, case):
    text, values, day = DEADLINES[case]
    assert read(schema, [text], values) == ({text}, [day])
    assert predicate_deadline(parse_expression(text, schema))(values, TODAY).day == day


def test_the_first_deadline_of_all_predicates_counts(schema):
    texts = ["today < user.expires", "age(user.born) >= 18", "user.vip"]
    young = {"born": date(2008, 12, 1)}
    both = young | {"expires": AHEAD}
    assert read(schema, texts, young, both, {"expires": AHEAD}, {}) == (
        {*texts},
        [date(2026, 12, 1), date(2026, 12, 1), AHEAD, None],
    )


NOT_READ = {
    "what can fail": ("today < user.expires and user.points // user.level > 3", {}),
    "a day beyond the ordinary": ("today < user.expires", {"expires": date(1700, 1, 1)}),
    "more turns than are asked about": (
        " or ".join(f"days_since(user.expires) == {2 * days}" for days in range(MAX_DAYS)),
        {"expires": AHEAD},
    ),
    "conditions that are compared": ("(today < user.expires) == user.vip", {"vip": True}),
    "seasons": ("anniversary(user.born) == today", {"born": AHEAD}),
}


@pytest.mark.parametrize("case", NOT_READ)
def test_what_cannot_be_told_is_left_to_others(schema, case):
    text, values = NOT_READ[case]
    assert read(schema, [text, "today < user.issued"], values | {"issued": AHEAD}) == (
        {"today < user.issued"},
        [AHEAD],
    )


@pytest.mark.parametrize("today", [date.min, date(2999, 12, 31), date.max])
def test_days_at_the_ends_of_the_calendar_are_left_to_others(schema, today):
    assert read(schema, ["today < user.expires"], {"expires": AHEAD}, today=today) == (
        set(),
        [None],
    )


def test_of_nobody_and_of_no_predicate_nothing_is_due(schema):
    assert read(schema, ["today < user.expires"]) == ({"today < user.expires"}, [])
    assert read(schema, [], {}, {}) == (set(), [None, None])


def test_an_input_may_be_named_as_a_column_of_the_reading(schema):
    trees = {"expires": parse_expression("today < user.expires", schema).tree}
    frame = frame_of([Profile("u", 1, {"expires": AHEAD})], columns(trees.values()))
    _, days = CrossingDeadlines(trees, Tables()).of(frame, TODAY, trees)
    assert days.to_list() == [AHEAD.toordinal()]
