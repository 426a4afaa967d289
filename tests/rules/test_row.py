"""The row reading against Python itself, a slow interpreter, and the laws of logic."""

import ast
import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quadrupel.core.values import Statistic
from quadrupel.core.verdicts import RuleMatch, Verdict
from quadrupel.rules import catalogue, days
from quadrupel.rules.functions import FUNCTIONS
from quadrupel.rules.predicate import parse_expression
from quadrupel.rules.row import RowReading, predicate_reading
from quadrupel.rules.tree import (
    And,
    Arithmetic,
    Compare,
    Constant,
    If,
    Input,
    IsKnown,
    KeyedField,
    Kind,
    Not,
    OneOf,
    Or,
    Today,
    children,
)

MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
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

# Python itself, with days that know how to add a period


WINDOWS = {"recent": 30, "lately": 1}


class Day(int):
    """A day as an ordinal, with the operators of the language."""

    def __add__(self, period):
        return Day(period(self))

    def __sub__(self, other):
        return int(self) - int(other) if isinstance(other, Day) else Day(other(self, -1))


def run_by_python(text: str, values: dict, today: date) -> bool:
    """The predicate by Python's own reading of it, for a profile without gaps."""

    class User:
        def __getattr__(self, name):
            if name in WINDOWS:
                return sum(n for day, n in values[name] if now - Day(day) < WINDOWS[name])
            return to_python(values[name])

    now = Day(today.toordinal())
    words = {
        "date": lambda *parts: Day(date(*parts).toordinal()),
        "days": lambda n: lambda day, sign=1: days.add_days(int(day), sign * n),
        "months": lambda n: lambda day, sign=1: days.add_months(int(day), sign * n),
        "years": lambda n: lambda day, sign=1: days.add_years(int(day), sign * n),
        "age": lambda day: days.age(int(now), int(day)),
        "anniversary": lambda day: Day(days.anniversary(int(now), int(day))),
        "days_since": lambda day: now - day,
        "days_until": lambda day: day - now,
        "start_of_month": lambda day: Day(days.start_of_month(int(day))),
        "is_weekend": days.is_weekend,
        "day_of": lambda time: Day(time.toordinal()),
        "is_known": lambda value: True,
        "one_of": lambda value, *choices: value in choices,
    }
    tree = Betweens().visit(ast.parse(f"def matches(user, today):\n    {text}"))
    exec(compile(ast.fix_missing_locations(tree), "<rule>", "exec"), words)
    return words["matches"](User(), now)


class Betweens(ast.NodeTransformer):
    """`between(x, a, b)` as `a <= x <= b`, which does not look at b where x is less than a."""

    def visit_Call(self, node):
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Name("between"), [value, low, high]):
                return ast.Compare(low, [ast.LtE(), ast.LtE()], [value, high])
        return node


def to_python(value):
    match value:
        case datetime():
            return value
        case date():
            return Day(value.toordinal())
        case Decimal():
            return float(value)
        case dict():
            return {key: Numbers(each) for key, each in value.items()}
        case _:
            return value


class Numbers:
    """A statistic with a float as sum."""

    def __init__(self, statistic: Statistic) -> None:
        self.count, self.sum = statistic.count, float(statistic.sum)
        self.first, self.last = statistic.first, statistic.last


# A slow interpreter that follows the words of quadrupel.rules.tree


def interpret(node, values, today):
    """The value of a node, None where it is unknown."""
    match node:
        case Constant(value=value):
            return value.toordinal() if isinstance(value, date) else value
        case Today():
            return today.toordinal()
        case Input():
            return interpret_input(node, values)
        case KeyedField():
            return interpret_field(node, values)
        case IsKnown():
            return interpret(node.operand, values, today) is not None
        case And():
            return interpret_parts(node, values, today, stop=False)
        case Or():
            return interpret_parts(node, values, today, stop=True)
        case If():
            asked = interpret(node.condition, values, today)
            branches = [node.then] if asked else [node.otherwise]
            branches = [node.then, node.otherwise] if asked is None else branches
            found = [interpret(branch, values, today) for branch in branches]
            return found[0] if found[0] == found[-1] else None
    operands = [interpret(child, values, today) for child in children(node)]
    return None if None in operands else interpret_operation(node, operands, today)


