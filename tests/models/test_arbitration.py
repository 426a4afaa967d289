"""Arbitration beside a plain one, for whatever is declared and whichever rules hold.

The plain one says of each banner by itself whether a client shows it, in the words of
docs/reference/rule-language.md, by asking the same of the banners that come before it. So it knows
no order but theirs.
"""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from quadrupel.core.arbitration import Why, arbitrate, standings
from quadrupel.core.banners import CLIENTS
from quadrupel.core.dismissals import NOTHING_DISMISSED, dismissals
from quadrupel.core.matches import Match
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.publishing import Publication, decide
from quadrupel.core.verdicts import Evaluation, RuleMatch

TIMES = int(os.environ.get("MODEL_TIMES", "1"))
DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
USER = "c1"

sometimes = st.sampled_from([False, False, False, True])
limits = st.one_of(
    st.integers(1, 3),
    st.dictionaries(st.sampled_from(CLIENTS), st.integers(1, 3), min_size=1),
)
placements = st.dictionaries(st.sampled_from(["main", "side", "app"]), limits, min_size=1)
an_offer = st.builds(
    Offer,
    rule=st.just(""),
    placement=st.sampled_from(["main", "main", "side", "app", None]),
    priority=st.integers(0, 3),
    shadow=sometimes,
    share=st.sampled_from([1.0, 1.0, 0.5]),
    exclusive=st.sampled_from([None, None, "x", "y"]),
    story=st.sampled_from([None, None, "s", "t"]),
    must_show=sometimes,
    dismiss_for=st.sampled_from([None, 3, 30]),
)
dismissed_days = st.dictionaries(st.integers(0, 8), st.integers(-40, 2))
"""By the number of a rule, how many days after DAY its banner was dismissed."""


@st.composite
def catalogues(draw):
    """A catalogue of some rules, all of which hold for the user."""
    drawn = draw(st.lists(an_offer, max_size=9))
    offers = [replace(offer, rule=f"r{number}") for number, offer in enumerate(drawn)]
    return Catalogue({offer.rule: offer for offer in offers}, draw(placements))


class Plain:
    """Who is shown what, from the sentences of the documentation alone.

    Of `dismissed` rules, the day on which that was; it is asked for what is shown on DAY.
    """

    def __init__(self, catalogue, dismissed=NOTHING_DISMISSED):
        self.dismissed = {rule: on for (rule, _), on in dismissed.items()}
        self.limits = {
            placement: dict.fromkeys(CLIENTS, limit) if isinstance(limit, int) else limit
            for placement, limit in catalogue.limits.items()
        }
        self.banners = [
            offer
            for offer in catalogue.offers.values()
            if offer.placement in self.limits and offer.reaches(USER) and not self.is_away(offer)
        ]

    def is_away(self, offer):
        """Whether the citizen dismissed the banner, and it is not back yet if it ever is."""
        if offer.must_show or offer.rule not in self.dismissed:
            return False
        days = (DAY - self.dismissed[offer.rule]).days
        return offer.dismiss_for is None or days < offer.dismiss_for

    def before(self, offer):
        """Those that come before a banner: must-show, then higher priority, then smaller id."""
        return [
            other
            for other in self.banners
            if (other.must_show and not offer.must_show)
            or (other.must_show == offer.must_show and other.priority > offer.priority)
            or (
                other.must_show == offer.must_show
                and other.priority == offer.priority
                and other.rule < offer.rule
            )
        ]

    def is_shown(self, offer, client):
        if client not in self.limits[offer.placement]:
            return False
        if offer.must_show:
            return True
        if any(offer.story and other.story == offer.story for other in self.before(offer)):
            return False
        seen = [other for other in self.before(offer) if self.is_shown(other, client)]
        if any(offer.exclusive and other.exclusive == offer.exclusive for other in seen):
            return False
        here = [other for other in seen if other.placement == offer.placement]
        return len(here) < self.limits[offer.placement][client]

    def shown(self):
        """What is shown on each client, in the order of the set: (client, placement, rule)."""
        ordered = sorted(self.banners, key=lambda offer: (offer.placement, len(self.before(offer))))
        return [
            (client, offer.placement, offer.rule)
            for client in CLIENTS
            for offer in ordered
            if self.is_shown(offer, client)
        ]


def held(catalogue):
    return [Match(rule, "e", DAY, {"of": rule}) for rule in catalogue.offers]


def of_episodes(catalogue, numbers):
    """What a citizen dismissed, as it is kept: by rule and episode, the day."""
    days = {f"r{number}": DAY + timedelta(days=after) for number, after in numbers.items()}
    return {(rule, "e"): day for rule, day in days.items() if rule in catalogue.offers}


def shown(catalogue, banners):
    """A banner set as what each client shows of it, as the API reads it."""
    clients_of = Plain(catalogue).limits
    return [
        (client, catalogue.offers[banner.rule].placement, banner.rule)
        for client in CLIENTS
        for banner in banners
        if client in (banner.clients or clients_of[catalogue.offers[banner.rule].placement])
    ]


@settings(max_examples=300 * TIMES, deadline=None)
@given(catalogues(), st.randoms(use_true_random=False))
def test_what_is_shown_is_what_the_sentences_say_in_whatever_order_all_is_given(catalogue, random):
    expected = Plain(catalogue).shown()
    offers, placed = list(catalogue.offers.items()), list(catalogue.limits.items())
    matches = held(catalogue)
    first = arbitrate(USER, matches, catalogue)
    assert shown(catalogue, first) == expected
    for shuffled in (offers, placed, matches):
        random.shuffle(shuffled)
    assert arbitrate(USER, matches, Catalogue(dict(offers), dict(placed))) == first
    assert arbitrate(USER, matches, catalogue) == first


