"""`kill -9` of any stage while a population comes in: the end is that of an undisturbed run."""

import contextlib
import os
import signal
import time
from datetime import date

import pytest
import sqlalchemy as sa

from quadrupel import bootstrap, population
from quadrupel.bus import topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.config import read_settings
from quadrupel.core.ports import Outgoing
from quadrupel.store import database
from quadrupel.supervisor import Child, Supervisor
from quadrupel.testing import midday_zone

TODAY = date(2026, 11, 23)
USERS = 1_500
LANES = {
    "schedule": topics.INGEST,  # reads none itself
    "send": topics.SEND,
    "publish": topics.PUBLISH,
    "evaluate": topics.EVALUATE,
    "ingest": topics.INGEST,
}
"""By stage, the lane that tells whether there is work. The end of the flow dies first, so that
nobody who is to die waits for one who is dead."""
SECONDS = 120

LEFT = {
    "profiles": "SELECT to_jsonb(p) - 'version' - 'updated_at' - 'fold_state'"
    " FROM profiles p ORDER BY user_id",
    "banners": "SELECT user_id, banners FROM published ORDER BY user_id",
    "matches": "SELECT user_id, rule, episode FROM matches WHERE closed_on IS NULL"
    " ORDER BY 1, 2, 3",
    # What held for a moment, between two events of a citizen, depends on how these come.
    "messages": "SELECT user_id, origin, episode, channel"
    " FROM messages JOIN matches USING (user_id, episode)"
    " WHERE origin = 'rule:' || rule AND closed_on IS NULL ORDER BY 1, 2, 3, 4",
    "messages of no match": "SELECT * FROM messages m WHERE NOT EXISTS (SELECT FROM matches"
    " WHERE user_id = m.user_id AND episode = m.episode AND m.origin = 'rule:' || rule)",
    "messages that never came to send": "SELECT * FROM messages WHERE state = 'pending'",
}
"""What a citizen can see, and what counts, by what it is called."""


class Flow:
    """All stages in processes of their own, and what they work on."""

    def __init__(self, supervisor, bus, producer):
        self._supervisor, self._producer = supervisor, producer
        self._admin = bus.admin()

    def publish(self, events):
        self._producer.publish(
            [Outgoing(topics.EVENTS, each.subject.encode(), encode_event(each)) for each in events]
        )

    def rest(self):
        """Wait until nothing is on its way."""
        self._until(self._is_at_rest)

    def kill(self, stage, events):
        """Publish events and kill the stage in the middle of them; how many messages it left."""
        before = self._progress(stage).committed
        self.publish(events)
        # One that is too quick to be seen at work is killed at rest.
        self._until(lambda: self._is_at_work(stage, before) or self._is_at_rest())
        os.kill(self._supervisor.pids()[stage], signal.SIGKILL)
        return self._progress(stage).lag

    def _is_at_work(self, stage, before):
        now = self._progress(stage)
        return now.committed > before and now.lag > 0

    def _is_at_rest(self):
        # From the front: what one stage has done is on the topic of the next before it is asked.
        return not any(self._progress(stage).lag for stage in reversed(LANES))

    def _progress(self, stage):
        lane = LANES[stage]
        return self._admin.progress(lane.topic, lane.group)

    def _until(self, condition):
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the flow did not come to rest"
            time.sleep(0.02)
            self._supervisor.check()


def run_through(settings, victims=()):
    """Push the population through the stages, killing the victims; return what is left."""
    bootstrap.set_up(settings)
    environment = os.environ | {
        "QUADRUPEL_DATABASE_URL": settings.database_url,
        "QUADRUPEL_BATCH_SIZE": "100",
        "QUADRUPEL_TIME_ZONE": midday_zone(),
        "QUADRUPEL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap or "",
    }
    supervisor = Supervisor([Child(name, [name]) for name in LANES], environment)
    events = list(population.events(USERS, 7, TODAY))
    size = -(-len(events) // (1 + len(victims)))
    with (
        contextlib.closing(bootstrap.open_bus(settings)) as bus,
        contextlib.closing(bus.producer()) as producer,
    ):
        flow = Flow(supervisor, bus, producer)
        supervisor.start()
        try:
            flow.publish(events[:size])
            flow.rest()
            left = {
                victim: flow.kill(victim, events[number * size : (number + 1) * size])
                for number, victim in enumerate(victims, start=1)
            }
            flow.rest()
        finally:
            supervisor.stop()
    at_work = any(left[victim] for victim in left if victim != "schedule")
    assert not victims or at_work, "everybody was killed with nothing to do"
    return state(settings)


def state(settings):
    """What is left, by what it is called."""
    with bootstrap.open_engine(settings) as engine, database.transaction(engine) as connection:
        return {name: connection.execute(sa.text(query)).all() for name, query in LEFT.items()}


@pytest.fixture(scope="module")
def undisturbed(new_database):
    with new_database() as url:
        return run_through(read_settings(database_url=url))


def test_killed_stages_on_the_postgres_bus_end_as_undisturbed(undisturbed, database_url):
    settings = read_settings(database_url=database_url)
    assert len(undisturbed["profiles"]) == USERS
    assert len(undisturbed["matches"]) > USERS / 20
    assert len(undisturbed["messages"]) > USERS / 20
    assert undisturbed["messages of no match"] == []
    assert undisturbed["messages that never came to send"] == []
    assert run_through(settings, LANES) == undisturbed


@pytest.mark.kafka
def test_killed_stages_on_kafka_end_as_undisturbed(undisturbed, database_url, kafka_topics):
    settings = read_settings(database_url=database_url, kafka_bootstrap=kafka_topics)
    assert run_through(settings, LANES) == undisturbed
