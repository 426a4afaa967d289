import asyncio
import dataclasses
import zoneinfo
from datetime import date
from pathlib import Path

import msgspec
import pytest
from starlette.responses import Response

from quadrupel.api.banner_answers import BannerReader, Question
from quadrupel.api.banner_texts import (
    BannerTexts,
    banner_texts,
    check_client,
    check_placement,
    render,
    with_fallbacks,
)
from quadrupel.core.attributes import Type
from quadrupel.core.banners import Banner
from quadrupel.core.errors import InputRefused
from quadrupel.core.experiments import Experiment
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.placements import Fallback, Placement
from quadrupel.rules.rule import Banner as RuleBanner
from quadrupel.rules.rule import Variant as RuleVariant
from quadrupel.store.banner_reads import NOTHING, BannerSet

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
        Banner(rule_id, {name: SAMPLES[texts.types[name]] for name in shipped.rules[rule_id].shown})
        for rule_id in texts.banners
    ]
    shown = render("u1", BannerSet(1, date(2026, 11, 23), stored), texts, language, UTC)
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
    with pytest.raises(InputRefused, match="main, sidebar, mobile"):
        check_placement(texts, "attic")


@pytest.mark.parametrize("client", ["tv", "", "WEB", "web,ios"])
def test_an_undeclared_client_is_refused_with_the_declared_ones(
    shipped: RuleSet, client: str
) -> None:
    check_client(banner_texts(shipped), None)
    check_client(banner_texts(shipped), "android")
    with pytest.raises(InputRefused, match="the clients are web, ios, android"):
        check_client(banner_texts(shipped), client)


FALLBACK = Fallback("/all", {"en": "All", "ru": "Все"}, {"en": "Here.", "ru": "Тут."})
PLACED = BannerTexts(
    {
        "a": RuleBanner("main", 5, "/a", {"en": "A", "ru": "A"}, {}),
        "b": RuleBanner("side", 4, "/b", {"en": "B {gone}", "ru": "B"}, {}),
    },
    {},
    {
        "main": Placement("main", "m", {"web": 2, "ios": 1}, FALLBACK),
        "side": Placement("side", "s", {"web": 1}, dataclasses.replace(FALLBACK, text={})),
        "bare": Placement("bare", "b", {"ios": 1}),
    },
    "",
)


def seen(*banners: Banner, language: str = "en", **where: str) -> list[tuple[str, str]]:
    """What is read of a set: pairs of placement and title."""
    shown = render("u1", BannerSet(1, None, banners), PLACED, language, UTC, **where)
    read = with_fallbacks(shown, PLACED, language, **where)
    return [(banner["placement"], banner["title"]) for banner in read]


def test_a_fallback_is_read_where_nothing_else_is() -> None:
    assert seen() == [("main", "All"), ("side", "All")]
    assert seen(Banner("a", {})) == [("main", "A"), ("side", "All")]
    assert seen(Banner("a", {}), placement="main") == [("main", "A")]
    assert seen(Banner("a", {}), placement="bare") == []
    assert seen(language="ru", placement="side") == [("side", "Все")]


def test_a_fallback_is_read_where_a_banner_is_for_other_clients() -> None:
    only_web = Banner("a", {}, "", ("web",))
    assert seen(only_web, client="web") == [("main", "A"), ("side", "All")]
    assert seen(only_web, client="ios") == [("main", "All")]
    assert seen(only_web, client="ios", placement="side") == []


def test_a_fallback_is_read_where_a_banner_cannot_be_told() -> None:
    assert seen(Banner("b", {}), client="web") == [("main", "All"), ("side", "All")]


def test_a_fallback_is_no_rule_and_cannot_be_dismissed() -> None:
    (found,) = with_fallbacks([], PLACED, "en", "main")
    assert found == {
        "rule": None,
        "episode": None,
        "variant": None,
        "placement": "main",
        "priority": 0,
        "title": "All",
        "text": "Here.",
        "link": "/all",
        "dismissible": False,
        "fallback": True,
    }


