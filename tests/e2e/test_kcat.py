"""Events from a client nobody here wrote: kcat, straight into the topic."""

import contextlib
import os
import subprocess
import time
from datetime import date

import pytest

from quadrupel import bootstrap, population
from quadrupel.bus import codec, topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.config import read_settings
from quadrupel.store import database, profiles
from quadrupel.supervisor import Child, Supervisor


@pytest.fixture
def ingest(database_url, kafka_topics):
    """Ingest as its own process on Kafka."""
    settings = read_settings(database_url=database_url, kafka_bootstrap=kafka_topics)
    bootstrap.set_up(settings)
    environment = os.environ | {
        "QUADRUPEL_DATABASE_URL": database_url,
        "QUADRUPEL_KAFKA_BOOTSTRAP": kafka_topics,
    }
    supervisor = Supervisor([Child("ingest", ["ingest"])], environment)
    supervisor.start()
    yield settings
    supervisor.stop()


def wait_until_read(settings):
    with contextlib.closing(bootstrap.open_bus(settings)) as bus:
        deadline = time.monotonic() + 60
        while bus.admin().progress(topics.EVENTS, topics.INGEST_GROUP).lag:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.kafka
@pytest.mark.kcat
def test_events_from_kcat_become_profiles_and_its_garbage_dead_letters(ingest):
    events = list(population.events(200, 3, date(2026, 11, 23)))
    lines = [event.subject.encode() + b"\t" + encode_event(event) for event in events]
    lines.append(b"nobody\t{not an event")
    subprocess.run(
        ["kcat", "-P", "-b", ingest.kafka_bootstrap, "-t", topics.EVENTS, "-K", "\t"],
        input=b"\n".join(lines),
        check=True,
        capture_output=True,
        timeout=60,
    )
    wait_until_read(ingest)
    with bootstrap.open_engine(ingest) as engine, database.transaction(engine) as connection:
        assert profiles.count(connection) == len({event.subject for event in events})
    with contextlib.closing(bootstrap.open_bus(ingest)) as bus:
        letters = map(codec.read_dead_letter, bus.admin().browse(topics.DEAD_LETTERS))
        assert [letter.body for letter in letters] == [b"{not an event"]