def interpret_parts(node, values, today, stop):
    answers = []
    for part in node.parts:
        answers.append(interpret(part, values, today))
        if answers[-1] is stop:
            return stop
    return None if None in answers else not stop


def interpret_input(node, values):
    value = values.get(node.name)
    if value is None and node.adds_up:
        value = () if node.kind is Kind.WINDOWED_COUNT else 0
    match node.kind:
        case Kind.DATE:
            return None if value is None else value.toordinal()
        case Kind.DECIMAL:
            return None if value is None else float(value)
        case _:
            return value


def interpret_field(node, values):
    entry = values.get(node.attribute, {}).get(node.key)
    if entry is None:
        return {"count": 0, "sum": 0.0}.get(node.name)
    return float(entry.sum) if node.name == "sum" else getattr(entry, node.name)


def interpret_operation(node, operands, today):
    match node:
        case Not():
            return not operands[0]
        case OneOf():
            return operands[0] in [interpret(each, {}, today) for each in node.constants]
        case Compare() | Arithmetic():
            return eval(f"a {node.operator} b", {"a": operands[0], "b": operands[1]})
        case _:
            function = FUNCTIONS[node.function]
            return function.row(*([today.toordinal()] * function.of_today), *operands)


def expected(tree, values, today) -> Verdict:
    try:
        answer = interpret(tree, values, today)
    except ArithmeticError:
        return Verdict.ERROR
    return {True: Verdict.MATCH, False: Verdict.NO_MATCH, None: Verdict.UNKNOWN}[answer]


def wrapped(body: str) -> str:
    """A whole script around the body of a predicate."""
    return (
        '"""About."""\nowner = "t"\nshadow = True\nemail = Email(template="any")\n'
        f"def matches(user, today):\n    {body}\n"
        'examples = [match(today="2026-01-01"), no_match(today="2026-01-02"),'
        ' unknown(today="2026-01-03")]\n'
    )


@MANY
@given(text=CONDITIONS, values=COMPLETE_PROFILES, today=DAYS)
def test_without_gaps_a_predicate_means_what_python_means(schema, text, values, today):
    verdict = predicate_reading(parse_expression(text, schema))(values, today)
    try:
        answer = run_by_python(f"return {text}", values, today)
    except ArithmeticError:
        assert verdict is Verdict.ERROR
    else:
        assert verdict is (Verdict.MATCH if answer else Verdict.NO_MATCH)


@MANY
@given(body=bodies(), values=COMPLETE_PROFILES, today=DAYS)
def test_without_gaps_statements_mean_what_python_means(read_script, body, values, today):
    rule, source = read_script(wrapped(body))
    if rule is None:
        assert {problem.message for problem in source.problems} <= {"no path comes here"}
        return
    verdict = predicate_reading(rule.predicate)(values, today)
    try:
        answer = run_by_python(body, values, today)
    except ArithmeticError:
        return  # Python computes a local name where it is given, the language where it is used
    assert verdict is (Verdict.MATCH if answer else Verdict.NO_MATCH)


@MANY
@given(text=CONDITIONS, values=PROFILES, today=DAYS)
def test_with_gaps_a_predicate_means_what_its_tree_says(schema, text, values, today):
    predicate = parse_expression(text, schema)
    verdict = predicate_reading(predicate)(values, today)
    assert verdict is expected(predicate.tree, values, today)


@MANY
@given(body=bodies(), values=PROFILES, today=DAYS)
def test_with_gaps_statements_mean_what_their_tree_says(read_script, body, values, today):
    rule, _ = read_script(wrapped(body))
    if rule is not None:
        verdict = predicate_reading(rule.predicate)(values, today)
        assert verdict is expected(rule.predicate.tree, values, today)


