"""Whose banner set has a new version is told, after it can be read, and of nobody else."""

from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa

from quadrupel.bus import topics
from quadrupel.bus.event_codec import event_message
from quadrupel.core import lifecycle
from quadrupel.core.events import Event
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.stages.publish import Publish
from quadrupel.store import banner_news, published
from quadrupel.store.banner_news import CHANNEL
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

from .conftest import CATALOGUE, NOW, SCHEMA, TODAY, evaluator

STORE = ProfileStore(SCHEMA)
RULES = Rules(STORE, evaluator)


def event(type_, user, minutes=0, **data):
    at = NOW - timedelta(days=1, minutes=-minutes)
    return Event(f"{type_}/{minutes}", "/registry", type_, user, at, data)


class Told:
    """Stages, and somebody who listens to what they tell."""

    def __init__(self, engine: sa.Engine, url: str, delivered) -> None:
        self.engine, self.delivered = engine, delivered
        self._ingest = Ingest(engine, lambda: declared(SCHEMA), lambda: NOW)
        self._evaluate = EvaluateProfiles(engine, lambda: RULES, lambda _: TODAY, lambda: NOW)
        self._publish = Publish(engine, lambda _: CATALOGUE, lambda: NOW)
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute(f"LISTEN {CHANNEL}")

    def events(self, *events):
        """What is told because of these events."""
        changed = self._ingest.process(self.delivered([event_message(each) for each in events]))
        profiles = [each for each in changed if each.topic == topics.PROFILES]
        self.verdicts = self.delivered(self._evaluate.process(self.delivered(profiles)))
        self._publish.process(self.verdicts)
        return self.heard()

    def ingested(self, *events):
        """What is told before anybody evaluates them."""
        self._ingest.process(self.delivered([event_message(each) for each in events]))
        return self.heard()

    def again(self):
        self._publish.process(self.verdicts)
        return self.heard()

    def heard(self):
        heard = {}
        for each in self.connection.notifies(timeout=0.1):
            news = banner_news.read(each.payload)
            for user, version in news.versions.items():
                with transaction(self.engine) as connection:
                    assert published.version(connection, user) >= version
                heard[user] = version
        return heard


@pytest.fixture
def told(applied, migrated_url, delivered):
    told = Told(applied, migrated_url, delivered)
    yield told
    told.connection.close()


def test_of_a_batch_those_are_told_whose_banners_changed(told):
    first = told.events(
        event("child.registered", "parent"),
        event("moved", "muscovite", region="77"),
        event("moved", "elsewhere", region="50"),
    )
    assert first == {"parent": 1, "muscovite": 1}
    second = told.events(
        event("child.registered", "parent", 1),
        event("moved", "muscovite", 1, region="50"),
        event("moved", "elsewhere", 1, region="51"),
    )
    assert second == {"muscovite": 2}


def test_a_redelivered_batch_tells_nothing(told):
    assert told.events(event("child.registered", "parent")) == {"parent": 1}
    assert told.again() == {}


def test_an_erasure_is_told_by_ingest_with_the_version_that_is_empty(told):
    told.events(event("child.registered", "parent"))
    assert told.ingested(event(lifecycle.ERASED, "parent", 5)) == {"parent": 2}
