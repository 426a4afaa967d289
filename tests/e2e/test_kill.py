"""`kill -9` of any stage while a population comes in: the end is that of an undisturbed run."""

import contextlib
import os
import random
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
STAGES = ("ingest", "evaluate", "publish", "send", "schedule")
LANES = (topics.INGEST, topics.EVALUATE, topics.PUBLISH)
SECONDS = 120


def events():
    return [
        Outgoing(topics.EVENTS, event.subject.encode(), encode_event(event))
        for event in population.events(USERS, 7, TODAY)
    ]


def run_through(settings, kills):
    """Push the population through the stages, killing one `kills` times; return what is left."""
    bootstrap.set_up(settings)
    environment = os.environ | {
        "QUADRUPEL_DATABASE_URL": settings.database_url,
        "QUADRUPEL_BATCH_SIZE": "100",
        "QUADRUPEL_TIME_ZONE": midday_zone(),
        "QUADRUPEL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap or "",
    }
    supervisor = Supervisor([Child(name, [name]) for name in STAGES], environment)
    chance = random.Random(11)
    with contextlib.closing(bootstrap.open_bus(settings)) as bus:
        supervisor.start()
        try:
            with contextlib.closing(bus.producer()) as producer:
                producer.publish(events())
            deadline = time.monotonic() + SECONDS
            while not drained(bus) or kills:
                assert time.monotonic() < deadline, "the flow did not come to rest"
                time.sleep(chance.uniform(0.2, 0.6))
                supervisor.check()
                running = supervisor.pids()
                if kills and running:
                    os.kill(running[chance.choice(sorted(running))], signal.SIGKILL)
                    kills -= 1
        finally:
            supervisor.stop()
    return state(settings)


def drained(bus):
    return all(bus.admin().progress(lane.topic, lane.group).lag == 0 for lane in LANES)


def state(settings):
    """What a citizen can see, and what counts: profiles, banner sets, open matches, messages."""
    with bootstrap.open_engine(settings) as engine, database.transaction(engine) as connection:
        return {
            name: connection.execute(sa.text(query)).all()
            for name, query in {
                "profiles": "SELECT to_jsonb(p) - 'version' - 'updated_at' - 'fold_state'"
                " FROM profiles p ORDER BY user_id",
                "banners": "SELECT user_id, banners FROM published ORDER BY user_id",
                "matches": "SELECT user_id, rule, episode FROM matches WHERE closed_on IS NULL"
                " ORDER BY 1, 2, 3",
            }.items()
        }


@pytest.fixture(scope="module")
def undisturbed(new_database):
    with new_database() as url:
        return run_through(read_settings(database_url=url), kills=0)


def test_killed_stages_on_the_postgres_bus_end_as_undisturbed(undisturbed, database_url):
    settings = read_settings(database_url=database_url)
    assert len(undisturbed["profiles"]) == USERS
    assert len(undisturbed["matches"]) > USERS / 20
    assert run_through(settings, kills=6) == undisturbed


@pytest.mark.kafka
def test_killed_stages_on_kafka_end_as_undisturbed(undisturbed, database_url, kafka_topics):
    settings = read_settings(database_url=database_url, kafka_bootstrap=kafka_topics)
    assert run_through(settings, kills=6) == undisturbed