@MANY
@given(
    text=CONDITIONS.filter(lambda text: "is_known" not in text),
    gaps=PROFILES,
    fill=COMPLETE_PROFILES,
    today=DAYS,
)
def test_a_verdict_is_never_guessed_what_is_learned_later_does_not_change_it(
    schema, text, gaps, fill, today
):
    verdict = predicate_reading(parse_expression(text, schema))
    counted = {"visits": 0, "owed": Decimal(0), "orders": {}, "recent": (), "lately": ()}
    before = verdict(gaps, today)
    if before in (Verdict.MATCH, Verdict.NO_MATCH):
        after = verdict({**fill, **counted, **gaps}, today)
        assert after is before or after is Verdict.ERROR


LAWS = {
    "double negation": ("not not {a}", "{a}"),
    "De Morgan for and": ("not ({a} and {b})", "not {a} or not {b}"),
    "De Morgan for or": ("not ({a} or {b})", "not {a} and not {b}"),
    "and in any order": ("{a} and {b}", "{b} and {a}"),
    "or in any order": ("{a} or {b}", "{b} or {a}"),
    "and with itself": ("{a} and {a}", "{a}"),
    "or with itself": ("{a} or {a}", "{a}"),
    "absorption": ("{a} and ({a} or {b})", "{a}"),
    "distribution": ("{a} and ({b} or {c})", "{a} and {b} or {a} and {c}"),
    "and with True": ("{a} and True", "{a}"),
    "and with False": ("{a} and False", "False"),
    "or with True": ("{a} or True", "True"),
    "or with False": ("{a} or False", "{a}"),
    "if as and": ("{b} if {a} else False", "{a} and {b}"),
    "if as or": ("True if {a} else {b}", "{a} or {b}"),
    "if with equal branches": ("{b} if {a} else {b}", "{b}"),
    "if turned around": ("{b} if {a} else {c}", "{c} if not {a} else {b}"),
    "between": ("between(user.points, 1, user.level)", "1 <= user.points <= user.level"),
    "between, no further": (
        "between(user.level, 2, 1 // user.points)",
        "2 <= user.level <= 1 // user.points",
    ),
    "one of": ("one_of(user.points, 1, 2)", "user.points == 1 or user.points == 2"),
    "not in": ("user.points not in [1, 2]", "not user.points in [1, 2]"),
    "less or not": ("user.points < user.level", "not user.points >= user.level"),
    "a period of months": ("user.born + years(1) < today", "user.born + months(12) < today"),
    "a period before": ("months(1) + user.born < today", "user.born + months(1) < today"),
    "days between": ("days_since(user.born) > 7", "today - user.born > 7"),
    "days to come": ("days_until(user.born) > 7", "user.born - today > 7"),
    "an age": ("age(user.born) >= 18", "user.born + years(18) <= today"),
}


@pytest.mark.parametrize("law", LAWS)
def test_the_laws_of_three_valued_logic_hold(schema, law):
    names = {"a": "user.vip", "b": "user.active", "c": 'user.sex == "male"'}
    one, other = (
        predicate_reading(parse_expression(text.format(**names), schema)) for text in LAWS[law]
    )
    choices = {
        "vip": [True, False, None],
        "active": [True, False, None],
        "sex": ["male", "female", None],
        "points": [0, 1, 2, None],
        "level": [1, 2, None],
        "born": [date(2008, 2, 29), date(2025, 11, 23), date(2026, 10, 31), TODAY, None],
    }
    used = [
        name for name in choices if any(f"user.{name}" in t for t in (*LAWS[law], *names.values()))
    ]
    for combination in itertools.product(*(choices[name] for name in used)):
        values = {
            name: value for name, value in zip(used, combination, strict=True) if value is not None
        }
        assert one(values, TODAY) is other(values, TODAY), (law, values)


