"""Dismissed banners: for how long they are away, and when their users are due."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.arbitration import arbitrate
from quadrupel.core.banners import Banner
from quadrupel.core.dismissals import NEVER_BACK, Dismissal, away_until
from quadrupel.core.matches import Ended, Match
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.publishing import Publication, Published, decide
from quadrupel.core.verdicts import NEVER_DUE, Evaluation, RuleMatch

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FAR = DAY + timedelta(days=300)
OFFERS = {
    "story": Offer("story", "main", 90, messages=(("email", "story"),)),
    "month": Offer("month", "main", 80, dismiss_for=30),
    "warning": Offer("warning", "main", 70, dismiss_for=5, must_show=True),
    "silent": Offer("silent"),
    "next": Offer("next", "main", 10),
}
CATALOGUE = Catalogue(OFFERS, {"main": 2})


def day(number):
    return DAY + timedelta(days=number)


def evaluation(*rules, on=0, due=FAR, errors=(), once_per=None):
    matches = tuple(RuleMatch(rule, once_per) for rule in rules)
    return Evaluation("c1", 1, day(on), NOON, "set", matches, tuple(errors), due_on=due)


def published(*rules, on=0, dismissed=None, open_matches=(), ended=None, **more):
    """What is published of the rules that hold; all began on DAY unless they are open."""
    decision = decide(
        evaluation(*rules, on=on, **more),
        Published(1, 1, day(-9), NOON, ()),
        open_matches,
        CATALOGUE,
        ended or {},
        7,
        {(rule, DAY.isoformat()): day(number) for rule, number in (dismissed or {}).items()},
    )
    assert isinstance(decision, Publication)
    return decision


def held(*rules):
    return tuple(Match(rule, DAY.isoformat(), DAY, {}) for rule in rules)


def shown(decision):
    return [banner.rule for banner in decision.published.banners]


def test_a_banner_names_its_episode():
    assert published("story").published.banners == (Banner("story", {}, DAY.isoformat()),)
    [banner] = published("story", once_per="2030-01-01").published.banners
    assert banner.episode == "2030-01-01"


def test_a_dismissed_banner_makes_room_for_the_next_and_its_match_and_messages_stay():
    rules = ("story", "month", "next")
    decision = published(*rules, dismissed={"story": 0})
    assert shown(decision) == ["month", "next"]
    assert {match.rule for match in decision.opened} == set(rules)
    assert set(decision.held) == set(rules)
    assert [message.key.origin for message in decision.messages] == ["rule:story"]


def test_without_dismiss_for_it_is_away_for_the_episode_and_nobody_is_due_for_it():
    for number in (0, 100, 299):
        decision = published("story", on=number, dismissed={"story": 0}, open_matches=held("story"))
        assert shown(decision) == []
        assert decision.published.due_on == FAR


def test_with_dismiss_for_it_is_back_on_its_day_and_the_user_is_due_on_that_day():
    for number in (0, 29):
        decision = published("month", on=number, dismissed={"month": 0}, open_matches=held("month"))
        assert (shown(decision), decision.published.due_on) == ([], day(30))
    back = published("month", on=30, dismissed={"month": 0}, open_matches=held("month"))
    assert (shown(back), back.published.due_on) == (["month"], FAR)


def test_who_is_due_earlier_stays_due_earlier():
    decision = published("month", dismissed={"month": 0}, due=day(3))
    assert decision.published.due_on == day(3)


def test_of_several_the_first_that_is_back_counts():
    offers = {name: Offer(name, "main", dismiss_for=days) for name, days in (("a", 9), ("b", 4))}
    catalogue = Catalogue(offers, {"main": 3})
    asked = evaluation("a", "b")
    dismissed = {("a", DAY.isoformat()): DAY, ("b", DAY.isoformat()): DAY}
    decision = decide(asked, None, (), catalogue, dismissed=dismissed)
    assert decision.published.due_on == day(4)


def test_what_must_be_shown_is_shown_even_to_who_dismissed_it_on_a_day_that_has_not_come():
    for number in (-1, 0, 1):
        decision = published("warning", dismissed={"warning": number})
        assert (shown(decision), decision.published.due_on) == (["warning"], FAR)


def test_a_dismissal_of_another_episode_or_of_nothing_shown_changes_nothing():
    dismissed = {("story", "2026-01-01"): DAY, ("gone", DAY.isoformat()): DAY}
    decision = decide(evaluation("story"), None, (), CATALOGUE, dismissed=dismissed)
    assert (shown(decision), decision.published.due_on) == (["story"], FAR)


def test_a_match_that_returns_as_the_same_episode_stays_dismissed():
    ended = {"story": Ended(DAY.isoformat(), day(3))}
    again = published("story", on=8, dismissed={"story": 0}, ended=ended)
    assert shown(again) == []
    anew = published("story", on=11, dismissed={"story": 0}, ended=ended)
    assert shown(anew) == ["story"]


def test_the_open_match_of_an_erring_rule_stays_dismissed():
    erring = published(dismissed={"story": 0}, open_matches=held("story"), errors=["story"])
    assert (shown(erring), erring.held) == ([], ("story",))


@pytest.mark.parametrize(
    ("on", "dismiss_for", "until"),
    [
        (DAY, None, NEVER_BACK),
        (DAY, 1, day(1)),
        (date(2028, 2, 28), 2, date(2028, 3, 1)),
        (date(9999, 12, 30), 1, date.max),
        (date(9999, 12, 30), 3660, NEVER_BACK),
    ],
)
def test_until_when_a_banner_is_away(on, dismiss_for, until):
    assert away_until(on, dismiss_for) == until


def test_a_dismissal_is_told_in_words():
    assert str(Dismissal(DAY, day(30))) == (
        "was dismissed on 2026-11-23, stays away until 2026-12-23"
    )
    assert str(Dismissal(DAY, NEVER_BACK)).endswith("as long as its episode goes on")


days_dismissed = st.dictionaries(st.sampled_from(list(OFFERS)), st.integers(-40, 3))


@given(st.sets(st.sampled_from(list(OFFERS))), days_dismissed, st.integers(0, 60))
def test_between_two_due_days_the_banners_do_not_change(rules, dismissed, on):
    """So a night that evaluates who is due is as good as one over everybody."""
    matches = held(*sorted(rules))
    first = published(*sorted(rules), on=on, dismissed=dismissed, open_matches=matches)
    due = min(first.published.due_on, day(on + 45))
    for number in range(on, (due - DAY).days):
        later = published(*sorted(rules), on=number, dismissed=dismissed, open_matches=matches)
        assert later.published.banners == first.published.banners
    if not any(rule in dismissed for rule in rules):
        assert first.published.banners == arbitrate("c1", matches, CATALOGUE)
        assert first.published.due_on == FAR < NEVER_DUE
