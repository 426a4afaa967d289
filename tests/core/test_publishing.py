from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.matches import Match
from quadrupel.core.offers import Catalogue, Offer, stable_share
from quadrupel.core.positions import Cause, Position
from quadrupel.core.publishing import Again, Publication, Stale, _weighed, decide
from quadrupel.core.verdicts import Evaluation, RuleMatch

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CATALOGUE = Catalogue(
    offers={
        each.rule: each
        for each in (
            Offer("expiring", "main", 80, messages=(("email", "expiring"),)),
            Offer(
                "expired", "main", 90, messages=(("email", "expired"), ("webhook:crm", "expired"))
            ),
            Offer("birthday", "main", 10),
            Offer("hint", "sidebar", 50),
            Offer("silent"),
            Offer("trial", "main", 99, messages=(("email", "trial"),), shadow=True),
        )
    },
    limits={"main": 2, "sidebar": 1},
)


def evaluation(*rules, version=1, day=0, seconds=0, errors=(), once_per=None, cause=None):
    matches = tuple(RuleMatch(rule, once_per, {"expires": "2026-12-20"}) for rule in rules)
    return Evaluation(
        user_id="c1",
        profile_version=version,
        as_of=DAY + timedelta(days=day),
        evaluated_at=NOON + timedelta(seconds=seconds),
        rule_set="rules",
        matches=matches,
        errors=tuple(errors),
        cause=cause,
    )


class User:
    """Applies publications as the store would."""

    def __init__(self):
        self.published, self.open, self.sent, self.outcomes = None, (), [], []

    def publish(self, evaluation, catalogue=CATALOGUE):
        decision = decide(evaluation, self.published, self.open, catalogue)
        self.outcomes.append(decision)
        if isinstance(decision, Publication):
            gone = {(m.rule, m.episode) for m in (*decision.closed, *decision.opened)}
            kept = [m for m in self.open if (m.rule, m.episode) not in gone]
            self.open = (*kept, *decision.opened)
            self.published = decision.published
            self.sent += [m.key for m in decision.messages if m.key not in self.sent]
        if isinstance(decision, Stale) and decision.contains is not None:
            self.published = self.published._replace(contains=decision.contains)
        return decision

    def rules(self):
        return [banner.rule for banner in self.published.banners]


def test_a_match_opens_shows_its_banner_and_sends_its_message():
    user = User()
    decision = user.publish(evaluation("expiring"))
    assert decision.opened == (Match("expiring", "2026-11-23", DAY, {"expires": "2026-12-20"}),)
    assert user.rules() == ["expiring"]
    assert [(key.origin, key.episode, key.channel) for key in user.sent] == [
        ("rule:expiring", "2026-11-23", "email")
    ]


def test_a_match_that_goes_on_is_not_sent_again_and_keeps_the_version():
    user = User()
    user.publish(evaluation("expiring"))
    decision = user.publish(evaluation("expiring", day=1))
    assert (decision.opened, decision.closed, decision.messages) == ((), (), ())
    assert user.published.version == 1
    assert user.published.as_of == DAY + timedelta(days=1)


def test_a_redelivered_evaluation_changes_nothing_and_gives_its_messages_again():
    user = User()
    first = user.publish(evaluation("expired"))
    second = user.publish(evaluation("expired"))
    assert (second.opened, second.closed) == ((), ())
    assert second.messages == first.messages
    assert user.published == first.published


def test_a_match_that_ends_closes_and_its_banner_goes():
    user = User()
    user.publish(evaluation("expiring"))
    decision = user.publish(evaluation("birthday", version=2))
    assert [match.rule for match in decision.closed] == ["expiring"]
    assert user.rules() == ["birthday"]
    assert user.published.version == 2


def test_a_new_episode_of_the_same_rule_is_a_new_match_and_a_new_message():
    user = User()
    user.publish(evaluation("expiring", once_per="2026-12-20"))
    decision = user.publish(evaluation("expiring", once_per="2036-12-20", version=2))
    assert [match.episode for match in decision.opened] == ["2036-12-20"]
    assert [match.episode for match in decision.closed] == ["2026-12-20"]
    assert [key.episode for key in user.sent] == ["2026-12-20", "2036-12-20"]


