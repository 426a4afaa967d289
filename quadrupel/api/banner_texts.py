"""A banner set in words: the texts of the rules in one language, with the citizen's values."""

import hashlib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypedDict

import structlog

from quadrupel.core.attributes import Type
from quadrupel.core.banners import Banner as DecidedBanner
from quadrupel.core.errors import InputRefused
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.placements import Fallback, Placement, clients_of
from quadrupel.rules.rule import Banner
from quadrupel.store.banner_reads import BannerSet
from quadrupel.wording import in_words

log = structlog.get_logger()


class ShownBanner(TypedDict):
    """One banner as the API answers it; feedback on it names its rule and its episode.

    Of a fallback both are None.
    """

    rule: str | None
    episode: str | None
    placement: str
    priority: int
    title: str
    text: str
    link: str
    dismissible: bool
    fallback: bool


@dataclass(frozen=True, slots=True)
class BannerTexts:
    """What there is to say: banners by rule id, types of the attributes they show, placements.

    `digest` changes with every text, so that an edit is seen at once.
    """

    banners: Mapping[str, Banner]
    types: Mapping[str, Type]
    placements: Mapping[str, Placement]
    digest: str


def banner_texts(rule_set: RuleSet) -> BannerTexts:
    """The texts of all rules that have a banner, and of placements."""
    banners = {rule.id: rule.banner for rule in rule_set.rules.values() if rule.banner is not None}
    types = {name: each.type for name, each in rule_set.schema.attributes.items()}
    placements = rule_set.placements
    content = repr([sorted(banners.items()), sorted(types.items()), sorted(placements.items())])
    digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
    return BannerTexts(banners, types, placements, digest)


def check_placement(texts: BannerTexts, placement: str | None) -> None:
    """Raise InputRefused (`unknown-placement`) for one that is not declared."""
    if placement is not None and placement not in texts.placements:
        known = ", ".join(texts.placements)
        raise InputRefused("unknown-placement", f"the placements are {known}")


def check_client(texts: BannerTexts, client: str | None) -> None:
    """Raise InputRefused (`unknown-client`) for one that no placement has."""
    if client is not None and not any(client in each.limits for each in texts.placements.values()):
        known = ", ".join(clients_of(texts.placements.values()))
        raise InputRefused("unknown-client", f"the clients are {known}")


def render(
    banner_set: BannerSet,
    texts: BannerTexts,
    language: str,
    zone: zoneinfo.ZoneInfo,
    placement: str | None = None,
    client: str | None = None,
) -> list[ShownBanner]:
    """The banners of the set in its order, of one placement or client if it is given.

    A rule that is no longer there is left out, and so is a banner with a value that was not
    stored or fits its type no more: half a sentence is worse than none.
    """
    shown = []
    for each in banner_set.banners:
        banner = texts.banners.get(each.rule)
        if banner is None or placement not in (None, banner.placement):
            continue
        if client is not None and not _shows(client, each.clients, banner.placement, texts):
            continue
        try:
            shown.append(_render(each, banner, texts, language, zone))
        except (KeyError, ValueError):
            log.warning("a banner lacks a value that its text shows", rule=each.rule)
    return shown


def _shows(client: str, clients: Sequence[str], placement: str, texts: BannerTexts) -> bool:
    """Whether a client shows a banner that is for some clients, or for all of its placement."""
    return client in texts.placements[placement].limits and (not clients or client in clients)


def with_fallbacks(
    shown: list[ShownBanner],
    texts: BannerTexts,
    language: str,
    placement: str | None = None,
    client: str | None = None,
) -> list[ShownBanner]:
    """The banners, and the fallbacks of the placements in which there is none, by placement."""
    fallbacks = [
        _fallback(each.name, each.fallback, language)
        for each in texts.placements.values()
        if each.fallback is not None
        and placement in (None, each.name)
        and (client is None or client in each.limits)
        and all(banner["placement"] != each.name for banner in shown)
    ]
    return sorted([*shown, *fallbacks], key=itemgetter("placement")) if fallbacks else shown


def _fallback(placement: str, fallback: Fallback, language: str) -> ShownBanner:
    return {
        "rule": None,
        "episode": None,
        "placement": placement,
        "priority": 0,
        "title": fallback.title[language],
        "text": fallback.text.get(language, ""),
        "link": fallback.link,
        "dismissible": False,
        "fallback": True,
    }


def _render(
    decided: DecidedBanner,
    banner: Banner,
    texts: BannerTexts,
    language: str,
    zone: zoneinfo.ZoneInfo,
) -> ShownBanner:
    words = {
        name: in_words(text, texts.types[name], language, zone)
        for name, text in decided.shown.items()
        if name in texts.types
    }
    return {
        "rule": decided.rule,
        "episode": decided.episode,
        "placement": banner.placement,
        "priority": banner.priority,
        "title": banner.title[language].format_map(words),
        "text": banner.text.get(language, "").format_map(words),
        "link": banner.link,
        "dismissible": bool(decided.episode) and not banner.must_show,
        "fallback": False,
    }
