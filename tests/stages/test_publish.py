"""Publish with rules of its own, which may be others than those that evaluate."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from quadrupel.core.profiles import Profile
from quadrupel.core.run_plans import RunKind
from quadrupel.rules.offered import offers
from quadrupel.stages.publish import Publish
from quadrupel.stages.schedule import plan_of
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.tables import messages

from .conftest import FILES, NOW, SCHEMA
from .small_portal import Portal, rule_set

STORE = ProfileStore(SCHEMA)
USERS = {"one": {"children": 1}, "two": {"children": 2}, "none": {"children": 0}}
MAILED = FILES["people/parent.py"].replace(
    'owner = "team"', 'owner = "team"\nemail = Email(template="parent")'
)


class Apart(Portal):
    """A portal whose publish may have other rules than what evaluates."""

    def publish(self, batch):
        return Publish(self.engine, lambda _: offers(self.publisher), lambda: self.now).process(
            batch
        )

    def next_day(self):
        self.today += timedelta(days=1)
        self.now += timedelta(days=1)

    def sent(self):
        query = sa.select(messages.c.user_id, messages.c.origin).order_by(messages.c.user_id)
        return [tuple(row) for row in self.ask(lambda connection: connection.execute(query))]


@pytest.fixture
def portal(applied, tmp_path):
    """A portal where evaluate and the schedule have a rule that publish does not have yet."""
    with transaction(applied) as connection:
        users = [Profile(user, 1, values) for user, values in USERS.items()]
        STORE.write(connection, users, NOW)
    portal = Apart(applied, rule_set(tmp_path, parent=MAILED))
    everything = portal.rules
    others = {rule: each for rule, each in everything.rules.items() if rule != "parent"}
    portal.publisher = type(everything)(SCHEMA, others, everything.placements, "without")
    return portal


def waiting():
    return REGISTRY.get_sample_value("quadrupel_matches_without_offer_total")


def test_what_a_rule_says_that_publish_has_later_is_brought_by_the_night_after(portal):
    before = waiting()
    portal.night()
    assert (portal.open_matches("parent"), portal.sent()) == (0, [])
    assert waiting() == before + 2
    portal.publisher = portal.rules
    portal.next_day()
    assert portal.ask(plan_of, portal.rules).kind is RunKind.DUE
    assert portal.night().evaluated == 2
    assert portal.open_matches("parent") == 2
    assert portal.sent() == [("one", "rule:parent"), ("two", "rule:parent")]


def test_as_long_as_publish_does_not_have_the_rule_its_users_are_asked_once_a_day(portal):
    portal.night()
    assert portal.night().evaluated == 0
    portal.next_day()
    assert portal.night().evaluated == 2
    assert portal.night().evaluated == 0


def test_a_rule_that_is_given_up_before_publish_had_it_leaves_nothing_behind(portal):
    portal.night()
    portal.rules = portal.publisher
    portal.next_day()
    portal.night()
    portal.next_day()
    assert portal.night().evaluated == 0
    assert (portal.open_matches("parent"), portal.sent()) == (0, [])
