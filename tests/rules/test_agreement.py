"""All readings of a rule agree: random predicates and shipped rules on random profiles and days.

Each predicate is read for many profiles on one day; every (predicate, profile) counts as one pair.
A longer run: `AGREEMENT_PAIRS=1000000 pytest tests/rules/test_agreement.py`.
"""

import os
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quadrupel.core.attributes import Schema, Type
from quadrupel.core.profiles import Profile
from quadrupel.core.values import Statistic
from quadrupel.core.windows import DayCounts
from quadrupel.rules import (
    catalogue,
    columnar_text,
    days,
)
from quadrupel.rules.columnar import VERDICTS, Query, frame_of
from quadrupel.rules.columnar_crossing import CrossingDeadlines
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.columnar_seasons import SeasonDeadlines
from quadrupel.rules.deadline import Deadline, predicate_deadline
from quadrupel.rules.explain import read_clauses, verdict_of
from quadrupel.rules.holidays import NO_HOLIDAYS, Holidays
from quadrupel.rules.predicate import Predicate, parse_expression
from quadrupel.rules.row import predicate_reading
from quadrupel.rules.settled import Settled
from quadrupel.rules.spelling import spell
from quadrupel.rules.tree import KeyedField, walk

PAIRS = int(os.environ.get("AGREEMENT_PAIRS", "20000"))
PROFILES = 100
"""How many profiles each predicate is read for."""

AHEAD = 30
"""How many days after today a verdict is looked at, to hold its deadline to account."""

RULES = Path(__file__).parents[2] / "rules"
MONTH_ENDS = [date(2027, 1, 31), date(2028, 2, 29), date(2027, 2, 28), date(2028, 12, 31)]

# Random predicates, as text


def words(*choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices)


def form(text: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: text.format(*found))


ORDER = words("<", "<=", ">", ">=", "==", "!=")
DAY = words("today", "today", "user.born", "user.expires", "user.issued", "date(2028, 2, 29)")
NUMBER = words(
    *("user.points", "user.visits", "0", "1", "-3", "14", 'user.orders["a"].count'),
    *("user.recent", "user.recent", "user.lately", 'user.deeds["a"].done'),
)
AMOUNT = words("user.owed", "user.income", "0.5", "-2.25", 'user.orders["a"].sum')
OF_TODAY = words("today < date(2027, 6, 1)", "is_weekend(today)")
BRANCH = st.one_of(
    words("user.vip", "user.active", "today <= user.expires", "age(user.born) >= 18"), OF_TODAY
)
COUNT = st.one_of(
    words("1", "-1", "2", "30", "-90", "user.level", "6 * 12"),
    form("(({} if {} else 5) * 12 - 1)", words("1", "6", "user.level"), OF_TODAY),
)

DAYS = st.one_of(
    DAY,
    form("({} {} {}({}))", DAY, words("+", "-"), words("days", "months", "years"), COUNT),
    form("start_of_month({})", DAY),
    form("anniversary({})", DAY),
    words("day_of(user.seen)", 'day_of(user.orders["a"].last)', "anniversary(today - days(3))"),
    words('day_of(user.deeds["a"].first_done)', 'day_of(user.deeds["b"].last_undone)'),
    form("({} if {} else {})", DAY, BRANCH, DAY),
    form("(user.born + years(60 if {} else 65))", BRANCH),
)
NUMBERS = st.one_of(
    NUMBER,
    form("age({})", DAYS),
    form("{}({})", words("days_since", "days_until"), DAYS),
    form("({} - {})", DAYS, DAYS),
    form("({} {} {})", NUMBER, words("+", "-", "*", "//", "%"), NUMBER),
    form("(age({}) % {})", DAY, words("2", "3", "user.level")),
    form("(user.recent {} {})", words("+", "-", "*", "//", "%"), words("2", "age(user.born)")),
    form("({} if {} else {})", NUMBER, BRANCH, NUMBER),
)
AMOUNTS = st.one_of(
    AMOUNT,
    form("({} {} {})", AMOUNT, words("+", "-", "*", "/"), AMOUNT | NUMBERS),
    form("({} if {} else 0)", AMOUNT, BRANCH),
)
CONDITIONS = st.one_of(
    form("{} {} {}", DAYS, ORDER, DAYS),
    form("{} {} {}", DAYS, ORDER, DAYS),
    form("{} {} {} {} {}", DAYS, words("<=", "<"), DAYS, words("<=", "<"), DAYS),
    form("{} {} {}", NUMBERS, ORDER, NUMBERS | AMOUNTS),
    form("{} {} {}", AMOUNTS, ORDER, AMOUNTS | NUMBERS),
    form("between({}, {}, {})", NUMBERS, NUMBER, NUMBER),
    form("is_known({})", DAYS | NUMBERS),
    form("is_weekend({})", DAYS),
    OF_TODAY,
    form("one_of({}, 1, 14, 18)", NUMBERS),
    form("user.recent {} {}", ORDER, words("0", "1", "2", "3", "user.lately", "user.points")),
    form("{} in [date(2028, 2, 29), date(2027, 1, 31), date(1999, 9, 9)]", DAYS),
    form("stable_share(user.seen, {})", words("0.5", "0.01", "user.income")),
    words("user.vip", "user.active == user.vip", 'user.sex == "male"', 'user.region != "77"'),
    words('user.region in ["77", "50"]', 'user.seen > user.orders["b"].first', "True"),
)
PREDICATES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        form("({} and {})", inner, inner),
        form("({} or {})", inner, inner),
        form("({} and {} and {})", inner, inner, inner),
        form("(not {})", inner.map("({})".format)),
        form("({} if {} else {})", inner, inner, inner),
        form("is_known({})", inner),
    ),
    max_leaves=5,
)
SEEDS = st.integers(0, 2**32)

