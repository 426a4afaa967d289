"""Rules with as many branches as the language allows: a run takes them as it takes others."""

import random
import resource
import time
from datetime import date, timedelta
from decimal import Decimal

import pytest

from quadrupel.core.profiles import Profile
from quadrupel.rules.columnar import VERDICTS, Query, frame_of
from quadrupel.rules.columnar_crossing import CrossingDeadlines
from quadrupel.rules.columnar_seasons import SeasonDeadlines
from quadrupel.rules.columnar_text import Tables
from quadrupel.rules.predicate import MAX_BRANCHES
from quadrupel.rules.readings import unwritable
from quadrupel.rules.row import predicate_reading
from quadrupel.rules.settled import Settled

from .conftest import PREDICATE

TODAY = date(2026, 11, 23)
USERS = 1_000
SECONDS, MEGABYTES = 30, 1_000
"""Each takes less than a tenth; where every branch doubles what there is, 20 of them take more."""


def of_each(line: str, last: str, first: str = "", branches: int = MAX_BRANCHES) -> str:
    """The lines of a predicate with one line, or two, for each of many branches."""
    lines = [first, *(line.format(n=n) for n in range(branches)), last]
    return "\n    ".join("\n".join(lines).strip().split("\n"))


NUMBERS = " else ".join(f'{n} if user.region == "{n}"' for n in range(MAX_BRANCHES))
RULES = {
    "a limit for each region": of_each(
        'if user.region == "{n}":\n    return user.points >= {n}', "return user.points > 5"
    ),
    "a number for each region": f"return user.points >= ({NUMBERS} else user.level)",
    "days of which each is asked": of_each(
        "if today < user.expires + days({n}):\n    return user.born + years({n}) <= today",
        "return user.vip",
    ),
    "what can fail": of_each(
        "if user.points // user.level == {n}:\n    return user.owed / user.income > {n}",
        "return user.vip",
    ),
    "a condition of conditions": of_each(
        "asked = user.vip if asked else user.points > {n}",
        "return asked",
        "asked = today < user.expires",
    ),
    "a day of days": of_each(
        "born = born + years(1 if user.points == {n} else 2)",
        "return born <= today",
        "born = user.born",
        branches=25,
    ),
    "days of which one is chosen by another": of_each(
        "day = user.issued if day < user.expires - days({n}) else user.born",
        "return day < today",
        "day = today",
        branches=20,
    ),
}


def some_users() -> list[Profile]:
    rng = random.Random(1)

    def some_values():
        values = {
            "region": str(rng.randrange(MAX_BRANCHES + 2)),
            "points": rng.randrange(6),
            "level": rng.randrange(4),
            "vip": rng.random() < 0.5,
            "born": date(1950, 1, 1) + timedelta(days=rng.randrange(25_000)),
            "issued": date(2026, 1, 1) + timedelta(days=rng.randrange(500)),
            "expires": TODAY + timedelta(days=rng.randrange(-60, 20)),
            "owed": Decimal(rng.randrange(90)),
            "income": Decimal(rng.randrange(3)),
        }
        return {name: value for name, value in values.items() if rng.random() > 0.1}

    return [Profile(f"u{number}", 1, some_values()) for number in range(USERS)]


def megabytes() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("case", RULES)
def test_many_branches_take_little_and_say_what_the_row_reading_says(read_script, script, case):
    rule, source = read_script(script.replace(PREDICATE, RULES[case]))
    assert rule is not None, source.problems
    users, trees = some_users(), {"rule": rule.predicate.tree}
    began, had = time.perf_counter(), megabytes()
    assert list(unwritable([rule])) == []
    query = Query(trees)
    frame = frame_of(users, query.columns)
    codes = query.evaluate(frame, TODAY)["rule"]
    for reading in (CrossingDeadlines, SeasonDeadlines, Settled):
        reading(trees, Tables()).of(frame, TODAY, ["rule"])
    assert time.perf_counter() - began < SECONDS
    assert megabytes() - had < MEGABYTES
    row = predicate_reading(rule.predicate)
    assert [VERDICTS[code] for code in codes] == [row(each.values, TODAY) for each in users]
    assert codes.n_unique() > 1
