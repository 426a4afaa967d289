"""What publications add to exposures, and when a goal counts."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations

from quadrupel.core.experiments import CONTROL, SHOWN, Experiment
from quadrupel.core.exposures import Exposure, Reached, first_reached, news
from quadrupel.core.matches import Match
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.publishing import decide
from quadrupel.core.verdicts import Evaluation, RuleMatch

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = NOW.date()
KEPT = next(u for u in map(str, range(99)) if Experiment("tried", 0.5).keeps_from(u))
OTHER = next(u for u in map(str, range(99)) if not Experiment("tried", 0.5).keeps_from(u))


def catalogue(*offers, limit=3):
    return Catalogue({each.rule: each for each in offers}, {"main": limit})


TRIED = Offer("tried", "main", 1, experiment=Experiment("tried", 0.5), recorded=True)
WANTED = Offer("wanted", "main", 2, recorded=True)
PLAIN = Offer("plain", "main", 9)


def publish(user, offers, before=None, open_matches=(), day=0, values=None, **more):
    """The publication of matches of all offers; and what it adds to exposures."""
    matches = tuple(RuleMatch(each.rule, None, values or {}) for each in offers.offers.values())
    as_of = DAY + timedelta(days=day)
    found = decide(
        Evaluation(user, 1, as_of, NOW + timedelta(days=day), "set", matches),
        before,
        open_matches,
        offers,
        **more,
    )
    return found, news([(found, before.banners if before else ())], offers, NOW)


def test_an_exposure_begins_with_a_match_in_the_arm_of_the_user():
    for user, arm, shown in ((KEPT, CONTROL, None), (OTHER, SHOWN, NOW)):
        _, found = publish(user, catalogue(TRIED, PLAIN))
        assert found.begun == [Exposure(user, "tried", "2026-11-23", arm, NOW, shown)]
        assert found.shown == []


def test_who_is_in_no_share_or_sees_a_shadow_is_not_exposed():
    for more in ({"shadow": True}, {"share": 1e-9}):
        offer = Offer("tried", "main", 1, recorded=True, **more)
        _, found = publish("1", catalogue(offer))
        assert (found.begun, found.shown) == ([], [])


def test_nothing_is_recorded_of_rules_that_try_nothing():
    _, found = publish("1", catalogue(PLAIN))
    assert (found.begun, found.shown) == ([], [])


def test_a_repeated_evaluation_adds_nothing():
    offers = catalogue(TRIED, WANTED)
    first, _ = publish(OTHER, offers)
    _, found = publish(OTHER, offers, first.published, first.opened)
    assert (found.begun, found.shown) == ([], [])


def test_a_match_from_before_the_experiment_is_left_out_also_when_its_values_change():
    match = Match("tried", "2026-11-20", date(2026, 11, 20), {})
    before, _ = publish(OTHER, catalogue(Offer("tried", "main", 1)))
    _, found = publish(
        OTHER, catalogue(TRIED), before.published, [match], day=1, values={"day": "new"}
    )
    assert found.begun == []


def test_a_banner_that_finds_a_place_later_is_told():
    crowded = catalogue(WANTED, PLAIN, limit=1)
    first, found = publish("1", crowded)
    assert [each.shown for each in found.begun] == [None]
    _, found = publish("1", catalogue(WANTED, limit=1), first.published, first.opened, day=1)
    assert (found.begun, found.shown) == ([], [("1", "wanted", "2026-11-23")])


def reached(hours, within=30):
    return Reached("1", "wanted", NOW + timedelta(hours=hours), within)


def test_a_goal_counts_after_the_exposure_and_not_too_late():
    assert first_reached(NOW, None, [reached(0), reached(-1), reached(30 * 24 + 1)]) is None
    assert first_reached(NOW, None, [reached(30 * 24)]) == NOW + timedelta(days=30)
    assert first_reached(NOW, None, [reached(25, within=1)]) is None


def test_the_first_time_counts_in_every_order_and_however_often_it_is_told():
    told = [reached(5), reached(3), reached(9), reached(3), reached(-2)]
    for order in permutations(told):
        before = None
        for each in order:
            before = first_reached(NOW, before, [each])
        assert before == NOW + timedelta(hours=3)
        assert first_reached(NOW, before, order) == before
