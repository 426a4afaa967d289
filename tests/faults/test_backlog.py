"""A long backlog: it is worked off by processes that need no more memory at its end than early."""

import contextlib

import confluent_kafka
import psutil
import psycopg
import pytest

from quadrupel import bootstrap
from quadrupel.bus import topics
from quadrupel.bus.kafka import KafkaBus
from quadrupel.config import read_settings

from .parts import LANES, Flow

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1_800)]

STAGES = ("ingest", "ingest", "evaluate", "publish")
EVENTS_OF_A_USER = 50
EVENT = (
    b'{"specversion":"1.0","id":"%d","source":"/load","type":"child.registered",'
    b'"subject":"u%07d","time":"2026-10-01T10:00:00Z","data":{"birth_date":"2012-05-05"}}'
)
GROWTH = 1.2


@pytest.fixture
def users(full):
    return 200_000 if full else 40_000


def fill(bootstrap_servers, users):
    """All events of a user in a row: what a batch folds together it saves once."""
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "linger.ms": 20,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
            "on_delivery": lambda error, _: lost.append(error),
        }
    )
    lost = []
    for user in range(users):
        key = b"u%07d" % user
        for number in range(EVENTS_OF_A_USER):
            producer.produce(topics.EVENTS, EVENT % (number, user), key)
        while len(producer) > 900_000:
            producer.poll(0.1)
    assert producer.flush(60) == 0
    assert lost == []


@pytest.fixture
def settings(database_url, kafka_topics, users):
    """A database and a broker on which the whole backlog waits."""
    settings = read_settings(database_url=database_url, kafka_bootstrap=kafka_topics)
    bootstrap.set_up(settings)
    fill(kafka_topics, users)
    return settings


class Memory:
    """What each process of a flow held, by how far its stage was."""

    def __init__(self, flow):
        self._admin = flow.bus.admin()
        self._processes = {name: psutil.Process(pid) for name, pid in flow.pids().items()}
        self._samples = []

    def sample(self):
        """Look once; return whether everything is done."""
        progress = {lane.stage: self._admin.progress(lane.topic, lane.group) for lane in LANES}
        held = {name: process.memory_info().rss for name, process in self._processes.items()}
        self._samples.append((progress, held))
        return all(each.lag == 0 for each in progress.values())

    def peaks(self, name, share):
        """The most it held in that share of its stage's work, and in the second half of the rest.

        Who comes to its first batch late, on a machine that has much to do, holds nothing before.
        """
        stage = name.split()[0]
        whole = self._samples[-1][0][stage].end
        done = [(progress[stage].committed, held[name]) for progress, held in self._samples]
        early = max(held for committed, held in done if committed <= whole * share)
        late = max(held for committed, held in done if committed >= whole * (1 + share) / 2)
        return early, late


def test_memory_stays_flat_while_a_backlog_is_worked_off(settings, users, full, tmp_path):
    seconds = 1_200 if full else 240
    with (
        contextlib.closing(KafkaBus(settings.kafka_bootstrap)) as bus,
        Flow(settings, bus, tmp_path / "log", STAGES) as flow,
    ):
        memory = Memory(flow)
        flow.wait_for(memory.sample, seconds, "the backlog was not worked off", every=0.5)
        peaks = {name: memory.peaks(name, 0.25 if full else 0.5) for name in flow.pids()}
    query = "SELECT count(*), sum(children) FROM profiles"
    with psycopg.connect(settings.database) as connection:
        assert connection.execute(query).fetchone() == (users, users * EVENTS_OF_A_USER)
        query = "SELECT count(*) FROM published JOIN profiles USING (user_id)"
        query += " WHERE profile_version = profiles.version"
        assert connection.execute(query).fetchone() == (users,)
    assert list(bus.admin().browse(topics.DEAD_LETTERS)) == []
    assert {name: late for name, (early, late) in peaks.items() if late > GROWTH * early} == {}
