"""What the rules of a set offer, as publish weighs it: where banners go, and what is sent."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from quadrupel.core.banners import CLIENTS, in_order
from quadrupel.core.experiments import Experiment


@dataclass(frozen=True, slots=True)
class Offer:
    """What publish needs to know of a rule: where its banner goes and what it sends.

    `placement` None: no banner. `messages` are pairs of channel and template. `share`: the part of
    the users, by a stable hash, who are shown anything; `shadow`: nobody is. What the banner gives
    way to is said in `quadrupel.core.arbitration`. Who dismisses it is not shown it for so many
    days, `dismiss_for`; None: as long as the episode goes on. An `experiment` keeps some users from
    all of it; `recorded` says that exposures are kept.
    """

    rule: str
    placement: str | None = None
    priority: int = 0
    messages: tuple[tuple[str, str], ...] = ()
    shadow: bool = False
    share: float = 1.0
    exclusive: str | None = None
    story: str | None = None
    must_show: bool = False
    dismiss_for: int | None = None
    experiment: Experiment | None = None
    recorded: bool = False

    def reaches(self, user_id: str) -> bool:
        """Whether this user is shown and sent what the rule offers."""
        if not self.is_for(user_id):
            return False
        return self.experiment is None or not self.experiment.keeps_from(user_id)

    def is_for(self, user_id: str) -> bool:
        """Whether this user is shown and sent it, or is in a control group instead."""
        if self.shadow:
            return False
        return self.share >= 1.0 or stable_share(self.rule, user_id) < self.share


class View(NamedTuple):
    """Clients that show the same number of banners, which is by placement; not those with none."""

    clients: tuple[str, ...]
    limits: Mapping[str, int]


class Seat(NamedTuple):
    """Which of some banners is shown, by its place among them, and on which clients.

    None named: on all that have its placement.
    """

    at: int
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All offers by rule, and how many banners each placement shows.

    That is a number from 1, for every client, or such numbers by client; a client that has none
    does not have the placement. What follows from it is worked out once: `placed` are the offers
    that have a banner for a placement, `clients` those of each placement, `views` all of them;
    `recorded` are the rules whose exposures are kept. `rule_set` is the hash of the set it is of.
    `seats` is for arbitration to remember what became of banners, by their rules.
    """

    offers: Mapping[str, Offer]
    limits: Mapping[str, int | Mapping[str, int]]
    rule_set: str = ""
    placed: Mapping[str, Offer] = field(init=False, repr=False, compare=False)
    clients: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    views: tuple[View, ...] = field(init=False, repr=False, compare=False)
    recorded: frozenset[str] = field(init=False, repr=False, compare=False)
    seats: dict[tuple[str, ...], tuple[Seat, ...]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Work out what follows from offers and limits."""
        limits = {
            placement: dict.fromkeys(CLIENTS, limit) if isinstance(limit, int) else limit
            for placement, limit in self.limits.items()
        }
        placed = {rule: each for rule, each in self.offers.items() if each.placement in limits}
        object.__setattr__(self, "placed", placed)
        clients = {placement: in_order({*each}) for placement, each in limits.items()}
        object.__setattr__(self, "clients", clients)
        object.__setattr__(self, "views", _views(limits))
        recorded = frozenset([rule for rule, each in self.offers.items() if each.recorded])
        object.__setattr__(self, "recorded", recorded)


def stable_share(rule: str, user_id: str) -> float:
    """A number in [0, 1) that is the same for the same rule and user for ever."""
    digest = hashlib.blake2b(f"{rule}\0{user_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _views(by_placement: Mapping[str, Mapping[str, int]]) -> tuple[View, ...]:
    views: list[View] = []
    for client in CLIENTS:
        limits = {name: each[client] for name, each in by_placement.items() if client in each}
        at = next((at for at, view in enumerate(views) if view.limits == limits), None)
        if at is not None:
            views[at] = View((*views[at].clients, client), limits)
        elif limits:
            views.append(View((client,), limits))
    return tuple(views)
