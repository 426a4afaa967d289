"""The shipped rules and the shipped templates, which are written apart, fit together."""

from pathlib import Path

import pytest

from quadrupel.channels.templates import load_templates
from quadrupel.rules import catalogue

FOLDER = Path(__file__).parents[1] / "rules"
RULES = catalogue.load(FOLDER)
TEMPLATES = load_templates(FOLDER / "templates", ("en", "ru"), "https://portal.example")
SENDING = [rule for rule in RULES.rules.values() if rule.email is not None]


@pytest.mark.parametrize("rule", SENDING, ids=lambda rule: rule.id)
def test_a_match_knows_everything_its_template_shows(rule):
    assert TEMPLATES.placeholders(rule.email.template) <= set(rule.shown)


def test_every_template_is_used_by_a_rule_or_meant_for_mailings():
    used = {rule.email.template for rule in SENDING}
    assert set(TEMPLATES.names) - used == {"service_announcement"}
