from pathlib import Path

import pytest

from quadrupel.rules.forms import REWRITTEN, usage
from quadrupel.rules.functions import FORMS, FUNCTIONS, PERIODS, WORDS

MANUAL = (Path(__file__).parents[2] / "docs/reference/rule-language.md").read_text()


def test_every_form_is_rewritten_and_no_other():
    assert {*REWRITTEN, "is_holiday"} == set(FORMS)  # which is given the calendar besides
    assert set(PERIODS) < set(FORMS)
    assert set(PERIODS.values()) < set(FUNCTIONS)
    assert not set(FORMS) & set(FUNCTIONS)


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_is_in_the_manual(word):
    assert f"`{word}(" in MANUAL


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_says_how_it_is_used_and_what_it_does(word):
    assert usage(word).startswith(f"{word}(")
    entry = FORMS.get(word) or FUNCTIONS[word]
    assert entry.doc.endswith(".")
