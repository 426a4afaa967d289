import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime

import pytest

from quadrupel.bus import codec, topics
from quadrupel.bus.postgres import PostgresBus
from quadrupel.cli import output
from quadrupel.core.errors import EventRefused
from quadrupel.core.ports import Outgoing
from quadrupel.store import halts, runs
from quadrupel.store.database import transaction

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLOSED = "postgresql://postgres@127.0.0.1:9/x"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr("quadrupel.cli.status.SAMPLE_SECONDS", 0.05)


@pytest.fixture
def halted(quadrupel, migrated_url, engine):
    """Ten events, one of them put aside, a halted ingest, a run."""
    assert quadrupel("bus", "create", database_url=migrated_url).code == 0
    with closing(PostgresBus(migrated_url)) as bus, closing(bus.producer()) as producer:
        producer.publish([Outgoing(topics.EVENTS, b"c", b"{")] * 10)
        poison = next(bus.admin().browse(topics.EVENTS))
        producer.publish([codec.dead_letter("ingest", poison, EventRefused("not-json", "no"))])
    with transaction(engine) as connection:
        halts.begin(connection, halts.Halt("ingest", "[red]garbage", NOW, "host:1"))
        runs.start(connection, "nightly-2026-11-23", date(2026, 11, 23), "set", 10, NOW)
    return quadrupel


def test_every_stage_is_in_one_table(halted):
    called = halted("status")
    assert called.code == 0
    for words in (
        "ingest", "evaluate ranges", "verdicts", "no worker", "HALTED  ",
        "HALTED since 2026-11-23T12:00:00+00:00: [red]garbage",
        "dead letters: 1 wait for a decision", "latest run: nightly-2026-11-23 is finished",
    ):  # fmt: skip
        assert words in called.out, words


def test_in_a_pipe_what_is_said_of_a_stage_is_a_line(halted, monkeypatch):
    monkeypatch.setattr(output.console, "width", 40)
    lines = halted("status").out.splitlines()
    assert any("evaluate ranges" in line and "no worker" in line for line in lines)
    assert any("[red]garbage; `quadrupel dead-letters resume ingest`" in line for line in lines)


def test_programs_are_told_the_same(halted):
    told = json.loads(halted("status", "--json").out)
    stages = {each["stage"]: each for each in told["stages"]}
    assert list(stages) == [lane.stage for lane in topics.LANES]
    ingest = stages["ingest"]
    assert (ingest["lag"], ingest["workers"], ingest["catch_up_seconds"]) == (10, 0, None)
    assert ingest["halt"]["reason"] == "[red]garbage"
    assert stages["publish"]["halt"] is None
    assert (stages["publish"]["lag"], stages["publish"]["catch_up_seconds"]) == (0, 0)
    assert told["undecided_dead_letters"] == 1
    assert told["latest_run"]["run"] == "nightly-2026-11-23"
    assert told["unknown"] == {}


def test_a_worker_is_seen(halted, migrated_url):
    bus = PostgresBus(migrated_url)
    with closing(bus.consumer(topics.VERDICTS, topics.PUBLISH_GROUP)) as worker:
        worker.poll(1, 0.1)
        told = json.loads(halted("status", "--json").out)
        assert "up to date" in halted("status").out
    workers = {each["stage"]: each["workers"] for each in told["stages"]}
    assert workers == dict.fromkeys(workers, 0) | {"publish": 1}


def test_what_is_away_is_shown_as_such(quadrupel):
    called = quadrupel("status", database_url=CLOSED)
    assert called.code == 0
    assert "?" in called.out
    assert "dead letters: not known" in called.out
    assert called.out.count("the Postgres bus failed") == 1
    assert called.out.count("the database did not answer") == 1
    told = json.loads(quadrupel("status", "--json").out)
    assert {each["lag"] for each in told["stages"]} == {None}
    assert all("the Postgres bus failed" in each["unknown"] for each in told["stages"])
    assert set(told["unknown"]) == {"halts", "held_rules", "latest_run", "undecided_dead_letters"}


def test_a_replica_is_shown_with_its_lag_where_one_is_configured(quadrupel, pair, pair_urls):
    primary, replica = pair_urls
    assert "replica" not in quadrupel("status", database_url=primary).out
    assert "replica" not in json.loads(quadrupel("status", "--json").out)
    shown = quadrupel("status", replica_url=replica).out
    assert re.search(r"replica: [\d.]+ s and [\d,]+ bytes behind", shown)
    told = json.loads(quadrupel("status", "--json").out)
    assert set(told["replica"]) == {"lag_seconds", "lag_bytes"}
    pair.standby.ask("SELECT pg_wal_replay_pause()")
    pair.primary.ask("CREATE TABLE news ()", database=primary.partition("?")[0].rpartition("/")[2])
    told = json.loads(quadrupel("status", "--json").out)
    assert told["replica"]["lag_bytes"] > 0
    assert told["replica"]["lag_seconds"] >= 0


def test_a_replica_that_is_away_or_none_is_shown_as_such(quadrupel, pair, pair_urls):
    primary, replica = pair_urls
    pair.standby.stop()
    assert (
        "replica: unreachable: the database"
        in quadrupel("status", database_url=primary, replica_url=replica).out
    )
    told = json.loads(quadrupel("status", "--json").out)
    assert told["replica"] is None
    assert told["unknown"]["replica"].startswith("unreachable")
    pair.lets_go()
    assert "replica: not used: it is no replica" in quadrupel("status", replica_url=primary).out
    away = quadrupel("status", database_url=CLOSED, replica_url=replica).out
    assert "replica: not known while the database does not answer" in away


def test_a_machine_that_is_not_set_up_yet_says_what_to_do(quadrupel, database_url):
    called = quadrupel("status", database_url=database_url)
    assert called.code == 0
    assert "missing topic: quadrupel.events; run `quadrupel bus create`" in called.out
    assert "run `quadrupel db migrate`" in called.out


REFUSED = [
    (("--watch", "--json"), {"database_url": CLOSED}, "--watch is for people"),
    ((), {}, "QUADRUPEL_DATABASE_URL is not set"),
    (("ingest",), {}, "unexpected extra argument"),
]


@pytest.mark.parametrize(("arguments", "settings", "says"), REFUSED)
def test_what_is_wrong_is_refused(quadrupel, arguments, settings, says):
    called = quadrupel("status", *arguments, **settings)
    assert (called.code, says in called.err) == (2, True), called.err


def test_it_is_shown_again_and_again_until_it_is_interrupted(halted, migrated_url):
    watching = subprocess.Popen(
        [sys.executable, "-m", "quadrupel", "status", "--watch"],
        env=os.environ | {"QUADRUPEL_DATABASE_URL": migrated_url, "FORCE_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    shown = 0
    while shown < 2:
        shown += "HALTED" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=20)
    assert watching.returncode == 0
