"""A banner set in words: the texts of the rules in one language, with the citizen's values."""

import hashlib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

import structlog

from quadrupel.core.attributes import Type
from quadrupel.core.errors import InputRefused
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.rule import Banner
from quadrupel.store.banner_reads import BannerSet
from quadrupel.wording import in_words

log = structlog.get_logger()


class ShownBanner(TypedDict):
    """One banner as the API answers it."""

    rule: str
    placement: str
    priority: int
    title: str
    text: str
    link: str


@dataclass(frozen=True, slots=True)
class BannerTexts:
    """What there is to say: banners by rule id, types of the attributes they show, placements.

    `digest` changes with every text, so that an edit is seen at once.
    """

    banners: Mapping[str, Banner]
    types: Mapping[str, Type]
    placements: tuple[str, ...]
    digest: str


def banner_texts(rule_set: RuleSet) -> BannerTexts:
    """The texts of all rules that have a banner."""
    banners = {rule.id: rule.banner for rule in rule_set.rules.values() if rule.banner is not None}
    types = {name: each.type for name, each in rule_set.schema.attributes.items()}
    content = repr([sorted(banners.items()), sorted(types.items())])
    return BannerTexts(
        banners,
        types,
        tuple(rule_set.placements),
        hashlib.blake2b(content.encode(), digest_size=8).hexdigest(),
    )


def check_placement(texts: BannerTexts, placement: str | None) -> None:
    """Raise InputRefused (`unknown-placement`) for one that is not declared."""
    if placement is not None and placement not in texts.placements:
        known = ", ".join(texts.placements)
        raise InputRefused("unknown-placement", f"the placements are {known}")


def render(
    banner_set: BannerSet,
    texts: BannerTexts,
    language: str,
    zone: zoneinfo.ZoneInfo,
    placement: str | None = None,
) -> list[ShownBanner]:
    """The banners of the set in its order, of one placement if it is given.

    A rule that is no longer there is left out, and so is a banner with a value that was not
    stored or fits its type no more: half a sentence is worse than none.
    """
    shown = []
    for rule, values in banner_set.banners:
        banner = texts.banners.get(rule)
        if banner is None or placement not in (None, banner.placement):
            continue
        try:
            shown.append(_render(rule, banner, values, texts, language, zone))
        except (KeyError, ValueError):
            log.warning("a banner lacks a value that its text shows", rule=rule)
    return shown


def _render(
    rule: str,
    banner: Banner,
    values: Mapping[str, str],
    texts: BannerTexts,
    language: str,
    zone: zoneinfo.ZoneInfo,
) -> ShownBanner:
    words = {
        name: in_words(text, texts.types[name], language, zone)
        for name, text in values.items()
        if name in texts.types
    }
    return {
        "rule": rule,
        "placement": banner.placement,
        "priority": banner.priority,
        "title": banner.title[language].format_map(words),
        "text": banner.text.get(language, "").format_map(words),
        "link": banner.link,
    }
