"""The made citizens: the shipped rules have something to say of each, and of each button."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from quadrupel.core.events import Event
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.demo_page.happenings import Fact, Situation
from quadrupel.demo_page.situations import SITUATIONS
from quadrupel.portal import fact
from quadrupel.rules import catalogue
from quadrupel.rules.row import RowReading

RULES = catalogue.load(Path(__file__).parents[2] / "rules", ("en", "ru"))
FEEDS = Feeds(RULES.schema)
READING = RowReading(RULES)
DAYS = [*range(60), *range(60, 600, 7)]
TODAYS = [date(2026, 11, 28), date(2028, 2, 29), date(2027, 1, 1), date(2027, 8, 31)]


def events(today: date, facts: Iterable[Fact]) -> Sequence[Event]:
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    return [
        fact("made", type_, noon + timedelta(minutes=minute, days=-ago), **data)
        for minute, (ago, type_, data) in enumerate(facts)
    ]


def matches(profile: Profile, day: date) -> set[str]:
    verdicts = READING.evaluate(profile.values, day)
    assert verdicts.errors == ()
    return set(verdicts.matches)


def coming(profile: Profile, today: date) -> list[set[str]]:
    """What matches today and on the days that the buttons of time lead to."""
    return [matches(profile, today + timedelta(days=days)) for days in DAYS]


def happenings(situation: Situation, today: date) -> Sequence[Event]:
    return events(today, ((0, each.type, each.data(today)) for each in situation.happenings))


@pytest.mark.parametrize("today", TODAYS)
@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=list(SITUATIONS))
def test_everything_that_happens_feeds_something_that_is_declared(situation, today):
    told = [*events(today, situation.past(today)), *happenings(situation, today)]
    assert [each.type for each in told if not FEEDS.can_change(each)] == []


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=list(SITUATIONS))
def test_everything_is_said_in_both_languages(situation):
    texts = [situation.person, situation.about, *(each.title for each in situation.happenings)]
    assert all(set(text) == {"en", "ru"} and all(text.values()) for text in texts)


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=list(SITUATIONS))
def test_buttons_have_names_of_their_own(situation):
    names = [each.id for each in situation.happenings]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("today", TODAYS)
@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=list(SITUATIONS))
def test_each_citizen_is_shown_something_and_each_button_changes_what_comes(situation, today):
    profile = Profile("made")
    assert fold(profile, arrived(events(today, situation.past(today)), today), FEEDS).refused == ()
    assert {RULES.rules[rule].banner is not None for rule in matches(profile, today)} == {True}
    later = today + timedelta(days=30)
    for soon, late in zip(happenings(situation, today), happenings(situation, later), strict=True):
        before = coming(profile, today)
        assert fold(profile, arrived([soon], today), FEEDS).refused == ()
        changed = coming(profile, today) != before
        assert fold(profile, arrived([late], later), FEEDS).refused == ()
        assert changed or coming(profile, today) != before, soon.type
