"""Arbitration, sentence by sentence; `tests/models/test_arbitration.py` tries all of it at once."""

from datetime import date
from itertools import chain, combinations, permutations

from quadrupel.core.arbitration import REMEMBERED, Loss, Standing, Why, arbitrate, standings
from quadrupel.core.banners import Banner
from quadrupel.core.dismissals import NEVER_BACK, Dismissal
from quadrupel.core.experiments import Experiment
from quadrupel.core.matches import Match
from quadrupel.core.offers import Catalogue, Offer

DAY = date(2026, 11, 23)
AWAY = Dismissal(DAY, NEVER_BACK)
LIMITS = {"main": {"web": 3, "ios": 1}, "side": {"web": 2}, "app": {"ios": 2, "android": 2}}


def catalogue(*offers, limits=LIMITS):
    return Catalogue({offer.rule: offer for offer in offers}, limits)


def banners(*offers, limits=LIMITS, user="c1"):
    """What is shown of offers whose rules all hold: pairs of rule and clients."""
    matches = [Match(offer.rule, "e", DAY, {}) for offer in offers]
    found = arbitrate(user, matches, catalogue(*offers, limits=limits))
    return [(banner.rule, banner.clients) for banner in found]


def losses(*offers, limits=LIMITS, **more):
    """Why each of the banners is not shown somewhere, by rule."""
    rules = [offer.rule for offer in offers]
    found = standings("c1", rules, catalogue(*offers, limits=limits), **more)
    return {rule: standing.losses for rule, standing in found.items() if standing.losses}


def test_banners_are_shown_by_placement_the_highest_priority_first():
    offers = [Offer("a", "side", 1), Offer("b", "main", 5), Offer("c", "main", 9)]
    assert banners(*offers, limits={"main": 2, "side": 1}) == [("c", ()), ("b", ()), ("a", ())]


def test_of_equal_priorities_the_id_decides_whatever_the_order():
    offers = [Offer(rule, "main", 5) for rule in "dbca"]
    limits = {"main": 2}
    for order in permutations(offers):
        assert banners(*order, limits=limits) == [("a", ()), ("b", ())]


def test_a_banner_carries_what_its_match_shows():
    found = arbitrate("c1", [Match("a", "e", DAY, {"x": "1"})], catalogue(Offer("a", "main")))
    assert found == (Banner("a", {"x": "1"}, "e"),)


def test_a_client_shows_no_more_than_its_own_limit():
    offers = [Offer("a", "main", 9), Offer("b", "main", 5)]
    assert banners(*offers) == [("a", ()), ("b", ("web",))]
    assert losses(*offers)["b"][:1] == (Loss(Why.LIMIT, ("ios",), ("a",)),)


def test_a_placement_is_not_shown_on_a_client_that_does_not_have_it():
    assert banners(Offer("a", "app", 9)) == [("a", ())]
    assert losses(Offer("a", "app", 9)) == {"a": (Loss(Why.CLIENT, ("web",)),)}


def test_a_rule_without_a_banner_or_with_one_for_no_placement_shows_nothing():
    assert banners(Offer("a"), Offer("b", "attic", 9)) == []
    assert losses(Offer("a"), Offer("b", "attic", 9)) == {}


def test_whom_a_control_group_keeps_from_a_banner_sees_the_next_one():
    kept = Offer("a", "main", 9, story="s", experiment=Experiment("a", 1.0))
    assert banners(kept, Offer("b", "main", 5, story="s")) == [("b", ())]
    assert losses(kept)["a"] == (Loss(Why.CONTROL, ("web", "ios", "android")),)
    everybody = Offer("a", "main", 9, experiment=Experiment("a", 0.0, 1.0))
    assert banners(everybody) == []


def test_the_standing_of_a_banner_that_is_shown_names_the_variant():
    tried = Experiment("a", variants=(("plain", 0.5), ("urgent", 0.5)))
    offers = [Offer("a", "main", 9, experiment=tried), Offer("b", "main", 5)]
    found = standings("c1", ["a", "b"], catalogue(*offers))
    assert {rule: each.variant for rule, each in found.items()} == {
        "a": tried.arm_of("c1"),
        "b": None,
    }
    found = standings("c1", ["a"], catalogue(*offers), held=["a"])
    assert found["a"].variant is None


def test_of_a_story_the_highest_priority_tells_in_whatever_placement():
    offers = [
        Offer("low", "main", 1, story="licence"),
        Offer("high", "side", 9, story="licence"),
        Offer("other", "main", 5, story="passport"),
    ]
    assert banners(*offers) == [("other", ()), ("high", ())]
    assert banners(*offers[:1]) == [("low", ())]
    assert losses(*offers)["low"][0] == Loss(Why.STORY, ("web", "ios"), ("high",))


def test_who_tells_a_story_silences_it_even_without_a_place():
    offers = [
        Offer("first", "main", 9),
        Offer("teller", "main", 5, story="fines"),
        Offer("rest", "side", 1, story="fines"),
    ]
    assert banners(*offers, limits={"main": 1, "side": 1}) == [("first", ())]


