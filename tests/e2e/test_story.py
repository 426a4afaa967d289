"""The driving-licence story as a newcomer sees it, on embedded and on external parts."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from quadrupel import bootstrap
from quadrupel.config import read_settings
from quadrupel.core.profiles import Profile
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore

STORY = [
    "500 citizens of a synthetic portal",
    "The night: all rules for everyone",
    "Anna's driving licence runs out on",
    "Renew your driving licence",
    "Time moves on",
    "Your driving licence ran out",
    "Anna gets a new licence",
    "Update your motor insurance certificate",
    "Where to look next",
]


def demo(*arguments):
    environment = {name: value for name, value in os.environ.items() if "QUADRUPEL" not in name}
    return subprocess.run(
        [sys.executable, "-m", "quadrupel", "demo", "--once", "--users", "500", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        check=False,
    )


def assert_told(result):
    assert result.returncode == 0, result.stdout + result.stderr
    places = [result.stdout.find(line) for line in STORY]
    assert -1 not in places, (places, result.stdout)
    assert places == sorted(places)
    assert result.stdout.count("e-mail") >= 3


def test_the_story_is_told_on_embedded_parts():
    assert_told(demo())


@pytest.mark.kafka
def test_the_story_is_told_on_the_embedded_postgres_and_kafka(database_url, kafka_topics):
    assert_told(demo("--database-url", database_url, "--kafka", kafka_topics))


@pytest.mark.kafka
@pytest.mark.postgres15
def test_the_story_is_told_on_postgres_15_and_kafka(postgres15_url, kafka_topics):
    assert_told(demo("--database-url", postgres15_url, "--kafka", kafka_topics))


def test_the_demo_refuses_a_database_that_is_in_use(database_url):
    settings = read_settings(database_url=database_url)
    bootstrap.set_up(settings)
    with bootstrap.open_engine(settings) as engine, transaction(engine) as connection:
        store = ProfileStore(bootstrap.load_rules(settings).schema)
        store.write(connection, [Profile("boris", 1)], datetime.now(UTC))
    refused = demo("--database-url", database_url)
    assert refused.returncode == 1
    assert "has 1 profiles already; give the demo an empty one" in " ".join(refused.stderr.split())
