"""Runs for a day that is over for some users: they are asked at once, on their own day.

What is published of a user never goes back to an earlier day. So an evaluation of such a user says
nothing, and yet its run counts as one over everybody.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from quadrupel.core.contacts import Contact
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.zones import day_in, find_zone
from quadrupel.rules.offered import offers
from quadrupel.stages.pages import Pages
from quadrupel.stages.rehearsal import rehearse
from quadrupel.stages.schedule import plan_of
from quadrupel.store import contacts, published, rule_holds, rule_numbers
from quadrupel.store.database import transaction
from quadrupel.store.run_users import zone_users

from .conftest import FILES, NOW, RULE, SCHEMA
from .small_portal import Portal, rule_set, write_citizens

EAST, MOSCOW = "Asia/Vladivostok", ZoneInfo("Europe/Moscow")
USERS = [f"u{n:02}" for n in range(20)]
EASTERN = USERS[:10]
ZONES = {EAST: zone_users(EAST, [EAST], MOSCOW), None: zone_users(MOSCOW.key, [EAST], MOSCOW)}
ADDED = RULE.format(
    priority=2, predicate="user.children > 1", match="children=2", other="children=0"
)
FIRST = FILES["people/moscow.py"].replace("priority=1", "priority=9")
EVENING = datetime(2026, 11, 23, 17, tzinfo=UTC)
"""20:00 in Moscow; in Vladivostok it is three at night, and half an hour after its night."""


class Zoned(Portal):
    """A portal in Moscow, half of whose users live seven hours east of it."""

    def __init__(self, engine, rules):
        super().__init__(engine, rules)
        self.own = MOSCOW

    def today_in(self, zone):
        return day_in(find_zone(zone) or MOSCOW, self.now)

    def night_of(self, zone, at):
        self.now, self.today = at, day_in(find_zone(zone) or MOSCOW, at)
        return self.night(of=ZONES[zone])

    def nights(self, days):
        """The nights of both zones for so many days from this evening on; their kinds."""
        kinds = []
        for day in range(days):
            later = timedelta(days=day)
            kinds.append(self.night_of(None, EVENING + timedelta(hours=6.5) + later).kind)
            kinds.append(self.night_of(EAST, EVENING + timedelta(hours=23.5) + later).kind)
        return kinds

    def days(self):
        """The days of what is published of eastern users."""
        states = self.ask(published.states, EASTERN)
        return [states[user].published.as_of.day for user in EASTERN]


@pytest.fixture
def portal(applied, tmp_path):
    """On the evening of the 23rd in Moscow. In the east three users were due on the 24th."""
    write_citizens(applied, USERS)
    with transaction(applied) as connection:
        contacts.save(
            connection, [Contact(user, None, None, {}, None, EAST) for user in EASTERN], NOW
        )
    portal = Zoned(applied, rule_set(tmp_path))
    portal.night_of(EAST, EVENING - timedelta(hours=24.5))
    portal.night_of(None, EVENING - timedelta(hours=17.5))
    portal.happen(*EASTERN[:3])
    portal.night_of(EAST, EVENING - timedelta(hours=0.5))
    assert portal.days() == [24, 24, 24, *[23] * 7]
    portal.now, portal.today = EVENING, EVENING.date()
    return portal


def run(portal):
    """`quadrupel run start` in the evening."""
    run = portal.begin()
    while run.step():
        pass
    return run


def test_who_has_tomorrow_already_is_asked_a_new_rule_at_once_on_that_day(portal, tmp_path):
    portal.rules = rule_set(tmp_path, large_family=ADDED)
    assert run(portal).again == 3
    assert portal.open_matches("large_family") == 20
    assert portal.days() == [24, 24, 24, *[23] * 7]
    assert portal.nights(3) == [RunKind.DUE] * 6
    assert portal.open_matches("large_family") == 20


def test_a_dry_run_counts_what_is_asked_on_that_day(portal, tmp_path):
    portal.rules = rule_set(tmp_path, large_family=ADDED)
    changes = rehearse(
        portal.engine,
        Pages(portal.rules, portal.ask(rule_numbers.foreseen, portal.rules.rules)),
        offers(portal.rules),
        portal.ask(plan_of, portal.rules),
        portal.today,
        portal.now,
        own=MOSCOW,
    )
    assert portal.open_matches("large_family") == 0
    assert (changes.users, changes.changed) == (20, 20)
    assert (changes.opened, changes.closed) == ({"large_family": 20}, {})
    run(portal)
    assert portal.open_matches("large_family") == 20


def test_a_rule_that_is_removed_is_closed_for_them_and_a_priority_is_brought(portal, tmp_path):
    portal.rules = rule_set(tmp_path, moscow=FIRST)
    others = {rule: each for rule, each in portal.rules.rules.items() if rule != "parent"}
    portal.rules = type(portal.rules)(SCHEMA, others, portal.rules.placements, "without")
    assert run(portal).again == 3
    assert portal.open_matches("parent") == 0


def test_a_rule_that_is_released_is_brought_to_them_although_the_rules_are_the_same(
    portal, tmp_path
):
    portal.rules = rule_set(tmp_path, large_family=ADDED)
    portal.try_changed()
    portal.hold("large_family")
    portal.happen(*EASTERN[:3])
    assert run(portal).again == 0
    assert portal.open_matches("large_family") == 0
    portal.now += timedelta(hours=1)
    portal.ask(rule_holds.release, "large_family", portal.now)
    portal.now += timedelta(minutes=1)
    assert run(portal).again == 3
    assert portal.open_matches("large_family") == 20


def test_a_run_by_the_rules_in_force_asks_nobody_at_once(portal):
    first = run(portal)  # no other was over the users of all zones
    assert (first.progress().changed, first.again) == (20, 0)
    assert portal.ask(plan_of, portal.rules) == RunPlan(RunKind.DUE)
    assert portal.nights(2) == [RunKind.DUE] * 4


def test_what_is_delivered_again_asks_nobody_again(portal, tmp_path):
    portal.rules = rule_set(tmp_path, large_family=ADDED)
    delivered = []
    publish = portal.publish
    portal.publish = lambda batch: delivered.append(batch) or publish(batch)
    assert run(portal).again == 3
    assert [portal.settle(publish(batch)) for batch in delivered] == [0, 0]
