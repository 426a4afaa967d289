"""The synthetic population against the shipped rules: plausible shares of it match."""

from collections import Counter
from datetime import date
from itertools import groupby
from pathlib import Path

import pytest

from quadrupel.core.profiles import Feeds, Profile, fold
from quadrupel.population import events
from quadrupel.rules import catalogue
from quadrupel.rules.row import RowReading

USERS = 20_000
TODAY = date(2026, 11, 23)

COMMON = {
    "birthday",
    "driving_licence_expired",
    "driving_licence_expiring",
    "fine_discount_ending",
    "fine_overdue",
    "foreign_passport_expiring",
    "insurance_certificate_update",
    "newly_moved",
    "passport_at_14",
    "passport_at_20",
    "passport_at_45",
    "child_birth_benefits",
}


@pytest.fixture(scope="module")
def rules():
    return catalogue.load(Path(__file__).parent.parent / "rules", languages=("en", "ru"))


@pytest.fixture(scope="module")
def feeds(rules):
    return Feeds(rules.schema)


@pytest.mark.parametrize("today", [TODAY, date(2027, 7, 1)])
def test_plausible_shares_of_the_population_match_the_shipped_rules(rules, feeds, today):
    reading = RowReading(rules)
    matches: Counter[str] = Counter()
    for user_id, life in groupby(events(USERS, 1, today), lambda event: event.subject):
        profile = Profile(user_id)
        assert fold(profile, life, feeds, today).refused == ()
        verdicts = reading.evaluate(profile.values, today)
        assert verdicts.errors == ()
        matches.update(verdicts.matches)
    shares = {rule: matches[rule] / USERS for rule in rules.rules}
    assert {rule: share for rule, share in shares.items() if share > 0.15} == {}
    assert {rule: shares[rule] for rule in COMMON if shares[rule] < 0.0005} == {}


def test_every_event_of_the_population_feeds_an_attribute(feeds):
    assert [event for event in events(1_000, 1, TODAY) if not feeds.of(event)] == []


def test_every_attribute_is_fed_by_the_population(rules, feeds):
    known: set[str] = set()
    for user_id, life in groupby(events(5_000, 1, TODAY), lambda event: event.subject):
        profile = Profile(user_id)
        fold(profile, life, feeds, TODAY)
        known |= profile.values.keys()
    assert set(rules.schema.attributes) - known == set()
