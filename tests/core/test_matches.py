"""Matches that end and return, told by days: `#` a day on which the rule holds, `.` one not."""

from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.core.matches import Ended, Match, begun, may_return
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.publishing import decide
from quadrupel.core.verdicts import Evaluation, RuleMatch

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = ("fine", "moved")
CATALOGUE = Catalogue(
    {rule: Offer(rule, "main", messages=(("email", rule),)) for rule in RULES}, {"main": 3}
)


def name(day):
    return (DAY + timedelta(days=day)).isoformat()


class User:
    """One user, with a table of matches and one of messages as the store has them."""

    def __init__(self, reopen_days=7):
        self.reopen_days = reopen_days
        self.published, self.version = None, 0
        self.spans, self.messages = {}, []

    def evaluate(self, day, *rules, once_per=None, errors=()):
        """Publish a new evaluation; return what was decided."""
        self.version += 1
        self.last = Evaluation(
            user_id="c1",
            profile_version=self.version,
            as_of=DAY + timedelta(days=day),
            evaluated_at=NOON,
            rule_set="rules",
            matches=tuple(RuleMatch(rule, once_per) for rule in rules),
            errors=errors,
        )
        return self.publish()

    def publish(self):
        """Publish the last evaluation, be it once more."""
        opened = [Match(*key, {}) for key, closed_on in self.spans.items() if closed_on is None]
        decision = decide(
            self.last, self.published, opened, CATALOGUE, self._ended(), self.reopen_days
        )
        self.published = decision.published
        self.spans |= {match[:3]: None for match in decision.opened}
        self.spans |= {match[:3]: self.last.as_of for match in decision.closed}
        self.messages += [message.key for message in decision.messages]
        return decision

    def live(self, days, rule="fine"):
        """Evaluate every day."""
        for day, holds in enumerate(days):
            self.evaluate(day, *([rule] if holds == "#" else []))
        return self

    def _ended(self):
        spans = sorted((end, *key) for key, end in self.spans.items() if end is not None)
        return {rule: Ended(episode, end) for end, rule, episode, _ in spans}

    def episodes(self, rule="fine"):
        return sorted({episode for of, episode, _ in self.spans if of == rule})

    def sent(self, rule="fine"):
        return [key.episode for key in self.messages if key.origin == f"rule:{rule}"]


LIVES = {
    "it never ends": ("####", 7, [0]),
    "it returns the next day": ("#.#", 7, [0]),
    "it returns on the last day": ("#.......#", 7, [0]),
    "it returns a day too late": ("#........#", 7, [0, 9]),
    "it returns again and again, each time within the days": ("#...#..#...##", 3, [0]),
    "it returns, and then too late": ("#...#....#", 3, [0, 9]),
    "it returns too late, and then it flaps": ("#....#.#.#", 3, [0, 5]),
    "one day is enough for one day": ("#.#..#", 1, [0, 5]),
    "returning is turned off": ("#.#.##", 0, [0, 2, 4]),
    "it holds later for the first time": ("...#.#", 7, [3]),
}


@pytest.mark.parametrize(("days", "reopen_days", "began"), LIVES.values(), ids=LIVES.keys())
def test_a_match_that_returns_in_time_goes_on_with_its_episode(days, reopen_days, began):
    user = User(reopen_days).live(days)
    assert user.episodes() == user.sent() == [name(day) for day in began]


def test_a_return_is_a_span_of_its_own_so_the_gap_stays_in_the_history():
    user = User().live("##..##.")
    day = [DAY + timedelta(days=number) for number in range(7)]
    assert user.spans == {("fine", name(0), day[0]): day[2], ("fine", name(0), day[4]): day[6]}


def test_a_match_that_returns_hands_no_message_over_and_shows_its_banner():
    user = User()
    user.live("#.")
    decision = user.evaluate(2, "fine")
    assert decision.messages == ()
    assert decision.opened == (Match("fine", name(0), DAY + timedelta(days=2), {}),)
    assert [banner.rule for banner in decision.published.banners] == ["fine"]


@pytest.mark.parametrize("reopen_days", [1, 365])
def test_a_match_that_returns_on_the_day_on_which_it_ended_is_the_same_episode(reopen_days):
    user = User(reopen_days)
    user.evaluate(0, "fine")
    user.evaluate(3)
    user.evaluate(3, "fine")
    assert user.spans == {
        ("fine", name(0), DAY): DAY + timedelta(days=3),
        ("fine", name(0), DAY + timedelta(days=3)): None,
    }
    user.evaluate(3)
    assert user.evaluate(3, "fine").messages == ()
    assert len(user.spans) == 2
    assert user.sent() == [name(0)]


def test_a_match_that_begins_ends_and_returns_in_one_day_is_one_span():
    user = User()
    user.evaluate(0, "fine")
    user.evaluate(0)
    assert user.evaluate(0, "fine").messages == ()
    assert user.spans == {("fine", name(0), DAY): None}


