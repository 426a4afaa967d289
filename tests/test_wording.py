import zoneinfo

import pytest

from quadrupel.core.attributes import Type
from quadrupel.wording import in_words, locale_of

UTC = zoneinfo.ZoneInfo("UTC")
VLADIVOSTOK = zoneinfo.ZoneInfo("Asia/Vladivostok")


@pytest.mark.parametrize(
    ("text", "type_", "language", "words"),
    [
        ("2026-12-20", Type.DATE, "en", "20 December 2026"),
        ("2026-12-20", Type.DATE, "en-US", "December 20, 2026"),
        ("2026-12-20", Type.DATE, "ru", "20 декабря 2026\u202fг."),
        ("1234567.5", Type.DECIMAL, "en", "1,234,567.50"),
        ("-5300.40", Type.DECIMAL, "en", "-5,300.40"),
        ("5300.4", Type.DECIMAL, "ru", "5\xa0300,40"),
        ("1234567.5", Type.DECIMAL, "en-IN", "12,34,567.50"),
        ("4200.0", Type.DECIMAL, "en", "4,200"),
        ("0.125", Type.DECIMAL, "en", "0.125"),
        ("0.123456", Type.DECIMAL, "ru", "0,123456"),
        ("1234567", Type.INTEGER, "ru", "1\xa0234\xa0567"),
        ("-5", Type.INTEGER, "en", "-5"),
        ("true", Type.BOOLEAN, "ru", "true"),
        ("{x} <b>", Type.TEXT, "ru", "{x} <b>"),
    ],
)
def test_values_are_written_as_the_language_writes_them(
    text: str, type_: Type, language: str, words: str
) -> None:
    assert in_words(text, type_, language, UTC) == words


def test_times_are_told_in_the_zone() -> None:
    text = "2026-12-20T22:30:00Z"
    assert in_words(text, Type.DATETIME, "en", UTC) == "20 December 2026, 22:30"
    assert in_words(text, Type.DATETIME, "en", VLADIVOSTOK) == "21 December 2026, 08:30"


@pytest.mark.parametrize(
    ("text", "type_"),
    [("soon", Type.DATE), ("2026-02-30", Type.DATE), ("x", Type.DECIMAL), ("", Type.DATETIME)],
)
def test_what_is_no_form_of_the_type_is_an_error(text: str, type_: Type) -> None:
    with pytest.raises(ValueError):
        in_words(text, type_, "en", UTC)


def test_a_language_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="tlh"):
        locale_of("tlh")
