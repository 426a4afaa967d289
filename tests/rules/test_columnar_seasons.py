"""Deadlines of verdicts with seasons, by columns. Random ones: test_agreement."""

from datetime import date, timedelta

import pytest

from quadrupel.core.profiles import Profile
from quadrupel.rules.columnar import columns, frame_of
from quadrupel.rules.columnar_conditions import MAX_DAYS
from quadrupel.rules.columnar_seasons import SeasonDeadlines
from quadrupel.rules.columnar_text import Tables
from quadrupel.rules.deadline import predicate_deadline
from quadrupel.rules.predicate import parse_expression

TODAY = date(2026, 11, 23)
TOMORROW = date(2026, 11, 24)
AHEAD = date(2027, 1, 1)

BIRTHDAY = "anniversary(user.born) == today"
BORN_LATER = "anniversary(user.born) > today"
FIRST_WEEK = "anniversary(user.born) - years(1) + days(7) > today"


def soon(schema, texts, *profiles, today: date = TODAY) -> dict[str, list[date | None]]:
    trees = {text: parse_expression(text, schema).tree for text in texts}
    rows = [Profile(f"u{number}", 1, values) for number, values in enumerate(profiles)]
    frame = frame_of(rows, columns(trees.values()))
    found = SeasonDeadlines(trees, Tables()).of(frame, today, texts).to_dict(as_series=False)
    return {
        text: [None if day is None else date.fromordinal(day) for day in days]
        for text, days in found.items()
    }


