"""The broker or the database is away in mid-stream: the stages wait, and then nothing lacks."""

import contextlib
import time
from datetime import UTC, datetime

import pytest

from quadrupel import bootstrap
from quadrupel.bus.kafka import KafkaBus
from quadrupel.config import read_settings
from quadrupel.testing import midday_zone

from .parts import Flow, Source, assert_whole

pytestmark = [pytest.mark.kafka, pytest.mark.postgres15, pytest.mark.slow]

RECOVERY = 45
"""Seconds from the return to the first new banner set; the longest pause of a stage is 30."""
DRAIN = 120


@pytest.fixture
def outage(full):
    """How many seconds something is away."""
    return 60 if full else 10


@pytest.fixture
def flow(broker, database, tmp_path):
    settings = read_settings(
        database_url=database.url,
        kafka_bootstrap=broker.bootstrap,
        time_zone=midday_zone(),
        batch_size=100,
    )
    bootstrap.set_up(settings)
    with (
        contextlib.closing(KafkaBus(broker.bootstrap, timeout=10)) as bus,
        Flow(settings, bus, tmp_path / "log") as flow,
    ):
        yield flow


@pytest.fixture
def source(flow, database):
    """A source that has been sending for a while."""
    with Source(flow.bus, bootstrap.today(flow.settings), seed=5) as source:
        flow.wait_for(lambda: banner_sets(database) > 300, 60, "no banner sets")
        yield source


def banner_sets(database, since=None):
    """How many banner sets were published since then."""
    query = "SELECT count(*) FROM published WHERE updated_at > %s"
    return database.ask(query, since or datetime.fromtimestamp(0, UTC))[0][0]


def recover(flow, database, source):
    """What was away has returned: see that everything goes on, and comes to a good end."""
    returned = datetime.now(UTC)
    flow.wait_for(
        lambda: banner_sets(database, returned) > 0, RECOVERY, "no banner set after the return"
    )
    flow.wait_for(lambda: banner_sets(database, returned) > 300, DRAIN, "no more banner sets")
    source.stop()
    flow.wait_for(lambda: flow.lag() == 0, DRAIN, "the topics are not empty")
    assert_whole(flow.settings, flow.bus, source.sent)


def test_nothing_is_lost_while_the_broker_is_away(flow, broker, database, source, outage):
    sent, waits = len(source.sent), flow.waits()
    broker.stop()
    time.sleep(outage)
    flow.wait_for(lambda: flow.waits() > waits, 30, "nobody noticed that the broker is away")
    assert len(source.sent) < sent + 1_000, "the bus took events although it was away"
    broker.start()
    recover(flow, database, source)


def test_nothing_is_lost_while_the_database_is_away(flow, database, source, outage):
    # A connection that is cut between two batches is opened again without a word.
    cut_in_a_batch = lambda: database.cut() > 0 and flow.waits() > 0  # noqa: E731
    flow.wait_for(cut_in_a_batch, 60, "nobody noticed that the connections were cut")
    database.stop()
    waits = flow.waits()
    time.sleep(outage)
    flow.wait_for(lambda: flow.waits() > waits + 3, 30, "nobody noticed that the database is away")
    assert flow.lag() > 0
    database.start()
    recover(flow, database, source)