def test_a_story_is_told_by_one_rule_on_all_clients():
    offers = [Offer("on_web", "side", 9, story="fines"), Offer("in_app", "app", 5, story="fines")]
    assert banners(*offers) == [("on_web", ())]


def test_of_an_exclusive_group_one_is_shown_and_the_next_if_that_finds_no_place():
    offers = [
        Offer("first", "main", 9),
        Offer("a", "main", 5, exclusive="surveys"),
        Offer("b", "side", 1, exclusive="surveys"),
    ]
    assert banners(*offers, limits={"main": 2, "side": 1}) == [("first", ()), ("a", ())]
    assert banners(*offers, limits={"main": 1, "side": 1}) == [("first", ()), ("b", ())]


def test_an_exclusive_group_is_one_on_each_client():
    offers = [Offer("a", "side", 9, exclusive="x"), Offer("b", "app", 5, exclusive="x")]
    assert banners(*offers) == [("b", ()), ("a", ())]
    offers = [Offer("a", "side", 9, exclusive="x"), Offer("b", "main", 5, exclusive="x")]
    assert banners(*offers) == [("b", ("ios",)), ("a", ())]
    assert losses(*offers)["b"][0] == Loss(Why.EXCLUSIVE, ("web",), ("a",))


def test_what_must_be_shown_is_first_and_gives_way_to_nothing():
    offers = [
        Offer("high", "main", 99, exclusive="x", story="s"),
        Offer("law", "main", 1, exclusive="x", story="s", must_show=True),
        Offer("law_too", "main", 0, exclusive="x", story="s", must_show=True),
    ]
    assert banners(*offers, limits={"main": 1}) == [("law", ()), ("law_too", ())]


def test_what_must_be_shown_takes_its_place_of_the_limit():
    offers = [Offer("a", "main", 9), Offer("b", "main", 8), Offer("law", "main", must_show=True)]
    assert banners(*offers, limits={"main": 2}) == [("law", ()), ("a", ())]


def test_a_shadow_rule_shows_nothing_and_displaces_nothing_must_it_be_shown_or_not():
    offers = [
        Offer("trial", "main", 9, shadow=True, story="s", must_show=True),
        Offer("b", "main", 1, story="s"),
    ]
    assert banners(*offers, limits={"main": 1}) == [("b", ())]
    assert losses(*offers, limits={"main": 1})["trial"] == (
        Loss(Why.SHADOW, ("web", "ios", "android")),
    )


def test_who_is_not_in_the_share_is_shown_what_comes_next():
    offers = [Offer("trial", "main", 9, share=0.5), Offer("b", "main", 1)]
    users = {user: banners(*offers, limits={"main": 1}, user=user) for user in "abcdefgh"}
    assert {rule for [(rule, _)] in users.values()} == {"trial", "b"}
    for user, [(rule, _)] in users.items():
        assert (rule == "trial") is offers[0].reaches(user)


def test_held_and_dismissed_banners_displace_nothing_and_are_told_so():
    offers = [Offer(rule, "main", 9 - at) for at, rule in enumerate(("held", "gone", "c"))]
    found = losses(*offers, limits={"main": 1}, held=["held"], dismissed={"gone": AWAY})
    everywhere = ("web", "ios", "android")
    assert found == {
        "held": (Loss(Why.HELD, everywhere),),
        "gone": (Loss(Why.DISMISSED, everywhere),),
    }


def test_what_must_be_shown_cannot_be_dismissed():
    law = Offer("law", "main", must_show=True)
    assert losses(law, limits={"main": 1}, dismissed={"law": AWAY}) == {}


def test_a_standing_says_where_a_banner_is_shown_and_why_not_elsewhere():
    offers = [Offer("a", "main", 9), Offer("b", "main", 5)]
    assert standings("c1", ["b", "a", "unheard_of"], catalogue(*offers))["b"] == Standing(
        "b", "main", ("web",), (Loss(Why.LIMIT, ("ios",), ("a",)), Loss(Why.CLIENT, ("android",)))
    )


def test_clients_with_the_same_limits_are_one_view():
    assert [view.clients for view in catalogue().views] == [("web",), ("ios",), ("android",)]
    assert [view.clients for view in catalogue(limits={"main": 1}).views] == [
        ("web", "ios", "android")
    ]
    limits = {"main": {"web": 1, "android": 1, "ios": 2}}
    assert [view.clients for view in catalogue(limits=limits).views] == [
        ("web", "android"),
        ("ios",),
    ]
    shown = banners(Offer("a", "main", 9), Offer("b", "main", 1), limits=limits)
    assert shown == [("a", ()), ("b", ("ios",))]


def test_however_many_combinations_of_rules_there_are_memory_is_bounded():
    offers = [Offer(f"r{number:02}", "main", number) for number in range(14)]
    known = catalogue(*offers, limits={"main": 2})
    matches = [Match(offer.rule, "e", DAY, {}) for offer in offers]
    every = chain.from_iterable(combinations(matches, size) for size in range(15))
    for held in every:
        shown = [banner.rule for banner in arbitrate("c1", held, known)]
        assert shown == [match.rule for match in held[:-3:-1]]
        assert len(known.seats) <= REMEMBERED