@settings(max_examples=300 * TIMES, deadline=None)
@given(catalogues())
def test_a_set_keeps_what_it_promises(catalogue):
    offers, plain = catalogue.offers, Plain(catalogue)
    seen = shown(catalogue, arbitrate(USER, held(catalogue), catalogue))
    for offer in plain.banners:
        for client in plain.limits[offer.placement] if offer.must_show else ():
            assert (client, offer.placement, offer.rule) in seen
    for client in CLIENTS:
        here = [offers[rule] for on, _, rule in seen if on == client]
        for placement, limit in plain.limits.items():
            there = [offer for offer in here if offer.placement == placement]
            most = max(limit.get(client, 0), sum(offer.must_show for offer in there))
            assert len(there) <= most
            assert sorted(there, key=lambda offer: not offer.must_show) == there
        for word in ("exclusive", "story"):
            for name in {getattr(offer, word) for offer in here} - {None}:
                group = [offer for offer in here if getattr(offer, word) == name]
                assert len(group) == 1 or all(offer.must_show for offer in group)
    for story in {offer.story for offer in offers.values()} - {None}:
        tellers = {offers[rule] for _, _, rule in seen if offers[rule].story == story}
        assert len(tellers) <= 1 or all(offer.must_show for offer in tellers)


@settings(max_examples=300 * TIMES, deadline=None)
@given(catalogues(), an_offer)
def test_a_further_banner_changes_nothing_that_comes_before_it(catalogue, offer):
    further = replace(offer, rule="r5x")
    more = Catalogue({**catalogue.offers, further.rule: further}, catalogue.limits)
    plain = Plain(more)
    before = {each.rule for each in plain.before(further)} if further in plain.banners else None

    def kept(known):
        found = shown(known, arbitrate(USER, held(known), known))
        return [each for each in found if before is None or each[2] in before]

    assert kept(more) == kept(catalogue)


@settings(max_examples=300 * TIMES, deadline=None)
@given(catalogues(), dismissed_days)
def test_what_is_dismissed_is_not_shown_and_counts_for_nothing(catalogue, numbers):
    dismissed = of_episodes(catalogue, numbers)
    asked = Evaluation(
        USER, 1, DAY, NOON, "rules", tuple(RuleMatch(rule, "e") for rule in catalogue.offers)
    )
    decision = decide(asked, None, (), catalogue, dismissed=dismissed)
    seen = shown(catalogue, decision.published.banners)
    assert seen == Plain(catalogue, dismissed).shown()
    assert all(banner.episode == "e" for banner in decision.published.banners)
    assert {match.rule for match in decision.opened} == {*catalogue.offers}
    gone = {
        rule for rule, _ in dismissed if Plain(catalogue, dismissed).is_away(catalogue.offers[rule])
    }
    without = {rule: each for rule, each in catalogue.offers.items() if rule not in gone}
    never_there = Catalogue(without, catalogue.limits)
    assert seen == shown(catalogue, arbitrate(USER, held(never_there), never_there))


@settings(max_examples=300 * TIMES, deadline=None)
@given(catalogues(), dismissed_days)
def test_an_explanation_says_what_is_shown_and_names_what_came_before(catalogue, numbers):
    dismissed = of_episodes(catalogue, numbers)
    plain = Plain(catalogue, dismissed)
    away = dismissals(held(catalogue), dismissed, catalogue, DAY)
    matches = [match for match in held(catalogue) if match.rule not in away]
    seen = shown(catalogue, arbitrate(USER, matches, catalogue))
    told = standings(USER, catalogue.offers, catalogue, dismissed=away)
    assert {
        (client, each.placement, each.rule) for each in told.values() for client in each.clients
    } == {*seen}
    clients = sorted({client for each in plain.limits.values() for client in each})
    for standing in told.values():
        named = [*standing.clients, *(one for loss in standing.losses for one in loss.clients)]
        assert sorted(named) == clients
        offer = catalogue.offers[standing.rule]
        before = {each.rule for each in plain.before(offer)}
        is_away = offer.reaches(USER) and plain.is_away(offer)
        assert any(loss.why is Why.DISMISSED for loss in standing.losses) is is_away
        assert standing.dismissal == (away[offer.rule] if is_away else None)
        for loss in standing.losses:
            assert {*loss.to} <= before
            assert bool(loss.to) is (loss.why in (Why.STORY, Why.EXCLUSIVE, Why.LIMIT))
            if loss.why in (Why.EXCLUSIVE, Why.LIMIT):
                assert all(
                    (one, catalogue.offers[to].placement, to) in seen
                    for one in loss.clients
                    for to in loss.to
                )


@settings(max_examples=100 * TIMES, deadline=None)
@given(
    catalogues(),
    st.lists(st.sets(st.integers(0, 8)), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_whatever_the_order_of_arrival_the_set_is_that_of_the_last_evaluation(
    catalogue, history, random
):
    evaluations = []
    for number, held_now in enumerate(history):
        rules = [rule for rule in catalogue.offers if int(rule[1:]) in held_now]
        found = tuple(RuleMatch(rule, "e", {"of": rule}) for rule in rules)
        at = NOON + timedelta(seconds=number)
        evaluations.append(Evaluation(USER, 1, DAY, at, "rules", found))
    last = [Match(each.rule, "e", DAY, each.values) for each in evaluations[-1].matches]
    expected = arbitrate(USER, last, catalogue)
    random.shuffle(evaluations)
    published, open_matches = None, {}
    for evaluation in evaluations:
        decision = decide(evaluation, published, [*open_matches.values()], catalogue)
        if isinstance(decision, Publication):
            published = decision.published
            for match in decision.closed:
                del open_matches[match.rule]
            open_matches |= {match.rule: match for match in decision.opened}
    assert published.banners == expected
