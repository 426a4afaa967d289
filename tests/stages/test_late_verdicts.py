"""Verdicts that wait for publish until their day is over, and until its night has passed them by.

A night evaluates who is due by what is published. Of a user who had an event late in the evening
nothing of that is published yet.
"""

from datetime import UTC, datetime

import pytest

from quadrupel.bus import codec
from quadrupel.core.contacts import Contact
from quadrupel.core.profiles import Profile
from quadrupel.core.zones import day_in, find_zone
from quadrupel.store import contacts, published
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .conftest import NOW, RULE, SCHEMA
from .small_portal import Portal, rule_set

ON_THE_23RD = RULE.format(
    priority=1,
    predicate="user.children > 0 and today == date(2026, 11, 23)",
    match="children=1",
    other="children=0",
)
EASTERN, WESTERN = "Asia/Vladivostok", "America/New_York"
USERS = {"east": EASTERN, "here": None, "west": WESTERN}


class Late(Portal):
    """A portal in UTC by the clock, two of whose users live elsewhere."""

    def today_in(self, zone):
        return day_in(find_zone(zone) or self.own, self.now)

    def at(self, hour, minute, day=23):
        self.now = datetime(2026, 11, day, hour, minute, tzinfo=UTC)
        self.today = self.now.date()

    def have(self, children, version):
        """All users have so many children from now on."""
        profiles = [Profile(user, version, {"children": children}) for user in USERS]
        with transaction(self.engine) as connection:
            ProfileStore(SCHEMA).write(connection, profiles, self.now)

    def say(self, user):
        """A first child is born to all; what is said of one user, which waits for publish."""
        self.have(1, version=2)
        return self.evaluated([codec.changed_profile(user)])

    def days(self):
        states = self.ask(published.states, [*USERS])
        return {user: state.published.as_of.day for user, state in states.items()}


@pytest.fixture
def portal(applied, tmp_path):
    with transaction(applied) as connection:
        found = [Contact(user, None, None, {}, None, zone) for user, zone in USERS.items()]
        contacts.save(connection, found, NOW)
    portal = Late(applied, rule_set(tmp_path, moscow=ON_THE_23RD))
    portal.at(12, 0)
    portal.have(0, version=1)
    portal.night()
    return portal


def test_who_is_published_when_the_night_is_over_is_asked_for_the_day_that_it_is(portal):
    portal.at(23, 50)
    said = portal.say("here")
    portal.at(2, 30, day=24)
    portal.night()
    portal.at(3, 0, day=24)
    assert portal.settle(portal.publish(said)) == 1
    assert portal.days()["here"] == 24
    assert portal.open_matches("moscow") == 0


@pytest.mark.parametrize(
    ("user", "evaluated", "saved", "day"),
    [
        ("east", (13, 50), (14, 10), 24),
        ("here", (13, 50), (14, 10), 23),
        ("west", (23, 50), (23, 59), 23),
    ],
)
def test_whose_day_is_over_is_told_by_the_own_clock(portal, user, evaluated, saved, day):
    portal.at(*evaluated)
    said = portal.say(user)
    portal.at(*saved)
    assert portal.settle(portal.publish(said)) == int(day == 24)
    assert portal.days()[user] == day


def test_who_lives_further_west_is_not_asked_at_our_midnight(portal):
    portal.at(23, 50)
    said = portal.say("west")
    portal.at(0, 10, day=24)
    assert portal.settle(portal.publish(said)) == 0


def test_what_is_published_at_once_asks_nobody_again(portal):
    portal.at(23, 59)
    assert portal.settle(portal.publish(portal.say("here"))) == 0