def test_an_edited_fallback_changes_the_digest(shipped: RuleSet) -> None:
    main = dataclasses.replace(shipped.placements["main"], fallback=FALLBACK)
    other = dataclasses.replace(shipped, placements={**shipped.placements, "main": main})
    assert banner_texts(other).digest != banner_texts(shipped).digest


class NoSets:
    """Where no user was ever heard of."""

    async def find(self, user_id: str) -> BannerSet:
        return NOTHING


def test_who_was_never_heard_of_reads_fallbacks_and_is_told_when_they_change() -> None:
    texts = [PLACED]
    reader = BannerReader(NoSets(), None, lambda: texts[0], ("en", "ru"), UTC)

    def read(tag: str | None = None) -> Response:
        return asyncio.run(reader.answer("u1", Question("main", None, "", tag)))

    first = read()
    answer = msgspec.json.decode(first.body)
    assert (answer["version"], answer["as_of"]) == (0, None)
    assert [banner["fallback"] for banner in answer["banners"]] == [True]
    tag = dict(first.raw_headers)[b"etag"].decode()
    assert read(tag).status_code == 304
    texts[0] = dataclasses.replace(PLACED, digest="edited")
    assert read(tag).status_code == 200


def test_a_tag_is_of_what_writes_the_answer_too() -> None:
    """Of the time zone in which times are told, and of the release, whose answers may have more."""

    def read(zone: str, release: str, tag: str | None = None) -> Response:
        where = zoneinfo.ZoneInfo(zone)
        reader = BannerReader(NoSets(), None, lambda: PLACED, ("en", "ru"), where, release)
        return asyncio.run(reader.answer("u1", Question("main", None, "", tag)))

    tag = dict(read("UTC", "1.0.0").raw_headers)[b"etag"].decode()
    assert read("UTC", "1.0.0", tag).status_code == 304
    assert read("Asia/Kamchatka", "1.0.0", tag).status_code == 200
    assert read("UTC", "1.1.0", tag).status_code == 200


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
        {},
        "",
    )
    stored = BannerSet(1, None, [Banner("rule", {"name": "{name.__class__} {0} {"})])
    (banner,) = render("u1", stored, texts, "en", UTC)
    assert banner["title"] == "To {name.__class__} {0} {"


def test_a_citizen_reads_the_variant_that_is_recorded() -> None:
    plain = RuleVariant("plain", 0.5, {"en": "Plain"}, {"en": "Text"})
    urgent = RuleVariant("urgent", 0.5, {"en": "Now, {name}"}, {})
    banner = RuleBanner("main", 5, "/x", {"en": "Banner"}, {}, variants=(plain, urgent))
    main = {"main": Placement("main", "m", {"web": 1})}
    texts = BannerTexts({"rule": banner}, {"name": Type.TEXT}, main, "")
    stored = BannerSet(1, None, [Banner("rule", {"name": "Anna"})])
    arms = Experiment("rule", variants=(("plain", 0.5), ("urgent", 0.5)))
    read = set()
    for user in map(str, range(40)):
        (shown,) = render(user, stored, texts, "en", UTC)
        assert shown["variant"] == arms.arm_of(user)
        read.add((shown["variant"], shown["title"], shown["text"]))
    assert read == {("plain", "Plain", "Text"), ("urgent", "Now, Anna", "")}


def test_an_edited_variant_changes_the_digest(shipped: RuleSet) -> None:
    rule = shipped.rules["checkup_due"]
    assert rule.banner is not None
    first, *others = rule.banner.variants
    edited = dataclasses.replace(
        rule.banner, variants=(dataclasses.replace(first, share=0.4), *others)
    )
    rules = {**shipped.rules, rule.id: dataclasses.replace(rule, banner=edited)}
    other = dataclasses.replace(shipped, rules=rules)
    assert banner_texts(other).digest != banner_texts(shipped).digest
