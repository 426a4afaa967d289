import dataclasses
import zoneinfo
from datetime import date
from pathlib import Path

import pytest

from quadrupel.api.banner_texts import BannerTexts, banner_texts, check_placement, render
from quadrupel.core.attributes import Type
from quadrupel.core.errors import InputRefused
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.store.banner_reads import BannerSet

RULES = Path(__file__).parents[2] / "rules"
UTC = zoneinfo.ZoneInfo("UTC")
SAMPLES = {
    Type.DATE: "2026-12-20",
    Type.DATETIME: "2026-12-20T10:00:00Z",
    Type.INTEGER: "3",
    Type.DECIMAL: "1500.5",
    Type.BOOLEAN: "true",
    Type.TEXT: "plain",
}


@pytest.fixture(scope="module")
def shipped() -> RuleSet:
    return catalogue.load(RULES)


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_every_shipped_banner_has_its_texts_with_its_values(
    shipped: RuleSet, language: str
) -> None:
    texts = banner_texts(shipped)
    stored = [
        (rule_id, {name: SAMPLES[texts.types[name]] for name in shipped.rules[rule_id].shown})
        for rule_id in texts.banners
    ]
    shown = render(BannerSet(1, date(2026, 11, 23), stored), texts, language, UTC)
    assert [banner["rule"] for banner in shown] == list(texts.banners)
    for banner in shown:
        check_placement(texts, banner["placement"])
        assert banner["title"]
        assert "{" not in banner["title"] + banner["text"]


def test_an_edited_text_changes_the_digest(shipped: RuleSet) -> None:
    rule_id, banner = next(iter(banner_texts(shipped).banners.items()))
    rule = shipped.rules[rule_id]
    edited = dataclasses.replace(banner, title={**banner.title, "en": "Something else"})
    rules = {**shipped.rules, rule_id: dataclasses.replace(rule, banner=edited)}
    other = dataclasses.replace(shipped, rules=rules)
    assert banner_texts(other).digest != banner_texts(shipped).digest
    assert banner_texts(catalogue.load(RULES)).digest == banner_texts(shipped).digest


def test_an_undeclared_placement_is_refused_with_the_declared_ones(shipped: RuleSet) -> None:
    texts = banner_texts(shipped)
    check_placement(texts, None)
    with pytest.raises(InputRefused, match=texts.placements[0]):
        check_placement(texts, "attic")


def test_values_are_never_read_as_a_template(shipped: RuleSet) -> None:
    texts = BannerTexts(
        {
            "rule": dataclasses.replace(
                next(iter(banner_texts(shipped).banners.values())),
                title={"en": "To {name}"},
                text={},
            )
        },
        {"name": Type.TEXT},
        (),
        "",
    )
    stored = BannerSet(1, None, [("rule", {"name": "{name.__class__} {0} {"})])
    (banner,) = render(stored, texts, "en", UTC)
    assert banner["title"] == "To {name.__class__} {0} {"
