"""Arbitration: which banners of the rules that hold for a user are shown, on which client.

The banners of a user are ranked: those that must be shown first, then by falling priority, then by
rule id. In this order each takes a place on each client of its placement, unless

- a banner of its `story` has a higher rank: one rule tells a story, on all clients, even where its
  banner finds no place;
- the client shows a banner of its `exclusive` group already;
- the client shows as many banners in the placement as its limit says.

One that must be shown takes its place in any case. So nothing depends on the order of rules or of
matches, and no banner gives way to one of lower rank. What the user dismissed is not ranked at all:
it takes no place and tells no story.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from quadrupel.core.banners import Banner, in_order
from quadrupel.core.dismissals import Dismissal
from quadrupel.core.experiments import variant_of
from quadrupel.core.matches import Match
from quadrupel.core.offers import Catalogue, Offer, Seat


class Why(StrEnum):
    """Why a banner is not shown on a client: the first that applies."""

    SHADOW = "shadow"
    SHARE = "share"
    CONTROL = "control"
    HELD = "held"
    DISMISSED = "dismissed"
    CLIENT = "client"
    STORY = "story"
    EXCLUSIVE = "exclusive"
    LIMIT = "limit"


class Loss(NamedTuple):
    """Why a banner is not shown on some clients, and the rules that it gave way `to` there."""

    why: Why
    clients: tuple[str, ...]
    to: tuple[str, ...] = ()


class Standing(NamedTuple):
    """The clients that show the banner of a rule that holds, and why others do not.

    `dismissal` is the user's, if that is why. `variant` is what the user reads, of a banner that is
    shown and has variants.
    """

    rule: str
    placement: str
    clients: tuple[str, ...]
    losses: tuple[Loss, ...]
    dismissal: Dismissal | None = None
    variant: str | None = None


REMEMBERED = 10_000
"""Of how many combinations of rules it is remembered what became of their banners."""

Lost = tuple[Why, tuple[str, ...]]


def arbitrate(user_id: str, matches: Sequence[Match], catalogue: Catalogue) -> tuple[Banner, ...]:
    """The banner set: by placement, in each by rank. Of a rule there is one match at most.

    `matches` are those that hold and whose banners are not dismissed.
    """
    placed = catalogue.placed
    found = [
        match
        for match in matches
        if (offer := placed.get(match.rule)) is not None and offer.reaches(user_id)
    ]
    rules = tuple([match.rule for match in found])
    seats = catalogue.seats.get(rules)
    if seats is None:
        seats = _remember(rules, catalogue)
    return tuple(
        [
            Banner(found[at].rule, found[at].shown, found[at].episode, clients)
            for at, clients in seats
        ]
    )


def _remember(rules: tuple[str, ...], catalogue: Catalogue) -> tuple[Seat, ...]:
    if len(catalogue.seats) >= REMEMBERED:
        catalogue.seats.clear()
    seats = catalogue.seats[rules] = tuple(_seats(rules, catalogue))
    return seats


def _seats(rules: Sequence[str], catalogue: Catalogue) -> Iterator[Seat]:
    """Which banners of these rules are shown, in the order of the set."""
    ranked = _ranked(rules, catalogue)
    on: dict[str, tuple[str, ...]] = dict.fromkeys(rules, ())
    for clients, limits in catalogue.views:
        for offer, lost in zip(ranked, _contest(ranked, limits), strict=True):
            if lost is None:
                on[offer.rule] += clients
    for offer in sorted(ranked, key=lambda offer: offer.placement or ""):
        clients = in_order({*on[offer.rule]})
        if clients:
            everywhere = clients == catalogue.clients[offer.placement or ""]
            yield Seat(rules.index(offer.rule), () if everywhere else clients)


def standings(
    user_id: str,
    rules: Iterable[str],
    catalogue: Catalogue,
    held: Collection[str] = (),
    dismissed: Mapping[str, Dismissal] = MappingProxyType({}),
) -> dict[str, Standing]:
    """Where the banners of rules are shown and why not elsewhere, by rule, in the order of rank.

    `rules` hold for the user. Those `held` hold too, but publish does not hear of them; the user
    has `dismissed` the banners of others.
    """
    offers = _ranked({*rules, *held} & catalogue.placed.keys(), catalogue)
    out = {offer.rule: _left_out(offer, user_id, held, dismissed) for offer in offers}
    ranked = [offer for offer in offers if out[offer.rule] is None]
    contests = [(clients, _contest(ranked, limits)) for clients, limits in catalogue.views]
    found = {}
    for offer in offers:
        why = out[offer.rule]
        results = [
            (clients, lost[ranked.index(offer)] if why is None else (why, ()))
            for clients, lost in contests
        ]
        found[offer.rule] = _standing(offer, results, user_id)
        if why is Why.DISMISSED:
            found[offer.rule] = found[offer.rule]._replace(dismissal=dismissed[offer.rule])
    return found


def _ranked(rules: Iterable[str], catalogue: Catalogue) -> list[Offer]:
    offers = [catalogue.placed[rule] for rule in rules]
    return sorted(offers, key=lambda each: (not each.must_show, -each.priority, each.rule))


def _left_out(
    offer: Offer, user_id: str, held: Collection[str], dismissed: Container[str]
) -> Why | None:
    """Why a banner is not arbitrated at all."""
    if not offer.is_for(user_id):
        return Why.SHADOW if offer.shadow else Why.SHARE
    if not offer.reaches(user_id):
        return Why.CONTROL
    if offer.rule in held:
        return Why.HELD
    return Why.DISMISSED if offer.rule in dismissed and not offer.must_show else None


def _standing(
    offer: Offer, results: Iterable[tuple[tuple[str, ...], Lost | None]], user_id: str
) -> Standing:
    """The standing of a banner by what became of it on some clients and on others."""
    shown: set[str] = set()
    losses: dict[Lost, set[str]] = {}
    for clients, lost in results:
        (shown if lost is None else losses.setdefault(lost, set())).update(clients)
    return Standing(
        offer.rule,
        offer.placement or "",
        in_order(shown),
        tuple([Loss(why, in_order(clients), to) for (why, to), clients in losses.items()]),
        variant=_variant(offer, user_id) if shown else None,
    )


def _variant(offer: Offer, user_id: str) -> str | None:
    variants = offer.experiment.variants if offer.experiment else ()
    return variant_of(offer.rule, user_id, variants)


def _contest(ranked: Sequence[Offer], limits: Mapping[str, int]) -> list[Lost | None]:
    """What becomes of each banner on clients with these limits; None: it is shown."""
    shown: list[Offer] = []
    tellers: dict[str, str] = {}
    found: list[Lost | None] = []
    for offer in ranked:
        teller = tellers.setdefault(offer.story, offer.rule) if offer.story else offer.rule
        lost = _obstacle(offer, teller, shown, limits)
        if lost is None:
            shown.append(offer)
        found.append(lost)
    return found


def _obstacle(
    offer: Offer, teller: str, shown: Sequence[Offer], limits: Mapping[str, int]
) -> Lost | None:
    """What keeps a banner from being shown with those that are; `teller` tells its story."""
    limit = limits.get(offer.placement or "")
    if limit is None:
        return Why.CLIENT, ()
    if offer.must_show:
        return None
    if teller != offer.rule:
        return Why.STORY, (teller,)
    if offer.exclusive is not None:
        group = tuple([each.rule for each in shown if each.exclusive == offer.exclusive])
        if group:
            return Why.EXCLUSIVE, group
    here = tuple([each.rule for each in shown if each.placement == offer.placement])
    return (Why.LIMIT, here) if len(here) >= limit else None
