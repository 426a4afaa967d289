"""What two looks say, by a table; and reports on a bus and a database that go away."""

from datetime import UTC, date, datetime

import pytest

from quadrupel.bus import codec, topics
from quadrupel.bus.topics import LANES
from quadrupel.cli.status_report import Flow, Reporter, Unknown, flow
from quadrupel.core.errors import EventRefused
from quadrupel.core.ports import Outgoing, Progress
from quadrupel.store import halts, runs
from quadrupel.store.database import open_engine, transaction
from quadrupel.testing import MemoryBus

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLOSED = "postgresql://postgres@127.0.0.1:9/x"

TABLE = [
    ("at rest", Progress(50, 50, 2), Progress(50, 50, 2), Flow(0, 0, 0, 0, 2)),
    ("keeping up", Progress(50, 50, 1), Progress(90, 90, 1), Flow(0, 20, 20, 0, 1)),
    ("catching up", Progress(100, 0, 1), Progress(110, 50, 1), Flow(60, 5, 25, 3, 1)),
    ("falling behind", Progress(100, 0, 1), Progress(140, 20, 1), Flow(120, 20, 10, None, 1)),
    ("as fast as it comes", Progress(100, 0, 1), Progress(120, 20, 1), Flow(100, 10, 10, None, 1)),
    ("standing", Progress(100, 0, 0), Progress(100, 0, 0), Flow(100, 0, 0, None, 0)),
    ("set back by an operator", Progress(9, 9, 1), Progress(9, 0, 1), Flow(9, 0, 0, None, 1)),
]


@pytest.mark.parametrize(("_", "before", "after", "expected"), TABLE, ids=[t[0] for t in TABLE])
def test_two_looks_say_how_a_stage_keeps_up(_, before, after, expected):
    assert flow(before, after, 2.0) == expected


@pytest.fixture
def bus():
    bus = MemoryBus(lambda: NOW)
    bus.admin().create(topics.topics(2))
    return bus


def reporter(bus, engine):
    """A reporter whose looks are 2 s apart."""
    times = iter(range(0, 10_000, 2))
    return Reporter(bus.admin(), engine, lambda: next(times))


def letter(bus):
    bus.producer().publish([Outgoing(topics.EVENTS, b"c", b"{")])
    [*_, poison] = bus.admin().browse(topics.EVENTS)
    refusal = EventRefused("not-json", "it is no JSON")
    bus.producer().publish([codec.dead_letter("ingest", poison, refusal)])


def test_a_report_has_every_stage_with_what_moved_between_two_looks(bus, engine):
    given = reporter(bus, engine)
    given.look()
    bus.producer().publish([Outgoing(topics.EVENTS, b"c", b"{}")] * 10)
    consumer = bus.consumer(topics.EVENTS, topics.INGEST_GROUP)
    consumer.poll(4, 1.0)
    consumer.commit()
    report = given.report()
    assert list(report.flows) == list(LANES)
    assert report.flows[topics.INGEST] == Flow(6, 5.0, 2.0, None, 1)
    assert report.flows[topics.PUBLISH] == Flow(0, 0, 0, 0, 0)
    assert (report.halts, report.undecided, report.run) == ({}, 0, None)
    assert given.report().flows[topics.INGEST] == Flow(6, 0, 0, None, 1)


def test_halts_letters_and_the_latest_run_are_told(bus, engine):
    halt = halts.Halt("ingest", "100 messages in a row were bad", NOW, "host:1")
    with transaction(engine) as connection:
        halts.begin(connection, halt)
        for number in (1, 2):
            day = date(2026, 11, number)
            runs.start(connection, f"nightly-{day}", day, "set", 10, NOW.replace(day=number))
    letter(bus)
    given = reporter(bus, engine)
    given.look()
    report = given.report()
    assert report.halts == {"ingest": halt}
    assert report.undecided == 1
    assert report.run.run == "nightly-2026-11-02"


def test_letters_are_counted_again_only_when_some_came(bus, engine):
    browsed = []

    class Admin:
        progress = staticmethod(bus.admin().progress)

        @staticmethod
        def browse(topic):
            browsed.append(topic)
            return bus.admin().browse(topic)

    given = Reporter(Admin, engine, iter(range(100)).__next__)
    given.look()
    assert [given.report().undecided for _ in range(3)] == [0, 0, 0]
    letter(bus)
    assert [given.report().undecided for _ in range(3)] == [1, 1, 1]
    assert len(browsed) == 2


def test_a_bus_that_is_away_leaves_what_the_database_says(bus, engine):
    given = reporter(bus, engine)
    given.look()
    bus.down = True
    report = given.report()
    assert all(isinstance(each, Unknown) for each in report.flows.values())
    assert isinstance(report.undecided, Unknown)
    assert (report.halts, report.run) == ({}, None)
    bus.down = False
    assert given.report().flows[topics.SEND] == Flow(0, 0, 0, 0, 0)


def test_a_database_that_is_away_leaves_what_the_bus_says(bus):
    given = reporter(bus, open_engine(CLOSED))
    given.look()
    report = given.report()
    assert report.flows[topics.INGEST] == Flow(0, 0, 0, 0, 0)
    assert isinstance(report.halts, Unknown)
    assert isinstance(report.run, Unknown)
    assert report.undecided == 0


def test_a_topic_that_is_missing_leaves_the_others(bus, engine):
    del bus.topics[topics.VERDICTS], bus.topics[topics.DEAD_LETTERS]
    given = reporter(bus, engine)
    given.look()
    report = given.report()
    assert report.flows[topics.INGEST] == Flow(0, 0, 0, 0, 0)
    assert "run `quadrupel bus create`" in report.flows[topics.PUBLISH].reason
    assert "run `quadrupel bus create`" in report.undecided.reason


def test_tables_that_are_missing_are_said_to_be(bus, database_url):
    engine = open_engine(database_url)
    given = reporter(bus, engine)
    given.look()
    assert "run `quadrupel db migrate`" in given.report().halts.reason
    engine.dispose()