FOUND = {
    "a birthday": (
        BIRTHDAY,
        {"born": date(1980, 12, 4)},
        date(2026, 12, 4),
    ),
    "the day after a birthday": (
        BIRTHDAY,
        {"born": date(1980, 11, 23)},
        TOMORROW,
    ),
    "on 28 February": (
        BIRTHDAY,
        {"born": date(1980, 2, 29)},
        date(2027, 2, 28),
    ),
    "a first birthday": (BIRTHDAY, {"born": AHEAD}, date(2028, 1, 1)),
    "some days before it": (
        "anniversary(user.born) - days(7) <= today",
        {"born": date(1980, 12, 4)},
        date(2026, 11, 27),
    ),
    "from it for a week": (FIRST_WEEK, {"born": date(1980, 11, 20)}, date(2026, 11, 27)),
    "when it comes again": (FIRST_WEEK, {"born": date(1980, 11, 1)}, date(2027, 11, 2)),
    "an end of the year": ("anniversary(date(2000, 12, 31)) == today", {}, date(2026, 12, 31)),
    "the first of the month": ("start_of_month(today) == today", {}, date(2026, 12, 1)),
    "the month after something": (
        "user.expires < start_of_month(today)",
        {"expires": date(2026, 11, 23)},
        date(2026, 12, 1),
    ),
    "the 15th": (
        "start_of_month(today) + days(14) <= today",
        {"expires": TODAY},
        date(2026, 12, 1),
    ),
    "years ahead, once a part of an `and` is true": (
        "age(user.born) >= 18 and anniversary(user.born) - days(100) <= today",
        {"born": date(2020, 12, 4)},
        date(2038, 12, 4),
    ),
    "the day after that": (
        "user.born + years(18) < today and " + FIRST_WEEK,
        {"born": date(2020, 12, 4)},
        date(2038, 12, 5),
    ),
    "what ends is not awaited": (
        "today < user.expires and anniversary(user.born) == today",
        {"expires": date(2050, 1, 1), "born": date(1980, 12, 4)},
        date(2026, 12, 4),
    ),
    "nor is a part of an `or`": (
        "today > user.expires or anniversary(user.born) == today",
        {"expires": date(2050, 1, 1), "born": date(1980, 12, 4)},
        date(2026, 12, 4),
    ),
    "a season of a day that follows": (
        "anniversary(user.born + years(1) + days(3)) == today",
        {"born": date(1980, 12, 4)},
        date(2026, 12, 7),
    ),
    "a season of a written day long ago": (
        "anniversary(date(1, 12, 4)) == today",
        {},
        date(2026, 12, 4),
    ),
    "two seasons": (
        "anniversary(user.born) == today or anniversary(user.issued) == today",
        {"born": date(1980, 12, 4), "issued": date(2020, 11, 30)},
        date(2026, 11, 30),
    ),
    "a season that is missing": (
        "anniversary(user.born) == today or anniversary(user.issued) == today",
        {"born": date(1980, 12, 4)},
        date(2026, 12, 4),
    ),
    "another part turns first": (
        "today < user.expires or anniversary(user.born) == today",
        {"born": date(1980, 12, 4), "expires": date(2026, 11, 25)},
        date(2026, 11, 25),
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_a_verdict_with_seasons_holds_until_the_first_day_on_which_it_is_another(schema, case):
    text, values, day = FOUND[case]
    assert predicate_deadline(parse_expression(text, schema))(values, TODAY).day == day
    assert soon(schema, [text], values) == {text: [day]}


LEFT = {
    "what stays for ever": (
        "user.vip and anniversary(user.born) == today",
        {"vip": False, "born": AHEAD},
    ),
    "what is not known": (BIRTHDAY, {}),
    "a day beyond those that are looked at": (
        "age(user.born) >= 110 and anniversary(user.born) == today",
        {"born": date(2020, 1, 1)},
    ),
    "a season that ends after those": (
        f"({BORN_LATER} and today < user.expires) or (not {BORN_LATER} and today >= user.expires)",
        {"born": date(2115, 1, 1), "expires": AHEAD},
    ),
    "a season at the end of what is ordinary": (
        f"{BORN_LATER} and today < user.expires",
        {"born": date(2120, 12, 31), "expires": AHEAD},
    ),
    "a season of a written day at the end of the calendar": (
        "anniversary(date(9998, 1, 1)) > today and today < user.expires",
        {"expires": AHEAD},
    ),
    "a season of a day that is not ordinary": (
        "anniversary(user.born + years(400)) > today and today < user.expires",
        {"born": AHEAD, "expires": AHEAD},
    ),
    "what stays for longer than is looked at": (
        "anniversary(user.born) == today and (user.vip or today > user.expires)",
        {"vip": False, "born": date(1980, 12, 4), "expires": date(2045, 1, 1)},
    ),
}


@pytest.mark.parametrize("case", LEFT)
def test_of_what_does_not_come_soon_nothing_is_said(schema, case):
    text, values = LEFT[case]
    assert soon(schema, [text], values)[text] == [None]


NOT_READ = {
    "no season": "today < user.expires",
    "a season of a season": "anniversary(start_of_month(today)) == today",
    "a weekend": "is_weekend(today) and anniversary(user.born) == today",
    "a window of time": "user.recent > 0 and anniversary(user.born) == today",
    "what can fail": "user.points // user.level > 3 and anniversary(user.born) == today",
    "more turns than are asked about": "anniversary(user.born) == today or "
    + " or ".join(f"days_since(user.expires) == {2 * days}" for days in range(MAX_DAYS)),
}


@pytest.mark.parametrize("case", NOT_READ)
def test_other_predicates_are_not_read(schema, case):
    values = {"born": date(1980, 12, 4), "expires": AHEAD, "points": 1, "level": 1}
    assert list(soon(schema, [NOT_READ[case], FIRST_WEEK], values)) == [FIRST_WEEK]


@pytest.mark.parametrize("today", [date.min, date(1899, 12, 31), date(2101, 1, 1), date.max])
def test_on_days_that_are_not_ordinary_nothing_is_said(schema, today):
    assert soon(schema, [FIRST_WEEK], {"born": AHEAD}, today=today) == {}


def test_inputs_that_are_not_ordinary_leave_their_predicates_to_others(schema):
    texts = [FIRST_WEEK, "anniversary(user.issued) == today"]
    values = {"born": date(1700, 1, 1), "issued": date(2020, 11, 30)}
    assert soon(schema, texts, values) == {texts[1]: [date(2026, 11, 30)]}


def test_each_user_is_read_by_his_own_days_on_every_day_of_a_year(schema):
    """Also of 29 February, and of who is not born yet."""
    predicate = parse_expression(FIRST_WEEK, schema)
    born = [date(1996, 2, 29), date(1997, 2, 28), date(1996, 3, 1), AHEAD, date(2000, 12, 31)]
    rows = [Profile(f"u{day}", 1, {"born": day}) for day in born]
    reading = SeasonDeadlines({"rule": predicate.tree}, Tables())
    frame = frame_of(rows, columns([predicate.tree]))
    deadline = predicate_deadline(predicate)
    for ahead in range(366 * 2):
        today = TODAY + timedelta(days=ahead)
        days = [deadline({"born": day}, today).day.toordinal() for day in born]
        assert reading.of(frame, today, ["rule"])["rule"].to_list() == days, today


def test_of_nobody_and_of_no_predicate_nothing_is_said(schema):
    assert soon(schema, [FIRST_WEEK]) == {FIRST_WEEK: []}
    assert soon(schema, [], {}) == {}
