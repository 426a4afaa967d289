"""The stages of one event after the other, each given by hand what the one before handed on."""

from datetime import timedelta

from quadrupel.bus import topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.core.events import Event
from quadrupel.core.ports import Outgoing
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.publish import Publish
from quadrupel.store import published
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .conftest import CATALOGUE, NOW, SCHEMA, TODAY, evaluator

STORE = ProfileStore(SCHEMA)
RULES = Rules(STORE, evaluator)


def event(user, type_, number=1, **data):
    return Event(str(number), "/registry", type_, user, NOW - timedelta(days=1), data)


def arriving(*events):
    return [Outgoing(topics.EVENTS, each.subject.encode(), encode_event(each)) for each in events]


def by_topic(outgoing, topic):
    return [each for each in outgoing if each.topic == topic]


class Flow:
    def __init__(self, engine, delivered):
        self.engine, self.delivered, self.today = engine, delivered, TODAY
        self.ingest = Ingest(engine, lambda: declared(SCHEMA), lambda: NOW)
        self.evaluate = EvaluateProfiles(engine, lambda: RULES, lambda _: self.today, lambda: NOW)
        self.publish = Publish(engine, lambda _: CATALOGUE, lambda: NOW)

    def events(self, *events):
        changed = self.ingest.process(self.delivered(arriving(*events)))
        verdicts = self.evaluate.process(self.delivered(by_topic(changed, topics.PROFILES)))
        return self.publish.process(self.delivered(verdicts))

    def rules(self, user):
        with transaction(self.engine) as connection:
            state = published.lock(connection, [user])[user]
        return [banner.rule for banner in state.published.banners] if state.published else []

    def contains(self, user):
        with transaction(self.engine) as connection:
            return published.lock(connection, [user])[user].published.contains

    def version(self, user):
        with transaction(self.engine) as connection:
            return published.version(connection, user)