def test_where_returning_is_turned_off_a_return_on_the_same_day_is_a_new_episode():
    user = User(reopen_days=0)
    user.evaluate(0, "fine")
    user.evaluate(3)
    user.evaluate(3, "fine")
    assert user.episodes() == user.sent() == [name(0), name(3)]


def test_a_rule_that_names_its_episodes_is_left_alone():
    user = User()
    user.evaluate(0, "fine", once_per="first")
    user.evaluate(1)
    user.evaluate(2, "fine", once_per="second")
    user.evaluate(3)
    user.evaluate(4, "fine", once_per="first")
    assert user.episodes() == ["first", "second"]
    assert user.sent() == ["first", "second", "first"]  # of which the third repeats a key


def test_a_rule_that_no_longer_names_its_episodes_goes_on_with_the_last_one():
    user = User()
    user.evaluate(0, "fine", once_per="first")
    user.evaluate(1)
    assert user.evaluate(2, "fine").messages == ()
    assert user.episodes() == ["first"]


@pytest.mark.parametrize("once_per", [None, ""])
def test_a_value_that_is_empty_names_no_episode_so_the_days_do(once_per):
    user = User()
    for day in (0, 1, 2):
        user.evaluate(day, "fine", once_per=once_per)
    user.evaluate(3)
    user.evaluate(4, "fine", once_per=once_per)
    assert user.episodes() == user.sent() == [name(0)]


def test_two_rules_return_each_by_itself():
    user = User(3)
    user.evaluate(0, "fine", "moved")
    user.evaluate(1, "moved")
    user.evaluate(4, "fine")
    user.evaluate(8, "fine", "moved")
    assert (user.episodes("fine"), user.sent("fine")) == ([name(0)], [name(0)])
    assert (user.episodes("moved"), user.sent("moved")) == ([name(0), name(8)], [name(0), name(8)])


def test_a_rule_that_errs_neither_ends_nor_returns():
    user = User(2)
    user.live("##..")
    decision = user.evaluate(4, errors=("fine",))
    assert (decision.opened, decision.messages) == ((), ())
    user.evaluate(5, "fine")
    assert user.episodes() == [name(0), name(5)]


@pytest.mark.parametrize("days", ["#", "##", "#.#", "#.##", "#.......#", "#........#", "##."])
def test_an_evaluation_published_once_more_does_what_it_did(days):
    """Also when the first time came to nothing but the database: so its messages come again."""
    user = User()
    user.live(days[:-1])
    sent = len(user.sent())
    user.evaluate(len(days) - 1, *(["fine"] if days[-1] == "#" else []))
    spans, first = dict(user.spans), user.sent()[sent:]
    again = user.publish()
    assert (again.opened, again.closed, user.spans) == ((), (), spans)
    assert [message.key.episode for message in again.messages] == first


def test_what_begins_is_told_from_what_returned_by_its_day_and_its_episode():
    user = User()
    user.evaluate(3, "fine", "moved")
    later = DAY + timedelta(days=3)
    began = [Match("fine", name(3), later, {})]
    others = [Match("moved", name(0), later, {}), Match("moved", name(0), DAY, {})]
    assert begun(user.last, [*began, *others]) == began


def test_only_rules_that_hold_are_not_open_and_name_no_episode_may_return():
    user = User()
    user.evaluate(0, "fine", "moved")
    assert may_return(user.last, []) == ["fine", "moved"]
    assert may_return(user.last, [Match("fine", name(0), DAY, {})]) == ["moved"]
    user.evaluate(0, "fine", once_per="first")
    assert may_return(user.last, []) == []


def stories(days, reopen_days):
    """The plain definition: a story ends where the rule does not hold for more than so many days.

    Days before the first story do not count.
    """
    gaps = [len(list(run)) for holds, run in groupby(days.strip(".")) if holds == "."]
    return ("#" in days) + sum(gap > reopen_days for gap in gaps)


@given(st.text(st.sampled_from("#."), max_size=40), st.integers(0, 6))
def test_there_are_as_many_episodes_and_messages_as_stories(days, reopen_days):
    user = User(reopen_days).live(days)
    assert len(user.episodes()) == len(user.sent()) == stories(days, reopen_days)
    assert len(user.spans) == sum(holds == "#" for holds, _ in groupby(days))


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30), st.integers(1, 4))
def test_however_often_a_day_is_evaluated_each_episode_has_one_message(steps, reopen_days):
    user, day = User(reopen_days), 0
    for pause, holds in steps:
        day += pause
        user.evaluate(day, *(["fine"] if holds else []))
        user.publish()
    assert len(set(user.sent())) == len(user.episodes())
    opened = [key[2] for key in user.spans]
    assert len(opened) == len(set(opened))
