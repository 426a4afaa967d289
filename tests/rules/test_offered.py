from pathlib import Path

from quadrupel.rules import catalogue
from quadrupel.rules.offered import must_send

RULES = Path(__file__).parents[2] / "rules"


def test_what_the_law_says_must_be_shown_must_be_sent_and_nothing_else():
    found = must_send(catalogue.load(RULES, ("en", "ru")))
    assert found == {"rule:court_hearing_soon", "rule:enforcement_opened"}
