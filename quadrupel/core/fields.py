"""Members of an event's data as attribute values: types, limits, and what a wrong one is told."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from quadrupel.core.attributes import Attribute, Type
from quadrupel.core.errors import EventRefused
from quadrupel.core.values import Value

MAX_TEXT = 256
MAX_KEY = 64
MAX_INTEGER = 2**63
MAX_DECIMAL = Decimal(10) ** 18
MAX_DECIMAL_PLACES = 6
YEARS = range(1800, 2300)

_DAY_LENGTH = len("2026-11-23")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)

Day = TypeVar("Day", date, datetime)
Number = TypeVar("Number", int, Decimal)


def to_value(attribute: Attribute, field: str, raw: object) -> Value:
    """The value of a member `field` of an event's data for a scalar attribute.

    `raw` comes from strict JSON, with Decimal for numbers that have a point. Raises EventRefused
    (`wrong-type`, `out-of-range`, `unknown-value`).
    """
    return READERS[attribute.type](attribute, field, raw)


def to_decimal(attribute: Attribute, field: str, raw: object) -> Decimal:
    """A JSON number as a decimal of at most 6 places; EventRefused if it is not one."""
    if type(raw) is not int and type(raw) is not Decimal:
        raise _wrong_type(attribute, field, raw)
    number = Decimal(raw)
    if (
        type(raw) is Decimal  # a whole number has no places
        and abs(number) < MAX_DECIMAL
        and number != round(number, MAX_DECIMAL_PLACES)
    ):
        raise EventRefused(
            "out-of-range", f"{attribute.name}: {field} has more than {MAX_DECIMAL_PLACES} places"
        )
    return bounded(attribute, number)


def to_key(attribute: Attribute, field: str, raw: object) -> str:
    """The key of a statistic: a text of 1 to 64 characters; EventRefused if it is not one."""
    if type(raw) is not str:
        raise _wrong_type(attribute, field, raw)
    if not 1 <= len(raw) <= MAX_KEY:
        raise EventRefused(
            "out-of-range", f"{attribute.name}: {field} is not 1 to {MAX_KEY} characters"
        )
    return raw


def bounded(attribute: Attribute, number: Number) -> Number:
    """The number itself, if its column can hold it; else EventRefused `out-of-range`."""
    if isinstance(number, Decimal):
        fits = abs(number) < MAX_DECIMAL
    else:
        fits = -MAX_INTEGER <= number < MAX_INTEGER
    if not fits:
        raise EventRefused("out-of-range", f"{attribute.name} cannot hold {number}")
    return number


def _to_integer(attribute: Attribute, field: str, raw: object) -> int:
    if type(raw) is not int:
        raise _wrong_type(attribute, field, raw)
    return bounded(attribute, raw)


def _to_boolean(attribute: Attribute, field: str, raw: object) -> bool:
    if type(raw) is not bool:
        raise _wrong_type(attribute, field, raw)
    return raw


def _to_date(attribute: Attribute, field: str, raw: object) -> date:
    if type(raw) is not str or len(raw) != _DAY_LENGTH or (day := _day(raw)) is None:
        raise _wrong_type(attribute, field, raw)
    return _in_years(attribute, field, day)


@lru_cache(maxsize=32_768)
def _day(text: str) -> date | None:
    """The day that the text names. Remembered, since the events of a year name the same days."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _to_datetime(attribute: Attribute, field: str, raw: object) -> datetime:
    if type(raw) is not str or not _TIME.fullmatch(raw):
        raise _wrong_type(attribute, field, raw)
    try:
        time = datetime.fromisoformat(raw.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _wrong_type(attribute, field, raw) from error
    return _in_years(attribute, field, time)


def _in_years(attribute: Attribute, field: str, day: Day) -> Day:
    if day.year not in YEARS:
        raise EventRefused(
            "out-of-range",
            f"{attribute.name}: {field} is not in the years {YEARS.start} to {YEARS.stop - 1}",
        )
    return day


def _to_text(attribute: Attribute, field: str, raw: object) -> str:
    if type(raw) is not str:
        raise _wrong_type(attribute, field, raw)
    if len(raw) > MAX_TEXT:
        raise EventRefused(
            "out-of-range", f"{attribute.name}: {field} is longer than {MAX_TEXT} characters"
        )
    if attribute.values and raw not in attribute.values:
        raise EventRefused(
            "unknown-value",
            f"{attribute.name}: {field} is none of {', '.join(attribute.values)}",
        )
    return raw


READERS: Mapping[Type, Callable[[Attribute, str, object], Value]] = {
    Type.DATE: _to_date,
    Type.DATETIME: _to_datetime,
    Type.INTEGER: _to_integer,
    Type.DECIMAL: to_decimal,
    Type.BOOLEAN: _to_boolean,
    Type.TEXT: _to_text,
}
"""How a member of data becomes a value, by the type of the attribute; see `to_value`."""


def _wrong_type(attribute: Attribute, field: str, raw: object) -> EventRefused:
    return EventRefused(
        "wrong-type",
        f"{attribute.name}: {field} must be {_FORMS[attribute.type]}, it is {_json_type(raw)}",
    )


_FORMS = {
    Type.DATE: "a day as YYYY-MM-DD",
    Type.DATETIME: "a time as RFC 3339 with an offset",
    Type.INTEGER: "a whole number",
    Type.DECIMAL: "a number",
    Type.BOOLEAN: "true or false",
    Type.TEXT: "a text",
    Type.STATISTICS: "a text as key and a number as amount",
}


def _json_type(raw: object) -> str:
    names = {str: "another text", int: "a whole number", Decimal: "a number", bool: "a boolean"}
    names |= {list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(raw), type(raw).__name__)
