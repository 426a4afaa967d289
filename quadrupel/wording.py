"""Attribute values in words: what a citizen reads for a stored text form.

Bare English is the English of the world, which writes 20 December 2026.
"""

import functools
import zoneinfo
from datetime import date, datetime
from decimal import Decimal

import babel
import babel.dates
import babel.numbers

from quadrupel.core.attributes import Type

WORLD_ENGLISH = "en_GB"


@functools.lru_cache(maxsize=1024)
def locale_of(language: str) -> babel.Locale:
    """The formats of a language (`en`, `pt-BR`). ValueError if nobody knows them."""
    name = WORLD_ENGLISH if language == "en" else language.replace("-", "_")
    try:
        return babel.Locale.parse(name)
    except babel.UnknownLocaleError as error:
        raise ValueError(str(error)) from error


@functools.lru_cache(maxsize=65_536)
def in_words(text: str, type_: Type, language: str, zone: zoneinfo.ZoneInfo) -> str:
    """The text form (`quadrupel.core.values`) of a value as it is written in the language.

    Times are told in the zone. A decimal with one digit behind the point is given a second one, as
    amounts of money are written. Texts and booleans stay as they are. ValueError for a text that
    is no form of the type.
    """
    locale = locale_of(language)
    match type_:
        case Type.DATE:
            return babel.dates.format_date(date.fromisoformat(text), "long", locale)
        case Type.DATETIME:
            time = datetime.fromisoformat(text).astimezone(zone)
            day = babel.dates.format_date(time, "long", locale)
            return f"{day}, {babel.dates.format_time(time, 'short', zone, locale)}"
        case Type.INTEGER | Type.DECIMAL:
            number = _number(text)
            pattern = locale.decimal_formats[None].pattern
            if number.normalize().as_tuple().exponent == -1:
                pattern = f"{pattern.partition('.')[0]}.00"
            return babel.numbers.format_decimal(
                number, pattern, locale=locale, decimal_quantization=False
            )
        case _:
            return text


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is no number") from error
