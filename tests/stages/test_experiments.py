"""Exposures and goals on their way through the stages, told twice, in disorder, and erased."""

from datetime import timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.core import lifecycle
from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.events import Event
from quadrupel.core.experiments import CONTROL, SHOWN, Experiment, Goal, by_event
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.core.ports import Message
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.publish import Publish
from quadrupel.store import published, schema
from quadrupel.store.database import transaction
from quadrupel.store.messages import pending_of
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.tables import exposures

from .conftest import NOW, SCHEMA, TODAY, evaluator

PAID = Attribute("paid", Type.DECIMAL, "Paid", (Feed(Operation.SUM, "paid", field="amount"),))
DECLARED = Schema({**SCHEMA.attributes, "paid": PAID})
GOALS = by_event([Goal("moscow", "paid", within=10), Goal("moscow", "visited", (("by", "x"),))])
KEPT = next(u for u in map(str, range(99)) if Experiment("moscow", 0.5).keeps_from(u))
OTHER = next(u for u in map(str, range(99)) if not Experiment("moscow", 0.5).keeps_from(u))


def catalogue(control=0.5, common_control=0.0):
    experiment = Experiment("moscow", control, common_control)
    parent = Experiment("parent", 0.0, common_control) if common_control else None
    return Catalogue(
        {
            "parent": Offer("parent", "main", 5, (("email", "parent"),), experiment=parent),
            "moscow": Offer(
                "moscow", "main", 1, (("email", "m"),), experiment=experiment, recorded=True
            ),
        },
        {"main": 3},
    )


class Portal:
    """The stages up to publish; every event is published at once, a minute after the one before."""

    def __init__(self, engine):
        self.engine, self.now, self.offsets = engine, NOW, count()
        with transaction(engine) as connection:
            schema.apply(connection, DECLARED, NOW)
        self.ingest = Ingest(engine, lambda: declared(DECLARED, GOALS), lambda: self.now)
        rules = Rules(ProfileStore(DECLARED), evaluator)
        self.evaluate = EvaluateProfiles(engine, lambda: rules, lambda _: TODAY, lambda: self.now)
        self.catalogue = catalogue()
        self.publish = Publish(engine, lambda _: self.catalogue, lambda: self.now)

    def delivered(self, outgoing):
        return [Message(*each[:1], 0, next(self.offsets), *each[1:], self.now) for each in outgoing]

    def happen(self, *events):
        """Returns the dead letters."""
        self.now += timedelta(minutes=1)
        batch = [
            Message(
                *(topics.EVENTS, 0, next(self.offsets), each.subject.encode()),
                *(encode_event(each), self.now),
            )
            for each in events
        ]
        outgoing = self.ingest.process(batch)
        changed = [each for each in outgoing if each.topic == topics.PROFILES]
        self.publish.process(self.delivered(self.evaluate.process(self.delivered(changed))))
        return [each for each in outgoing if each.topic == topics.DEAD_LETTERS]

    def event(self, type_, user=OTHER, minutes=1, **data):
        """An event so many minutes after now."""
        time = self.now + timedelta(minutes=minutes)
        return Event(f"{type_}{user}{time}{data}", "/r", type_, user, time, data)

    def moves(self, user=OTHER, region="77"):
        self.happen(self.event("moved", user, region=region))

    def rows(self):
        with transaction(self.engine) as connection:
            query = sa.select(exposures).order_by(*exposures.primary_key)
            return [tuple(row) for row in connection.execute(query)]

    def goals(self):
        return [row[-1] for row in self.rows()]

    def shown(self, user):
        with transaction(self.engine) as connection:
            found = published.states(connection, [user])[user].published
            sent = [each.origin for each in pending_of(connection, [user])]
        return [banner.rule for banner in found.banners], sent


@pytest.fixture
def portal(engine):
    return Portal(engine)


def test_who_is_in_control_is_shown_and_sent_nothing_and_recorded_like_others(portal):
    for user in (KEPT, OTHER):
        portal.moves(user)
        portal.happen(portal.event("child.registered", user))
    assert portal.shown(KEPT) == (["parent"], ["rule:parent"])
    banners, sent = portal.shown(OTHER)
    assert (banners, {*sent}) == (["parent", "moscow"], {"rule:parent", "rule:moscow"})
    assert {row[0]: (row[3], row[5] is None) for row in portal.rows()} == {
        KEPT: (CONTROL, True),
        OTHER: (SHOWN, False),
    }


def test_the_common_control_group_is_kept_from_what_all_rules_offer(portal):
    portal.catalogue = catalogue(0.0, 1.0)
    portal.moves()
    portal.happen(portal.event("child.registered"))
    assert portal.shown(OTHER) == ([], [])
    assert [row[3] for row in portal.rows()] == [CONTROL]


def test_a_changed_share_leaves_what_was_recorded_as_it_was(portal):
    portal.moves()
    before = portal.rows()
    portal.catalogue = catalogue(1.0)
    portal.moves(region="50")
    portal.moves()
    assert portal.shown(OTHER)[0] == []
    assert portal.rows() == before


def test_a_goal_counts_once_however_often_and_in_which_order_it_is_told(portal):
    portal.happen(portal.event("paid", amount=5))
    early = portal.event("paid", minutes=-1, amount=5)
    portal.moves()
    late, first = (portal.event("paid", minutes=each, amount=5) for each in (3, 1))
    for batch in ([late], [early, late], [first, late], [late, early, first]):
        portal.happen(*batch)
    assert portal.goals() == [first.time]


def test_an_event_that_feeds_no_attribute_can_be_a_goal(portal):
    portal.moves()
    portal.happen(portal.event("visited", by="y"))
    assert portal.goals() == [None]
    visited = portal.event("visited", by="x")
    portal.happen(visited)
    assert portal.goals() == [visited.time]


def test_what_comes_too_late_or_is_refused_reaches_no_goal(portal):
    portal.moves()
    [letter] = portal.happen(portal.event("paid", amount="much"))
    assert codec.read_dead_letter(*portal.delivered([letter])).reason == "wrong-type"
    portal.now += timedelta(days=11)
    portal.happen(portal.event("paid", amount=5))
    assert portal.goals() == [None]


def test_an_erasure_takes_exposures_away_and_what_came_before_it_stays_away(portal):
    portal.moves()
    paid = portal.event("paid", amount=5)
    portal.happen(paid)
    assert portal.goals() == [paid.time]
    portal.happen(portal.event(lifecycle.ERASED))
    assert portal.rows() == []
    portal.happen(portal.event(lifecycle.REGISTERED))
    portal.moves()
    portal.happen(paid)
    assert portal.goals() == [None]


def test_of_rules_that_record_nothing_there_is_nothing(portal):
    portal.happen(portal.event("child.registered"))
    assert portal.shown(OTHER)[0] == ["parent"]
    assert portal.rows() == []
