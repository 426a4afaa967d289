"""The words that the checker rewrites: `date`, periods, `is_known`, `one_of` and `between`.

Each reads its call's arguments and gives a node; `place` is where the call is written. They raise
Mismatch for what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from quadrupel.rules import build
from quadrupel.rules.functions import FORMS, FUNCTIONS
from quadrupel.rules.holidays import FILE_NAME, Holidays
from quadrupel.rules.tree import And, Call, Constant, IsKnown, Kind, Node, OneOf, Place

Form = Callable[[str, Sequence[Node], Place], Node]


def function(word: str, arguments: Sequence[Node], place: Place) -> Node:
    """A call of one of FUNCTIONS."""
    entry = FUNCTIONS[word]
    if len(arguments) != len(entry.parameters):
        raise build.Mismatch(f"{word}() takes {len(entry.parameters)} argument", usage(word))
    for argument, (name, kind) in zip(arguments, entry.parameters, strict=True):
        build.argument(word, name, argument, kind)
    return Call(word, tuple(arguments), entry.result, place)


def usage(word: str) -> str:
    """How a word of the language is called."""
    if word in FORMS:
        return FORMS[word].signature
    parameters = ", ".join(f"{name}: {kind}" for name, kind in FUNCTIONS[word].parameters)
    return f"{word}({parameters})"


def _date(_word: str, arguments: Sequence[Node], place: Place) -> Node:
    numbers = [
        each.value for each in arguments if isinstance(each, Constant) and type(each.value) is int
    ]
    if len(numbers) != 3 or len(arguments) != 3:
        raise build.Mismatch("date() takes a year, a month and a day", usage("date"))
    try:
        day = date(*numbers)
    except (ValueError, OverflowError):
        raise build.Mismatch("there is no such day in the calendar") from None
    return Constant(day, Kind.DATE, place)


def _period(word: str, arguments: Sequence[Node], place: Place) -> Node:
    if len(arguments) != 1:
        raise build.Mismatch(f"{word}() takes one number", usage(word))
    build.argument(word, "number", arguments[0], Kind.INTEGER)
    return Call(word, tuple(arguments), Kind.PERIOD, place)


def _is_known(_word: str, arguments: Sequence[Node], place: Place) -> Node:
    if len(arguments) != 1:
        raise build.Mismatch("is_known() takes one argument", usage("is_known"))
    return IsKnown(build.scalar(arguments[0]), place=place)


def is_holiday(arguments: Sequence[Node], holidays: Holidays, place: Place) -> Node:
    """Whether a day is one of the holidays; an error outside of the years they cover."""
    if len(arguments) != 1:
        raise build.Mismatch("is_holiday() takes one argument", usage("is_holiday"))
    day = build.argument("is_holiday", "day", arguments[0], Kind.DATE)
    if not holidays.days:
        raise build.Mismatch("there is no calendar of holidays", f"write rules/{FILE_NAME}")
    ends = (Constant(each, Kind.DATE, place) for each in (holidays.first, holidays.last))
    covered = Call("covered_day", (day, *ends), Kind.DATE, place)
    constants = tuple(Constant(each, Kind.DATE, place) for each in holidays.days)
    return OneOf(covered, constants, place=place)


def _one_of(_word: str, arguments: Sequence[Node], place: Place) -> Node:
    if len(arguments) < 2:
        raise build.Mismatch("one_of() takes a value and constants", usage("one_of"))
    return build.one_of(arguments[0], arguments[1:], place)


def _between(_word: str, arguments: Sequence[Node], place: Place) -> Node:
    if len(arguments) != 3:
        raise build.Mismatch("between() takes three arguments", usage("between"))
    value, low, high = arguments
    return And(
        (build.compare("<=", low, value, place), build.compare("<=", value, high, place)),
        place=place,
    )


REWRITTEN: Mapping[str, Form] = {
    "date": _date,
    "days": _period,
    "months": _period,
    "years": _period,
    "is_known": _is_known,
    "one_of": _one_of,
    "between": _between,
}
"""How each of FORMS is read; `is_holiday` needs the calendar besides."""
