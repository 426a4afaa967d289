"""The words that the checker rewrites: `date`, periods, `is_known`, `one_of` and `between`.

Each reads its call's arguments and gives a node; `place` is where the call is written. They raise
Mismatch for what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from quadrupel.rules import build
from quadrupel.rules.functions import FORMS, FUNCTIONS
from quadrupel.rules.tree import And, Call, Constant, IsKnown, Kind, Node, Place

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
"""How each of FORMS is read."""