# Random profiles, near the days that matter


def some_day(rng: random.Random, today: date, *, wild: bool) -> date:
    if wild and rng.random() < 0.1:
        return rng.choice([date.min, date.max, date(1700, 2, 28), date(9998, 12, 31)])
    years = rng.choice([0, 0, 0, 0, -1, 1, -14, -18, -20, -60, -65, rng.randrange(-80, 10)])
    months = rng.choice([0, 0, 0, 1, -1, 6, -6])
    shifted = days.add_months(today.toordinal(), 12 * years + months)
    if rng.random() < 0.1:
        shifted = date(2000 + 4 * rng.randrange(7), 2, 29).toordinal()
    elif rng.random() < 0.1:
        shifted = days.add_months(days.start_of_month(shifted), 1) - 1
    return date.fromordinal(shifted + rng.choice([0, 0, 0, 1, -1, 2, -3, rng.randrange(-90, 90)]))


def some_value(rng: random.Random, type_: Type, values, keys, today: date, *, wild: bool):
    match type_:
        case Type.DATE:
            return some_day(rng, today, wild=wild)
        case Type.DATETIME:
            at = some_day(rng, today, wild=False)
            time = datetime(at.year, at.month, at.day, tzinfo=UTC)
            return time + timedelta(seconds=rng.choice([0, 86_399, rng.randrange(86_400)]))
        case Type.INTEGER:
            far = [2**63 - 1, -(2**63), 2**40, 3_000_000]
            return rng.choice(far) if wild and rng.random() < 0.2 else rng.randrange(-3, 20)
        case Type.DECIMAL:
            return Decimal(rng.randrange(-12, 12)) / 4 + rng.choice([0, 0, Decimal("30000.1")])
        case Type.BOOLEAN:
            return rng.random() < 0.5
        case Type.TEXT:
            return rng.choice(values or ("77", "50", "16"))
        case Type.WINDOWED_COUNT:
            return some_counts(rng, today)
        case Type.STATISTICS:
            return {key: some_statistic(rng, today) for key in keys if rng.random() < 0.7}


def some_counts(rng: random.Random, today: date) -> DayCounts:
    """Events on some days around today, and around the first day of windows of 30 and 365 days."""
    edges = [0, 0, 1, -1, -29, -30, -31, -364, -365]
    near = [*edges, rng.randrange(-40, 5), rng.randrange(-400, 40)]
    days = {today.toordinal() + rng.choice(near) for _ in range(rng.randrange(5))}
    return tuple((day, rng.choice([1, 1, 1, 2, 13])) for day in sorted(days))


def some_statistic(rng: random.Random, today: date) -> Statistic:
    times = sorted(some_value(rng, Type.DATETIME, (), (), today, wild=False) for _ in range(2))
    return Statistic(rng.randrange(1, 4), Decimal(rng.randrange(-8, 8)) / 4, *times)


def some_profiles(rng, schema: Schema, predicate: Predicate, today: date) -> list[Profile]:
    keys = {node.key for node in walk(predicate.tree) if isinstance(node, KeyedField)}
    wild = rng.random() < 0.25
    profiles = []
    for number in range(PROFILES):
        gaps = rng.choice([0, 0, 0.15, 0.6])
        values = {
            name: some_value(
                rng, schema[name].type, schema[name].values, sorted(keys), today, wild=wild
            )
            for name in predicate.inputs
            if rng.random() >= gaps
        }
        profiles.append(Profile(f"u{number}", 1, values))
    return profiles


def some_today(rng: random.Random) -> date:
    return rng.choice([*MONTH_ENDS, date(2024, 1, 1) + timedelta(days=rng.randrange(3_000))])


# The comparison


