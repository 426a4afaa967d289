"""Exposures: that a rule began to hold for a user in an episode, with the user's arm at that time.

There is one for a user, rule and episode, whatever is delivered how often and in which order: the
first one stays, with its arm, though shares change later. Users of control groups have exposures
too, so that all arms are counted from the same moment. What they did with the banner is kept as
feedback; what is added here is when the banner first found a place, and when the goal was reached.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from quadrupel.core.banners import Banner
from quadrupel.core.experiments import SHOWN
from quadrupel.core.offers import Catalogue
from quadrupel.core.publishing import Publication


class Exposure(NamedTuple):
    """A rule began to hold for a user. `since` is when that was published, aware.

    `shown` is when its banner found a place, if it did at once.
    """

    user_id: str
    rule: str
    episode: str
    arm: str
    since: datetime
    shown: datetime | None


Key = tuple[str, str, str]
"""The user, rule and episode of an exposure."""


@dataclass(frozen=True, slots=True)
class News:
    """What some publications add: exposures that begin, and those whose banners are shown now."""

    begun: Sequence[Exposure]
    shown: Sequence[Key]


def news(
    publications: Iterable[tuple[Publication, Sequence[Banner]]],
    catalogue: Catalogue,
    now: datetime,
) -> News:
    """What is to be recorded of publications, each with the banners that were shown before it.

    Of a match that goes on since before its rule recorded anything nothing is, so that no arm has
    exposures that another could not have.
    """
    begun: list[Exposure] = []
    shown: list[Key] = []
    for publication, before in publications:
        if not catalogue.recorded.isdisjoint(publication.held):
            began = _begun(publication, catalogue, now)
            begun += began
            shown += _shown(publication, before, catalogue, {each.rule for each in began})
    return News(begun, shown)


def _begun(publication: Publication, catalogue: Catalogue, now: datetime) -> list[Exposure]:
    """The exposures that begin with a publication."""
    user_id, placed = publication.user_id, {each.rule for each in publication.published.banners}
    return [
        Exposure(
            *(user_id, match.rule, match.episode, _arm(catalogue, match.rule, user_id)),
            *(now, now if match.rule in placed else None),
        )
        for match in publication.opened
        if match.rule in catalogue.recorded
        and match.opened_on == publication.published.as_of  # else only what it shows is new
        and catalogue.offers[match.rule].is_for(user_id)
    ]


def _shown(
    publication: Publication,
    before: Iterable[Banner],
    catalogue: Catalogue,
    began: Container[str],
) -> Iterator[Key]:
    """The exposures of before whose banners were not shown before."""
    known = {(banner.rule, banner.episode) for banner in before}
    for banner in publication.published.banners:
        is_new = (banner.rule, banner.episode) not in known
        if is_new and banner.rule in catalogue.recorded and banner.rule not in began:
            yield publication.user_id, banner.rule, banner.episode


def _arm(catalogue: Catalogue, rule: str, user_id: str) -> str:
    experiment = catalogue.offers[rule].experiment
    return SHOWN if experiment is None else experiment.arm_of(user_id)


class Reached(NamedTuple):
    """A user did what a rule wants `at` some time, aware; `within` so many days it counts."""

    user_id: str
    rule: str
    at: datetime
    within: int


def first_reached(
    since: datetime, before: datetime | None, reached: Iterable[Reached]
) -> datetime | None:
    """When the goal of an exposure was reached first: as is known `before`, or by news of it.

    None if it was not. In every order, and however often it is told, it comes to the same.
    """
    times = [each.at for each in reached if since < each.at <= since + timedelta(days=each.within)]
    return min([*times, *([before] if before else [])], default=None)