def test_an_erring_rule_neither_shows_nor_withdraws():
    user = User()
    user.publish(evaluation("expiring"))
    user.publish(evaluation(errors=["expiring", "birthday"], version=2))
    assert user.rules() == ["expiring"]
    assert [match.rule for match in user.open] == ["expiring"]


@pytest.mark.parametrize(
    "older",
    [
        evaluation("birthday", version=1, day=1, seconds=9),
        evaluation("expiring", version=2, day=0, seconds=9),
        evaluation("birthday", version=2, day=1, seconds=0),
        evaluation("birthday", version=1, day=0),
    ],
)
def test_an_older_evaluation_never_wins(older):
    user = User()
    user.publish(evaluation("expiring", version=2, day=1, seconds=5))
    before = user.published
    assert isinstance(user.publish(older), Stale)
    assert user.published == before


def test_newer_in_one_respect_and_older_in_the_other_is_asked_again_on_the_later_day():
    user = User()
    user.publish(evaluation("expiring", version=2, day=0))
    assert user.publish(evaluation("birthday", version=1, day=1)) == Again(
        "c1", DAY + timedelta(days=1)
    )
    user = User()
    user.publish(evaluation("expiring", version=1, day=1))
    assert user.publish(evaluation("birthday", version=2, day=0)) == Again(
        "c1", DAY + timedelta(days=1)
    )


def test_the_same_profile_and_day_under_new_rules_wins_when_it_was_asked_later():
    user = User()
    user.publish(evaluation("expiring"))
    user.publish(evaluation("birthday", seconds=1))
    assert user.rules() == ["birthday"]


def test_banners_are_ordered_by_priority_and_limited_by_placement():
    user = User()
    user.publish(evaluation("birthday", "expired", "expiring", "hint", "silent", "trial"))
    assert user.rules() == ["expired", "expiring", "hint"]


def test_a_shadow_rule_matches_and_shows_and_sends_nothing():
    user = User()
    user.publish(evaluation("trial"))
    assert [match.rule for match in user.open] == ["trial"]
    assert user.rules() == []
    assert user.sent == []


def test_a_share_is_the_same_users_every_time_and_about_that_part():
    offer = Offer("expiring", "main", share=0.1)
    reached = {user for user in map(str, range(10_000)) if offer.reaches(user)}
    assert reached == {user for user in map(str, range(10_000)) if offer.reaches(user)}
    assert 900 < len(reached) < 1100
    assert stable_share("a", "1") != stable_share("b", "1")


def at(offset, partition=0):
    return Cause(partition, offset, NOON)


def test_what_is_published_says_up_to_which_event_and_a_run_does_not_change_that():
    user = User()
    user.publish(evaluation("expiring", cause=at(5)))
    assert user.published.contains == Position(0, 5)
    user.publish(evaluation("expiring", day=1))
    assert user.published.contains == Position(0, 5)
    user.publish(evaluation("expiring", version=2, day=1, cause=at(6)))
    assert user.published.contains == Position(0, 6)
    assert user.published.version == 1


def test_of_who_is_published_by_a_run_alone_it_is_not_known():
    user = User()
    user.publish(evaluation("expiring"))
    assert user.published.contains is None


def test_a_stale_evaluation_still_says_what_is_contained_and_only_if_it_is_news():
    user = User()
    user.publish(evaluation("expiring", version=2, seconds=5, cause=at(5)))
    assert user.publish(evaluation("birthday", cause=at(4))) == Stale("c1", None)
    assert user.publish(evaluation("birthday")) == Stale("c1", None)
    assert user.publish(evaluation("birthday", version=2, cause=at(6))) == Stale(
        "c1", Position(0, 6)
    )
    assert user.published.contains == Position(0, 6)
    assert user.rules() == ["expiring"]


def test_who_is_asked_again_is_asked_for_the_same_event():
    user = User()
    user.publish(evaluation("expiring", day=1))
    decision = user.publish(evaluation("birthday", version=2, cause=at(6)))
    assert decision == Again("c1", DAY + timedelta(days=1), at(6))
    assert user.published.contains is None


