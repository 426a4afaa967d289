"""Dismissals: until when a banner that a citizen dismissed stays away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from quadrupel.core.feedback import Episode
from quadrupel.core.matches import Match
from quadrupel.core.offers import Catalogue

Dismissed = Mapping[Episode, date]
"""By episode of a rule, the day, of its user, on which its banner was dismissed last."""

NOTHING_DISMISSED: Dismissed = MappingProxyType({})

NEVER_BACK = date.max
"""A banner that stays away as long as its episode goes on."""


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A banner was dismissed `on` one day, and stays away `until` another, or NEVER_BACK."""

    on: date
    until: date

    def __str__(self) -> str:
        """As a sentence without its subject."""
        until = "as long as its episode goes on"
        if self.until != NEVER_BACK:
            until = f"until {self.until}"
        return f"was dismissed on {self.on}, stays away {until}"


def away_until(dismissed_on: date, dismiss_for: int | None) -> date:
    """The first day on which a banner may be shown again that was dismissed on that day.

    `dismiss_for` is for how many days it stays away; None: for its episode, NEVER_BACK.
    """
    if dismiss_for is None or dismissed_on.toordinal() + dismiss_for > date.max.toordinal():
        return NEVER_BACK
    return date.fromordinal(dismissed_on.toordinal() + dismiss_for)


def dismissals(
    matches: Iterable[Match], dismissed: Dismissed, catalogue: Catalogue, as_of: date
) -> dict[str, Dismissal]:
    """By rule, what keeps the banners of matches away on a day; never one that must be shown."""
    away = {}
    for match in matches:
        on = dismissed.get((match.rule, match.episode))
        offer = catalogue.placed.get(match.rule)
        if on is not None and offer is not None and not offer.must_show:
            until = away_until(on, offer.dismiss_for)
            if until > as_of:
                away[match.rule] = Dismissal(on, until)
    return away
