"""The words of the language that stand before brackets: one entry each, in one of two tables.

FUNCTIONS are computed; an entry names the parameters, their types and the result's, says what the
function does, computes it, and tells which way the result moves with each argument, from which
other readings follow. FORMS are rewritten by the checker into other nodes, so no reading knows
them; an entry only says how they are written and what they do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from quadrupel.core.windows import count_within
from quadrupel.rules import days
from quadrupel.rules.tree import Kind

DATE, DATETIME, INTEGER, DECIMAL = Kind.DATE, Kind.DATETIME, Kind.INTEGER, Kind.DECIMAL
BOOLEAN, WINDOWED_COUNT = Kind.BOOLEAN, Kind.WINDOWED_COUNT


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language.

    `parameters` are names and types. `row` is given the arguments, days as ordinals, none of them
    unknown; where `of_today` holds, today comes first. It raises ArithmeticError where there is no
    answer. `moves` says of each argument of `row`: 1 when the result never falls while only that
    argument grows, -1 when it never rises, 0 when neither can be said. An `internal` function
    stands for an operator, or for an attribute that depends on today; rules cannot call it.
    """

    name: str
    parameters: tuple[tuple[str, Kind], ...]
    result: Kind
    doc: str
    row: Callable[..., object]
    moves: tuple[int, ...]
    of_today: bool = False
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A word of the language that the checker rewrites: how it is written and what it does."""

    name: str
    signature: str
    doc: str


def _days_since(today: int, day: int) -> int:
    return today - day


def _days_until(today: int, day: int) -> int:
    return day - today


def _days_between(later: int, earlier: int) -> int:
    return later - earlier


def _covered_day(day: int, first: int, last: int) -> int:
    if first <= day <= last:
        return day
    raise OverflowError("the calendar of holidays does not cover the day")


def _day_of(time: datetime) -> int:
    return time.astimezone(UTC).toordinal()


FUNCTIONS: Mapping[str, Function] = {
    function.name: function
    for function in (
        Function(
            "age",
            (("born", DATE),),
            INTEGER,
            "How many whole years have passed since the day.",
            days.age,
            (1, -1),
            of_today=True,
        ),
        Function(
            "anniversary",
            (("day", DATE),),
            DATE,
            "The next anniversary of the day: today or the first one after today.",
            days.anniversary,
            (1, 0),
            of_today=True,
        ),
        Function(
            "days_since",
            (("day", DATE),),
            INTEGER,
            "How many days have passed since the day; negative while it is to come.",
            _days_since,
            (1, -1),
            of_today=True,
        ),
        Function(
            "days_until",
            (("day", DATE),),
            INTEGER,
            "How many days remain until the day; negative when it is past.",
            _days_until,
            (-1, 1),
            of_today=True,
        ),
        Function(
            "start_of_month",
            (("day", DATE),),
            DATE,
            "The first day of the day's month.",
            days.start_of_month,
            (1,),
        ),
        Function(
            "is_weekend",
            (("day", DATE),),
            BOOLEAN,
            "Whether the day is a Saturday or a Sunday.",
            days.is_weekend,
            (0,),
        ),
        Function(
            "stable_share",
            (("time", DATETIME), ("share", DECIMAL)),
            BOOLEAN,
            "Whether the time falls into a share of all times, always and everywhere the same.",
            days.stable_share,
            (0, 0),
        ),
        Function(
            "day_of", (("time", DATETIME),), DATE, "The day of the time, in UTC.", _day_of, (1,)
        ),
        Function(
            "add_days",
            (("day", DATE), ("number", INTEGER)),
            DATE,
            "The day plus a period of days.",
            days.add_days,
            (1, 1),
            internal=True,
        ),
        Function(
            "add_months",
            (("day", DATE), ("number", INTEGER)),
            DATE,
            "The day plus a period of months.",
            days.add_months,
            (1, 1),
            internal=True,
        ),
        Function(
            "add_years",
            (("day", DATE), ("number", INTEGER)),
            DATE,
            "The day plus a period of years.",
            days.add_years,
            (1, 1),
            internal=True,
        ),
        Function(
            "days_between",
            (("later", DATE), ("earlier", DATE)),
            INTEGER,
            "A day minus another: how many days lie between them.",
            _days_between,
            (1, -1),
            internal=True,
        ),
        Function(
            "covered_day",
            (("day", DATE), ("first", DATE), ("last", DATE)),
            DATE,
            "The day, if a calendar that reaches from one day to another covers it.",
            _covered_day,
            (1, 0, 0),
            internal=True,
        ),
        Function(
            "count_within",
            (("counts", WINDOWED_COUNT), ("window", INTEGER)),
            INTEGER,
            "How many events there were within the last days, today included.",
            count_within,
            (-1, 0, 1),
            of_today=True,
            internal=True,
        ),
        Function(
            "to_decimal",
            (("number", INTEGER),),
            DECIMAL,
            "An integer where a decimal is asked for.",
            float,
            (1,),
            internal=True,
        ),
    )
}

PERIODS: Mapping[str, str] = {"days": "add_days", "months": "add_months", "years": "add_years"}
"""The words for periods, and the function that adds each to a day."""

FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("date", "date(2026, 12, 31)", "A day that is written in the rule."),
        Form("days", "days(7)", "A period, to add to a day or take from it."),
        Form("months", "months(1)", "A period; 31 January plus a month is the last of February."),
        Form("years", "years(14)", "A period; 29 February plus a year is 28 February."),
        Form(
            "is_holiday", "is_holiday(day)", "Whether the calendar rules/holidays.txt has the day."
        ),
        Form("is_known", "is_known(x)", "Whether x has a value; never unknown itself."),
        Form("one_of", "one_of(x, a, b)", "Whether x is one of the constants: x in [a, b]."),
        Form("between", "between(x, a, b)", "Whether a <= x <= b."),
    )
}

WORDS = frozenset(FORMS) | {name for name, entry in FUNCTIONS.items() if not entry.internal}
"""Every word that a rule may call."""
