"""The synthetic population against the shipped rules: plausible shares of it match."""

from collections import Counter
from datetime import date
from itertools import groupby
from pathlib import Path

import pytest

from quadrupel.core.feedback import TYPES as FEEDBACK
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.population import events
from quadrupel.rules import catalogue
from quadrupel.rules.row import RowReading

USERS = 20_000
TODAY = date(2026, 11, 23)

DAYS = [TODAY, date(2027, 7, 1)]
LEAST, MOST = 0.0002, 0.15
CALENDAR = {"season", "monthly"}
"""Tags of rules that match on some days of the year only."""


@pytest.fixture(scope="module")
def rules():
    return catalogue.load(Path(__file__).parent.parent / "rules", languages=("en", "ru"))


@pytest.fixture(scope="module")
def feeds(rules):
    return Feeds(rules.schema)


@pytest.fixture(scope="module")
def shares(rules, feeds):
    """The part of the population that each rule matches, by day."""
    return {today: shares_on(today, rules, feeds) for today in DAYS}


def shares_on(today, rules, feeds):
    reading = RowReading(rules)
    matches: Counter[str] = Counter()
    for user_id, life in groupby(events(USERS, 1, today), lambda event: event.subject):
        profile = Profile(user_id)
        assert fold(profile, arrived(life, today), feeds).refused == ()
        verdicts = reading.evaluate(profile.values, today)
        assert verdicts.errors == ()
        matches.update(verdicts.matches)
    return {rule: matches[rule] / USERS for rule in rules.rules}


@pytest.mark.parametrize("today", DAYS)
def test_no_rule_matches_more_of_the_population_than_its_owner_would_believe(shares, today):
    assert {rule: share for rule, share in shares[today].items() if share > MOST} == {}


@pytest.mark.parametrize("today", DAYS)
def test_every_rule_that_knows_no_season_matches_somebody(rules, shares, today):
    always = {rule.id for rule in rules.rules.values() if not CALENDAR & set(rule.tags)}
    assert {rule for rule in always if shares[today][rule] < LEAST} == set()


def test_every_rule_matches_somebody_on_some_day(rules, shares):
    assert {rule for rule in rules.rules if max(shares[day][rule] for day in DAYS) < LEAST} == set()


def test_every_event_of_the_population_feeds_an_attribute(feeds):
    assert [event for event in events(1_000, 1, TODAY) if not feeds.of(event)] == []


def test_every_attribute_is_fed_by_the_population(rules, feeds):
    known: set[str] = set()
    for user_id, life in groupby(events(5_000, 1, TODAY), lambda event: event.subject):
        profile = Profile(user_id)
        fold(profile, arrived(life, TODAY), feeds)
        known |= profile.values.keys()
    told_by_citizens = {
        attribute.name
        for attribute in rules.schema.attributes.values()
        if {feed.event for feed in attribute.feeds} <= FEEDBACK.keys()
    }
    assert set(rules.schema.attributes) - known == told_by_citizens == {"banners"}
