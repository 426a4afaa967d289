"""The shipped rules and the shipped templates, which are written apart, fit together."""

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quadrupel.api.banner_texts import banner_texts, render
from quadrupel.channels.templates import load_templates
from quadrupel.core.banners import Banner
from quadrupel.core.verdicts import Verdict
from quadrupel.rules import catalogue
from quadrupel.rules.row import RowReading
from quadrupel.store.banner_reads import BannerSet

FOLDER = Path(__file__).parents[1] / "rules"
RULES = catalogue.load(FOLDER)
READING = RowReading(RULES)
TEXTS = banner_texts(RULES)
TEMPLATES = load_templates(FOLDER / "templates", ("en", "ru"), "https://portal.example")
SENDING = [rule for rule in RULES.rules.values() if rule.email is not None]
MOSCOW = zoneinfo.ZoneInfo("Europe/Moscow")
MISPRINT = re.compile(r"\.\.|[ \xa0\u202f]{2}|[ \xa0\u202f][.,:;!?]|[,:;!?]\.|\b1 [a-z]+s\b")


def written(rule, example, language) -> Iterator[str]:
    """The texts that the citizen of an example reads: of the banner, and of the e-mail."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    evaluation = READING.evaluation("u1", 1, example.values, example.today, now)
    (values,) = [match.values for match in evaluation.matches if match.rule == rule.id]
    banners = BannerSet(1, example.today, [Banner(rule.id, values)])
    for shown in render("u1", banners, TEXTS, language, MOSCOW):
        yield from (shown["title"], shown["text"])
    if rule.email is not None:
        e_mail = TEMPLATES.render(rule.email.template, language, values)
        yield from (e_mail.subject, e_mail.text, *re.findall(r"<p .*?</p>", e_mail.html))


@pytest.mark.parametrize("rule", SENDING, ids=lambda rule: rule.id)
def test_a_match_knows_everything_its_template_shows(rule):
    assert TEMPLATES.placeholders(rule.email.template) <= set(rule.shown)


def test_every_template_is_used_by_a_rule_or_meant_for_mailings():
    used = {rule.email.template for rule in SENDING}
    assert set(TEMPLATES.names) - used == {"service_announcement"}


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
@pytest.mark.parametrize("rule", RULES.rules.values(), ids=list(RULES.rules))
def test_what_citizens_read_has_no_misprints(rule, language):
    """A Russian date ends with a full stop of its own, and no amount in words is always plural."""
    matching = [example for example in rule.examples if example.verdict is Verdict.MATCH]
    texts = [text for example in matching for text in written(rule, example, language)]
    assert any(texts)
    assert [text for text in texts if MISPRINT.search(text)] == []
