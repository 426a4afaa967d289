"""No space is left under Postgres: the stages wait until there is some, and then nothing lacks.

Where data do not fit, Postgres refuses one statement after the other (53100, disk_full). Where its
log does not fit, it panics, and may not come up again before there is space: then, as in life,
someone makes space and starts it.
"""

import contextlib
import subprocess
import tempfile
from pathlib import Path

import pytest

from quadrupel import bootstrap
from quadrupel.bus.kafka import KafkaBus
from quadrupel.config import read_settings
from quadrupel.testing import midday_zone

from .parts import Flow, Source, assert_whole

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.postgres15,
    pytest.mark.mount,
    pytest.mark.slow,
]

SECONDS = 120
MEGABYTE = 1024 * 1024


@pytest.fixture
def small_disk():
    """A folder with a little more room than an empty database needs."""
    folder = Path(tempfile.mkdtemp(prefix="quadrupel-disk-", dir="/tmp"))
    disk = ["-t", "tmpfs", "-o", "size=96m,mode=755", "quadrupel", folder]
    subprocess.run(["mount", *disk], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@contextlib.contextmanager
def ballast(disk):
    """For as long as the block there is not one byte left on the disk."""
    path = disk / "ballast"
    try:
        with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(MEGABYTE)):
                pass
        yield
    finally:
        path.unlink()


@contextlib.contextmanager
def flow_on(server, bootstrap_servers, log):
    """The flow at work on events that keep coming, and their source."""
    settings = read_settings(
        database_url=server.url,
        kafka_bootstrap=bootstrap_servers,
        time_zone=midday_zone(),
        batch_size=100,
    )
    bootstrap.set_up(settings)
    with (
        contextlib.closing(KafkaBus(bootstrap_servers)) as bus,
        Flow(settings, bus, log) as flow,
        Source(bus, bootstrap.today(settings), seed=6) as source,
    ):
        flow.wait_for(lambda: server.ask("SELECT count(*) > 300 FROM published")[0][0], 60, "none")
        yield flow, source


def end(flow, source):
    """There is space again: see that everything goes on, and comes to a good end."""
    source.stop()
    flow.wait_for(lambda: flow.lag() == 0, SECONDS, "the topics are not empty")
    assert_whole(flow.settings, flow.bus, source.sent)


def test_ingest_waits_while_there_is_no_space_for_data(
    small_disk, kafka_topics, distribution_server, tmp_path
):
    with (
        distribution_server(data=small_disk / "data") as server,
        flow_on(server, kafka_topics, tmp_path / "log") as (flow, source),
    ):
        with ballast(small_disk):
            told = "No space left on device"
            flow.wait_for(lambda: flow.says("ingest", told) > 3, SECONDS, "ingest was not refused")
            waiting = source.sent[-1]
            flow.wait_for(lambda: source.sent[-1] != waiting, 10, "nothing comes in")
            assert flow.lag() > 0
        end(flow, source)


def test_ingest_waits_while_there_is_no_space_for_the_log_of_the_database(
    small_disk, kafka_topics, distribution_server, tmp_path
):
    with (
        distribution_server(wal=small_disk / "wal") as server,
        flow_on(server, kafka_topics, tmp_path / "log") as (flow, source),
    ):
        with ballast(small_disk):
            flow.wait_for(lambda: "PANIC" in server.log(), SECONDS, "the log found space")
            waits = flow.waits()
            flow.wait_for(lambda: flow.waits() > waits + 3, SECONDS, "nobody waits")
            assert flow.lag() > 0
        if not server.runs():
            server.start()
        end(flow, source)
