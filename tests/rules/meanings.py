"""What a predicate means: by Python itself, and by a slow interpreter of its tree."""

import ast
from datetime import date, datetime
from decimal import Decimal

from quadrupel.core.values import Statistic
from quadrupel.core.verdicts import Verdict
from quadrupel.rules import days
from quadrupel.rules.functions import FUNCTIONS
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