def verdict_of(schema, text, values=None, today=TODAY):
    return predicate_reading(parse_expression(text, schema))(values or {}, today)


@pytest.mark.parametrize(
    ("text", "values", "verdict"),
    [
        ("user.points / user.level > 1", {"points": 1, "level": 0}, "error"),
        ("user.points // user.level > 1", {"points": 1, "level": 0}, "error"),
        ("user.points % user.level > 1", {"points": 1, "level": 0}, "error"),
        ("user.points * user.level > 1", {"points": 2**40, "level": 2**40}, "error"),
        ("user.points * user.level > 1", {"points": 2**62, "level": 2}, "error"),
        ("user.points * user.level > 1", {"points": 2**31, "level": 2**31}, "match"),
        ("user.points - user.level > 1", {"points": -(2**63), "level": 1}, "error"),
        ("user.income * 1e300 * 1e300 > 1", {"income": Decimal(1)}, "error"),
        ("today + days(user.points) > today", {"points": 10**9}, "error"),
        ("today + years(user.points) > today", {"points": 9000}, "error"),
        ("user.vip and user.points / 0 > 1", {"vip": False, "points": 1}, "no_match"),
        ("user.vip and user.points / 0 > 1", {"vip": True, "points": 1}, "error"),
        ("user.vip and user.points / 0 > 1", {"points": 1}, "error"),
        ("user.vip or user.points / 0 > 1", {"vip": True, "points": 1}, "match"),
        ("user.points / 0 > 1 or user.vip", {"vip": True, "points": 1}, "error"),
        ("user.points / 0 > 1 or user.vip", {"vip": True}, "match"),
        ("user.income < user.points / 0", {"points": 1}, "error"),
        ("user.points / 0 < user.income", {"points": 1}, "error"),
        ("is_known(user.points / 0)", {"points": 1}, "error"),
        ("is_known(user.points / 0)", {}, "no_match"),
        ("user.vip if user.active else 1 / 0 > 1", {"active": True, "vip": True}, "match"),
        ("user.vip if user.active else 1 / 0 > 1", {"vip": True}, "error"),
    ],
)
def test_an_error_is_met_only_by_who_asks_the_part_it_is_in(schema, text, values, verdict):
    assert verdict_of(schema, text, values) == verdict


@pytest.mark.parametrize(
    ("text", "values", "verdict"),
    [
        ("user.born <= today", {}, "unknown"),
        ("user.born <= today", {"born": None}, "unknown"),
        ("user.visits == 0", {}, "match"),
        ("user.owed == 0", {}, "match"),
        ('user.orders["a"].count == 0', {}, "match"),
        ('user.orders["a"].sum == 0', {"orders": {}}, "match"),
        ('user.orders["a"].last < user.seen', {"orders": {}}, "unknown"),
        ('is_known(user.orders["a"].last)', {"orders": {}}, "no_match"),
        ("is_known(user.born)", {}, "no_match"),
        ("is_known(user.vip and user.active)", {"vip": False}, "match"),
        ("(1 if user.vip else 1) == 1", {}, "match"),
        ("(1 if user.vip else 2) < 3", {}, "unknown"),
        ("user.points == 1.0", {"points": 1}, "match"),
        ("user.points / 2 == 0.5", {"points": 1}, "match"),
        ("user.points // 2 == -1", {"points": -1}, "match"),
        ("user.owed == 0.1", {"owed": Decimal("0.1")}, "match"),
        ("-user.points < -1", {"points": 2}, "match"),
        (
            "day_of(user.seen) == today",
            {"seen": datetime(2026, 11, 23, 23, 59, tzinfo=UTC)},
            "match",
        ),
    ],
)
def test_a_missing_value_is_unknown_and_what_adds_up_begins_at_nothing(
    schema, text, values, verdict
):
    assert verdict_of(schema, text, values) == verdict