def compare(schema: Schema, predicate: Predicate, seed: int) -> int:
    """Read the predicate in every way for random profiles; the number of pairs."""
    rng = random.Random(seed)
    today = some_today(rng)
    profiles = some_profiles(rng, schema, predicate, today)
    row, deadline = predicate_reading(predicate), predicate_deadline(predicate)
    query = Query({"rule": predicate.tree})
    frame = frame_of(profiles, query.columns)
    codes = query.evaluate(frame, today)["rule"].to_list()
    assert len(codes) == len(profiles)
    check_columnar_deadlines(predicate, profiles[:10], today, rng)
    settled = Settled({"rule": predicate.tree}, columnar_text.Tables()).of(frame, today, ["rule"])
    settles = settled["rule"] if settled.width else [False] * len(profiles)
    by_columns = deadlines_by_columns(predicate, frame, today)
    for profile, code, is_settled, by_column in zip(
        profiles, codes, settles, by_columns, strict=True
    ):
        told = f"{predicate.text} on {today} for {profile.values}"
        verdict = row(profile.values, today)
        assert VERDICTS[code] is verdict, f"columnar: {told}"
        clause = read_clauses(predicate, profile.values, today)
        assert verdict_of(clause) is verdict, f"explain: {told}"
        found = deadline(profile.values, today)
        check_deadline(row, found, profile, today, told, rng)
        if by_column is not None:
            assert by_column == found or not found.exact, f"{by_column}, not {found}: {told}"
            check_deadline(row, by_column, profile, today, told, rng)
        if is_settled:
            check_deadline(row, Deadline(None, exact=False), profile, today, told, rng)
    return len(profiles)


def deadlines_by_columns(predicate, frame, today) -> list[Deadline | None]:
    """Those of a predicate that turns on days that can be told, and soon if it has seasons."""
    trees = {"rule": predicate.tree}
    read, days = CrossingDeadlines(trees, columnar_text.Tables()).of(frame, today, ["rule"])
    if read:
        return [Deadline(day and date.fromordinal(day), exact=True) for day in days]
    soon = SeasonDeadlines(trees, columnar_text.Tables()).of(frame, today, ["rule"])
    found = soon["rule"] if soon.width else [None] * frame.height
    return [day and Deadline(date.fromordinal(day), exact=True) for day in found]


def check_columnar_deadlines(predicate, profiles, today, rng) -> None:
    """They are those of the rows, also on a later day, when some are remembered."""
    deadline = predicate_deadline(predicate)
    by_columns = ColumnarDeadlines({"rule": predicate.tree})
    frame = frame_of(profiles, by_columns.columns)
    early = set()  # of whom a deadline is remembered that may come before the verdict changes
    for day in (today, today + timedelta(days=rng.randrange(1, 100))):
        for profile, due in zip(profiles, by_columns.earliest(frame, day), strict=True):
            found = deadline(profile.values, day)
            if not found.exact:
                early.add(profile.user_id)
            told = f"{predicate.text} on {day} for {profile.values}"
            assert due == found.day or profile.user_id in early, f"{due}, not {found}: {told}"
            assert due is None or due > day, told


def check_deadline(row, found, profile, today, told, rng) -> None:
    verdict = row(profile.values, today)
    holds = 400 * 365 if found.day is None else (found.day - today).days
    assert holds > 0, told
    sampled = [rng.randrange(1, min(holds, 20_000) + 1) for _ in range(3)]
    for ahead in {*range(1, AHEAD), *sampled, holds - 1}:
        if 0 < ahead < min(holds, 30_000):
            later = today + timedelta(days=ahead)
            assert row(profile.values, later) is verdict, f"{later} is before {found}: {told}"
    if found.exact and found.day is not None:
        assert row(profile.values, found.day) is not verdict, f"{found} is not exact: {told}"


def generated(
    schema: Schema,
    pairs: int,
    texts: st.SearchStrategy[str] = PREDICATES,
    holidays: Holidays = NO_HOLIDAYS,
    **options,
) -> int:
    """Compare the readings of generated predicates; how many pairs."""
    counted = 0

    @settings(
        max_examples=-(-pairs // PROFILES),
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        **options,
    )
    @given(text=texts, seed=SEEDS)
    def run(text: str, seed: int) -> None:
        nonlocal counted
        predicate = parse_expression(text, schema, holidays)
        again = parse_expression(spell(predicate.tree), schema, holidays)
        assert again.tree == predicate.tree, text
        counted += compare(schema, predicate, seed)

    run()
    return counted


@pytest.mark.timeout(max(300, PAIRS // 100))
def test_the_readings_of_random_predicates_agree(schema, record_property):
    pairs = generated(schema, PAIRS)
    record_property("pairs", pairs)
    assert pairs >= PAIRS


SHIPPED = catalogue.load(RULES)


@pytest.mark.parametrize("rule", SHIPPED.rules)
def test_the_readings_of_a_shipped_rule_agree(rule):
    predicate = SHIPPED.rules[rule].predicate
    for seed in range(3):
        assert compare(SHIPPED.schema, predicate, seed) == PROFILES
