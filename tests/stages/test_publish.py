"""Publish with rules of its own, which may be others than those that evaluate."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from quadrupel.bus import codec, topics
from quadrupel.core.errors import Halted
from quadrupel.core.guards import Objection, Reason, Trial
from quadrupel.core.profiles import Profile
from quadrupel.core.run_plans import RunKind, RunPlan
from quadrupel.core.verdicts import NEVER_DUE
from quadrupel.rules.offered import offers
from quadrupel.stages.publish import Publish
from quadrupel.stages.schedule import plan_of
from quadrupel.store import halts, published, rule_holds, rule_sets
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.tables import messages

from .conftest import CATALOGUE, FILES, NOW, SCHEMA, TODAY, evaluator
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
    publisher = type(everything)(SCHEMA, others, everything.placements, "without")
    portal.ask(rule_sets.save, "without", publisher.identities, publisher.weights)
    portal.publisher = publisher
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
    assert portal.ask(plan_of, portal.rules) == RunPlan(RunKind.RULES, ("parent",))
    portal.night()
    assert portal.open_matches("parent") == 2
    assert portal.sent() == [("one", "rule:parent"), ("two", "rule:parent")]


def test_as_long_as_publish_does_not_have_the_rule_every_run_asks_it(portal):
    portal.night()
    for _ in range(2):
        run = portal.night()
        assert (run.evaluated, run.changed) == (3, 2)
    portal.publisher = portal.rules
    portal.next_day()
    portal.night()
    portal.next_day()
    assert portal.ask(plan_of, portal.rules) == RunPlan(RunKind.DUE)


def test_users_whose_rule_publish_does_not_have_are_due_the_next_day(portal):
    portal.night()
    states = portal.ask(published.states, [*USERS])
    due = {user: each.published.due_on for user, each in states.items()}
    tomorrow = portal.today + timedelta(days=1)
    assert due == {"one": tomorrow, "two": tomorrow, "none": NEVER_DUE}


def hold(portal):
    objection = Objection(Reason.NUMBER, "matches many")
    of_rule = ("parent", portal.rules.identities["parent"], objection, TODAY, Trial(3, 2))
    portal.ask(rule_holds.hold, *of_rule, NOW)


def restart_with_others(portal):
    portal.publisher = portal.publisher_without


@pytest.mark.parametrize("meanwhile", [hold, restart_with_others])
def test_a_message_whose_worker_died_is_handed_on_although_its_rule_says_nothing_any_more(
    portal, meanwhile
):
    portal.publisher, portal.publisher_without = portal.rules, portal.publisher
    said = portal.evaluated([codec.changed_profile("one")])
    [lost] = portal.publish(said)
    assert lost.topic == topics.MESSAGES
    meanwhile(portal)
    assert portal.publish(said) == [lost]
    assert portal.open_matches("parent") == 1


def test_a_rule_that_is_given_up_before_publish_had_it_leaves_nothing_behind(portal):
    portal.night()
    portal.rules = portal.publisher
    portal.next_day()
    portal.night()
    portal.next_day()
    assert portal.night().evaluated == 0
    assert (portal.open_matches("parent"), portal.sent()) == (0, [])


REFUSING = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.profile_version = 13 THEN RAISE EXCEPTION 'no'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON published
        FOR EACH ROW EXECUTE FUNCTION refuse()
"""


def test_an_evaluation_that_the_database_refuses_is_put_aside_and_all_others_are_published(
    applied, delivered
):
    with transaction(applied) as connection:
        connection.exec_driver_sql(REFUSING)
    profiles = [Profile(f"c{n}", 1, {"children": 1}) for n in range(9)]
    profiles.append(Profile("c4", 13, {"children": 1, "region": "77"}))
    batch = delivered([codec.verdicts(evaluator(each, TODAY, NOW)) for each in profiles])
    alive = []
    publish = Publish(
        applied, lambda _: CATALOGUE, lambda: NOW, keep_alive=lambda: alive.append(True)
    )
    outgoing = publish.process(batch)
    dead = [each for each in outgoing if each.topic == topics.DEAD_LETTERS]
    [letter] = map(codec.read_dead_letter, delivered(dead))
    assert (letter.stage, letter.reason) == ("publish", "database-refused")
    assert (letter.offset, letter.body) == (9, batch[9].value)
    assert len([each for each in outgoing if each.topic == topics.MESSAGES]) == 9
    with transaction(applied) as connection:
        states = published.states(connection, [f"c{n}" for n in range(9)])
    assert {each.published.profile_version for each in states.values()} == {1}
    assert alive


def test_publish_halts_where_the_database_refuses_everybody(applied, delivered):
    with transaction(applied) as connection:
        connection.exec_driver_sql(REFUSING)
    profiles = [Profile(f"c{n:03}", 13, {"children": 1}) for n in range(150)]
    batch = delivered([codec.verdicts(evaluator(each, TODAY, NOW)) for each in profiles])
    with pytest.raises(Halted, match="100 messages in a row were bad, most often database-refused"):
        Publish(applied, lambda _: CATALOGUE, lambda: NOW).process(batch)
    with transaction(applied) as connection:
        assert halts.find(connection, "publish") is not None
