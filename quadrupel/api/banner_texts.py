"""A banner set in words: the texts of the rules in one language, with the citizen's values."""

import hashlib
import zoneinfo
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple, TypedDict

import structlog

from quadrupel.core.attributes import Type
from quadrupel.core.banners import Banner as DecidedBanner
from quadrupel.core.errors import InputRefused
from quadrupel.core.experiments import variant_of
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.placements import Fallback, Placement, clients_of
from quadrupel.rules.rule import Banner, Variant
from quadrupel.store.banner_reads import BannerSet
from quadrupel.wording import in_words

log = structlog.get_logger()


class ShownBanner(TypedDict):
    """One banner as the API answers it; feedback on it names its rule and its episode.

    Of a fallback both are None. `variant` is the one of its rule that the texts are of, if it has
    some.
    """

    rule: str | None
    episode: str | None
    variant: str | None
    placement: str
    priority: int
    title: str
    text: str
    link: str
    dismissible: bool
    fallback: bool


class ShownFallback(NamedTuple):
    """The fallback of a placement, which some clients have, as it is answered in each language."""

    placement: str
    clients: Collection[str]
    answers: Mapping[str, ShownBanner]


@dataclass(frozen=True, slots=True)
class BannerTexts:
    """What there is to say: banners by rule id, types of the attributes they show, placements.

    `digest` changes with every text, so that an edit is seen at once. What every read asks of the
    placements, `clients` and `fallbacks`, is worked out once.
    """

    banners: Mapping[str, Banner]
    types: Mapping[str, Type]
    placements: Mapping[str, Placement]
    digest: str
    clients: tuple[str, ...] = field(init=False, repr=False)
    fallbacks: tuple[ShownFallback, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Work out what follows from the placements."""
        fallbacks = [
            ShownFallback(each.name, each.limits, _answers(each.name, each.fallback))
            for each in self.placements.values()
            if each.fallback is not None
        ]
        object.__setattr__(self, "clients", clients_of(self.placements.values()))
        object.__setattr__(self, "fallbacks", tuple(fallbacks))


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
    if client is not None and client not in texts.clients:
        raise InputRefused("unknown-client", f"the clients are {', '.join(texts.clients)}")


def render(
    user_id: str,
    banner_set: BannerSet,
    texts: BannerTexts,
    language: str,
    zone: zoneinfo.ZoneInfo,
    placement: str | None = None,
    client: str | None = None,
) -> list[ShownBanner]:
    """The banners of the user's set in its order, of one placement or client if it is given.

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
            variant = _variant(user_id, each.rule, banner) if banner.variants else None
            shown.append(_render(each, banner, variant, texts, language, zone))
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
    found = [
        each.answers[language]
        for each in texts.fallbacks
        if placement in (None, each.placement)
        and (client is None or client in each.clients)
        and each.placement not in [banner["placement"] for banner in shown]
    ]
    return sorted([*shown, *found], key=itemgetter("placement")) if found else shown


def _answers(placement: str, fallback: Fallback) -> Mapping[str, ShownBanner]:
    return {
        language: {
            "rule": None,
            "episode": None,
            "variant": None,
            "placement": placement,
            "priority": 0,
            "title": title,
            "text": fallback.text.get(language, ""),
            "link": fallback.link,
            "dismissible": False,
            "fallback": True,
        }
        for language, title in fallback.title.items()
    }


def _variant(user_id: str, rule: str, banner: Banner) -> Variant:
    """The variant of the banner that the user reads."""
    name = variant_of(rule, user_id, banner.shares)
    return next(each for each in banner.variants if each.name == name)


def _render(
    decided: DecidedBanner,
    banner: Banner,
    variant: Variant | None,
    texts: BannerTexts,
    language: str,
    zone: zoneinfo.ZoneInfo,
) -> ShownBanner:
    words = {
        name: in_words(text, texts.types[name], language, zone)
        for name, text in decided.shown.items()
        if name in texts.types
    }
    words_of = variant or banner
    return {
        "rule": decided.rule,
        "episode": decided.episode,
        "variant": variant.name if variant else None,
        "placement": banner.placement,
        "priority": banner.priority,
        "title": words_of.title[language].format_map(words),
        "text": words_of.text.get(language, "").format_map(words),
        "link": banner.link,
        "dismissible": bool(decided.episode) and not banner.must_show,
        "fallback": False,
    }