def test_another_partition_replaces_what_was_contained():
    user = User()
    user.publish(evaluation("expiring", cause=at(500)))
    user.publish(evaluation("expiring", version=2, cause=at(3, partition=1)))
    assert user.published.contains == Position(1, 3)


evaluations = st.lists(
    st.builds(
        lambda rules, version, day, seconds: evaluation(
            *sorted(rules), version=version, day=day, seconds=seconds, cause=at(version)
        ),
        st.sets(st.sampled_from(["expiring", "expired", "birthday"])),
        st.integers(1, 3),
        st.integers(0, 2),
        st.just(0),
    ),
    min_size=1,
    max_size=6,
)


@given(evaluations)
def test_whatever_the_order_of_arrival_the_position_never_goes_back(history):
    user, before = User(), None
    for each in history:
        user.publish(each)
        now = user.published._replace(banners=(), version=0)
        assert now.contains.offset <= now.profile_version
        if before is not None:
            assert now.contains >= before.contains
            assert now.profile_version >= before.profile_version
            assert now.as_of >= before.as_of
        before = now


@given(st.one_of(st.none(), evaluations), st.integers(1, 3), st.integers(0, 2))
def test_where_nothing_holds_and_nothing_did_all_is_decided_as_where_something_is_weighed(
    history, version, day
):
    user = User()
    for each in history or ():
        user.publish(each)
    user.publish(evaluation(version=3, day=2))
    before = user.published if history else None
    asked = evaluation(version=version, day=day, errors=["birthday"], cause=at(version))
    decision = decide(asked, before, (), CATALOGUE)
    if isinstance(decision, Publication):
        assert decision == _weighed(asked, before, (), CATALOGUE, {}, {})


def without(rule):
    """The catalogue of a publisher that does not have the rule."""
    offers = {name: offer for name, offer in CATALOGUE.offers.items() if name != rule}
    return Catalogue(offers, CATALOGUE.limits)


def test_a_match_of_a_rule_that_publish_does_not_have_yet_waits_and_is_sent_when_it_has():
    user, far = User(), DAY + timedelta(days=300)
    early = replace(evaluation("expiring", "birthday"), due_on=far)
    decision = user.publish(early, without("expiring"))
    assert [match.rule for match in decision.opened] == ["birthday"]
    assert (decision.held, user.rules(), user.sent) == (("birthday",), ["birthday"], [])
    assert decision.published.due_on == DAY + timedelta(days=1)
    decision = user.publish(replace(evaluation("expiring", "birthday", day=1), due_on=far))
    assert [(key.origin, key.episode) for key in user.sent] == [("rule:expiring", "2026-11-24")]
    assert user.rules() == ["expiring", "birthday"]
    assert decision.published.due_on == far


def test_a_repeated_evaluation_opens_and_sends_what_publish_could_not_the_first_time():
    user = User()
    user.publish(evaluation("expiring"), without("expiring"))
    user.publish(evaluation("expiring"))
    assert (user.rules(), len(user.sent)) == (["expiring"], 1)


def test_a_rule_that_is_removed_from_publish_first_closes_once_nobody_evaluates_it():
    user = User()
    user.publish(evaluation("expiring", once_per="2026"))
    decision = user.publish(evaluation("expiring", once_per="2027", day=1), without("expiring"))
    assert (decision.opened, decision.closed, user.rules()) == ((), (), [])
    assert decision.held == ("expiring",)
    assert decision.published.due_on == DAY + timedelta(days=2)
    decision = user.publish(evaluation(day=2), without("expiring"))
    assert [(match.rule, match.episode) for match in decision.closed] == [("expiring", "2026")]
    assert (user.open, len(user.sent)) == ((), 1)


def test_a_rule_that_publish_lost_and_has_again_goes_on_and_sends_nothing_again():
    user = User()
    user.publish(evaluation("expiring"))
    user.publish(evaluation("expiring", day=1), without("expiring"))
    decision = user.publish(evaluation("expiring", day=2))
    assert (decision.opened, decision.closed, user.rules()) == ((), (), ["expiring"])
    assert len(user.sent) == 1
