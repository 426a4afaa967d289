import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.api.languages import choose
from quadrupel.core.errors import InputRefused

LANGUAGES = ("en", "ru", "pt-BR")


@pytest.mark.parametrize(
    ("locale", "accept", "chosen"),
    [
        (None, "", "en"),
        (None, "*", "en"),
        (None, "ru", "ru"),
        (None, "RU-ru", "ru"),
        (None, "pt", "pt-BR"),
        (None, "pt-PT", "pt-BR"),
        (None, "de, fr;q=0.9", "en"),
        (None, "de, ru;q=0.1", "ru"),
        (None, "en;q=0.1, ru;q=0.9", "ru"),
        (None, "ru;q=0, en", "en"),
        (None, "ru;q=0", "en"),
        (None, "russian", "en"),
        (None, "en;q=abc, ru", "ru"),
        ("ru", "en", "ru"),
        ("ru_RU", "en", "ru"),
        ("en-GB", "ru", "en"),
        ("pt-br", "", "pt-BR"),
    ],
)
def test_the_best_language_is_chosen(locale: str | None, accept: str, chosen: str) -> None:
    assert choose(locale, accept, LANGUAGES) == chosen


@pytest.mark.parametrize("locale", ["", "fr", "../ru", "\0", "e", "x" * 10_000])
def test_a_locale_without_texts_is_refused(locale: str) -> None:
    with pytest.raises(InputRefused, match="en, ru, pt-BR"):
        choose(locale, "ru", LANGUAGES)


@given(st.text(max_size=200) | st.text("enru-;=q.019, *", max_size=200))
def test_no_header_breaks_it(accept: str) -> None:
    assert choose(None, accept, LANGUAGES) in LANGUAGES