def test_the_day_of_a_time_is_that_of_utc(schema):
    moscow = datetime.fromisoformat("2026-11-24T02:00:00+03:00")
    assert verdict_of(schema, "day_of(user.seen) == today", {"seen": moscow}) is Verdict.MATCH


def test_the_deepest_tree_that_is_allowed_can_be_read(schema):
    text = "user.vip"
    for _ in range(36):
        text = f"({text} if user.active else user.points > 0)"
    values = {"vip": True, "points": 0}
    assert verdict_of(schema, text, {**values, "active": True}) is Verdict.MATCH
    assert verdict_of(schema, text, values) is Verdict.UNKNOWN


def test_what_is_not_one_expression_is_refused(schema):
    for text in (
        "",
        "x = 1",
        "user.vip; user.vip",
        "import os",
        "user.points",
        "user.vip\nuser.vip",
    ):
        with pytest.raises(Exception, match="expression"):
            parse_expression(text, schema)


def test_an_expression_knows_its_inputs(schema):
    predicate = parse_expression("\n age(user.born) > 18 and user.orders['a'].count > 0 ", schema)
    assert predicate.inputs == ("born", "orders")


@pytest.fixture
def rules(folder):
    def script(predicate: str, extra: str = "") -> str:
        return (
            f'"""About."""\nowner = "t"\n{extra}\nemail = Email(template="any")\n'
            f"def matches(user, today):\n    return {predicate}\n"
            'examples = [match(today="2026-01-01"), no_match(today="2026-01-02"),'
            ' unknown(today="2026-01-03")]\n'
        )

    people = folder / "people"
    (people / "a_divides.py").write_text(script("user.points / user.level > 1"))
    (people / "b_overflows.py").write_text(script("today + years(user.points) > today"))
    (people / "c_vip.py").write_text(script("user.vip"))
    shows = 'once_per = "seen"\nwebhook = Webhook(endpoint="crm", values=["owed", "income", "vip"])'
    shown = "is_known(user.seen) and is_known(user.income) and user.vip"
    (people / "d_shows.py").write_text(script(shown, shows))
    return catalogue.load(folder)


def test_an_error_in_one_rule_touches_no_other(rules):
    reading = RowReading(rules)
    values = {"points": 20_000, "level": 0, "vip": True, "born": TODAY}
    verdicts = reading.evaluate(values, TODAY)
    assert verdicts.errors == ("a_divides", "b_overflows")
    assert verdicts.matches == ("c_vip", "someone_born")
    assert verdicts.unknown == ()
    assert [verdicts.of(rule) for rule in rules.rules] == [
        Verdict.ERROR,
        Verdict.ERROR,
        Verdict.MATCH,
        Verdict.NO_MATCH,
        Verdict.MATCH,
    ]


def test_an_evaluation_has_what_the_matches_show_as_texts(rules):
    at = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
    values = {"vip": True, "seen": at, "income": Decimal("12.50"), "points": 1}
    evaluation = RowReading(rules).evaluation("u1", 7, values, TODAY, at)
    shown = {"seen": "2026-11-23T01:02:03Z", "owed": "0", "income": "12.5", "vip": "true"}
    assert evaluation.matches == (
        RuleMatch("b_overflows"),
        RuleMatch("c_vip"),
        RuleMatch("d_shows", "2026-11-23T01:02:03Z", shown),
    )
    assert evaluation.errors == ()
    assert (evaluation.user_id, evaluation.profile_version) == ("u1", 7)
    assert (evaluation.as_of, evaluation.evaluated_at) == (TODAY, at)
    assert evaluation.rule_set == rules.hash


def test_a_reading_depends_on_nothing_but_its_arguments(rules):
    reading = RowReading(rules)
    values = {"vip": True, "points": 1}
    first = reading.evaluate(values, TODAY)
    reading.evaluate({"points": 20_000}, TODAY + timedelta(days=1))
    assert reading.evaluate(values, TODAY) == first
    assert values == {"vip": True, "points": 1}
