"""Random predicates of the small profile, as text, and random profiles to ask them of."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from quadrupel.core.values import Statistic

TODAY = date(2026, 11, 23)

# Random predicates, as text


def joined(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


def dates(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    leaf = joined("today", "user.born", "user.expires", "user.issued", "date(2028, 2, 29)")
    shifts = st.tuples(leaf, joined("+", "-"), joined("days", "months", "years"), integers(inner))
    return st.one_of(
        leaf,
        leaf,
        shifts.map(lambda t: f"({t[0]} {t[1]} {t[2]}({t[3]}))"),
        leaf.map(lambda day: f"anniversary({day})"),
        leaf.map(lambda day: f"start_of_month({day})"),
        joined("day_of(user.seen)", 'day_of(user.orders["a"].last)'),
        st.tuples(inner, leaf, leaf).map(lambda t: f"({t[1]} if {t[0]} else {t[2]})"),
    )


def integers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    leaf = joined("user.points", "user.level", "user.visits", "0", "1", "-3", "14")
    leaf |= joined('user.orders["a"].count', 'user.orders["b"].count')
    leaf |= joined("user.recent", "user.lately")
    operation = st.tuples(leaf, joined("+", "-", "*", "//", "%"), leaf)
    return st.one_of(
        leaf,
        leaf,
        operation.map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, leaf, leaf).map(lambda t: f"({t[1]} if {t[0]} else {t[2]})"),
        joined("age(user.born)", "days_since(user.issued)", "days_until(user.expires)"),
        joined("(user.expires - user.issued)"),
    )


def decimals(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    leaf = joined("user.owed", "user.income", "0.5", "-2.25", 'user.orders["a"].sum')
    operation = st.tuples(leaf, joined("+", "-", "*", "/"), leaf | integers(inner))
    return st.one_of(leaf, operation.map(lambda t: f"({t[0]} {t[1]} {t[2]})"))


def conditions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    orders = joined("<", "<=", ">", ">=", "==", "!=")
    numbers = integers(inner) | decimals(inner)
    compared = st.tuples(dates(inner), orders, dates(inner)) | st.tuples(numbers, orders, numbers)
    chained = st.tuples(dates(inner), orders, dates(inner), orders, dates(inner))
    between = st.tuples(integers(inner), integers(inner), integers(inner))
    return st.one_of(
        compared.map(" ".join).map("({})".format),
        chained.map(" ".join).map("({})".format),
        joined("user.vip", "user.active", "is_weekend(today)", "is_known(user.issued)"),
        joined("user.vip == user.active", 'user.sex == "male"', 'user.region != "77"'),
        joined(
            'user.region in ["77", "50"]', 'user.region not in ("16",)', "user.points in {1, 2}"
        ),
        joined('user.seen > user.orders["b"].first', 'is_known(user.orders["a"].last)'),
        between.map(lambda t: f"between({t[0]}, {t[1]}, {t[2]})"),
        joined("one_of(user.level, 1, 2, 14)", "True", "False"),
        st.tuples(inner, joined("and", "or"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, joined("and", "or"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda text: f"(not {text})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[1]} if {t[0]} else {t[2]})"),
    )


CONDITIONS = st.recursive(joined("user.vip", "today <= user.expires"), conditions, max_leaves=8)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """A predicate of statements: local names, branches with and without return."""
    lines = [f"limit = {draw(integers(CONDITIONS))}", f"known = {draw(CONDITIONS)}"]
    for _ in range(draw(st.integers(0, 3))):
        lines.append(f"if {draw(CONDITIONS)}:")
        match draw(st.integers(0, 3)):
            case 0:
                lines.append(f"    return {draw(CONDITIONS)}")
            case 1:
                lines.append(f"    limit = {draw(integers(CONDITIONS))}")
            case 2:
                lines += [f"    return {draw(joined('True', 'False'))}", "else:"]
                lines.append(f"    known = {draw(CONDITIONS)}")
            case _:
                lines += [f"    if {draw(CONDITIONS)}:", "        return known", "    limit = 2"]
    lines.append(f"return {draw(CONDITIONS)} or limit < user.points and known")
    return "\n    ".join(lines)


# Random profiles

MOMENTS = st.integers(0, 3000 * 24).map(
    lambda hours: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
)
STATISTICS = st.builds(
    lambda count, total, times: Statistic(count, total, min(times), max(times)),
    st.integers(1, 3),
    st.integers(-300, 300).map(lambda n: Decimal(n) / 4),
    st.tuples(MOMENTS, MOMENTS),
)
COUNTS = st.dictionaries(
    st.dates(date(2026, 1, 1), date(2028, 12, 31)).map(date.toordinal),
    st.integers(1, 3),
    min_size=1,
    max_size=12,
).map(lambda counts: tuple(sorted(counts.items())))
DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31)) | st.dates(date(1900, 1, 1), TODAY)
COMPLETE = {
    "born": DAYS,
    "expires": DAYS,
    "issued": DAYS,
    "seen": MOMENTS,
    "points": st.integers(-5, 20),
    "level": st.integers(-5, 20),
    "visits": st.integers(0, 3),
    "recent": COUNTS,
    "lately": COUNTS,
    "owed": st.integers(-8, 8).map(lambda n: Decimal(n) / 4),
    "income": st.integers(-8, 8).map(lambda n: Decimal(n) / 4),
    "sex": st.sampled_from(["female", "male"]),
    "region": st.sampled_from(["77", "50", "16"]),
    "active": st.booleans(),
    "vip": st.booleans(),
    "orders": st.fixed_dictionaries({"a": STATISTICS, "b": STATISTICS}),
}
COMPLETE_PROFILES = st.fixed_dictionaries(COMPLETE)
PROFILES = st.fixed_dictionaries(
    {},
    optional=COMPLETE
    | {"orders": st.fixed_dictionaries({}, optional={"a": STATISTICS, "b": STATISTICS})},
)
