"""Metrics of several processes, served as one: real processes, a real port."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from quadrupel.core.errors import SettingRefused
from quadrupel.portal import free_port
from quadrupel.worker_metrics import VARIABLE, serve_metrics_of_workers

WORKER = """
import sys
from quadrupel import telemetry
telemetry.READS_REFUSED.inc(int(sys.argv[1]))
telemetry.RATE_LIMITED.labels("citizen").inc()
telemetry.STREAMS.set(int(sys.argv[2]))
telemetry.API_REPLICA_BEHIND_SECONDS.set(int(sys.argv[2]))
print("counted", flush=True)
sys.stdin.read()
"""


def worker(refused: int, streams: int) -> subprocess.Popen:
    """A process that has counted so much."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(refused), str(streams)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "counted\n"
    return process


def end(process: subprocess.Popen) -> None:
    process.communicate(timeout=30)


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port(0)
    with serve_metrics_of_workers(port):
        yield port


def told(port: int) -> dict[str, float]:
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    values = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in values}


def test_the_numbers_of_all_workers_are_added_up(port: int) -> None:
    workers = [worker(2, 10), worker(3, 30)]
    found = told(port)
    assert found["quadrupel_banner_reads_refused_total"] == 5
    assert found['quadrupel_rate_limited_total{who="citizen"}'] == 2
    assert found["quadrupel_banner_streams"] == 40
    assert found["quadrupel_api_replica_behind_seconds"] == 30
    for each in workers:
        end(each)


def test_what_a_worker_counted_stays_and_what_it_had_goes_with_it(port: int) -> None:
    gone, stays = worker(2, 10), worker(3, 30)
    end(gone)
    found = told(port)
    assert found["quadrupel_banner_reads_refused_total"] == 5
    assert found["quadrupel_banner_streams"] == 30
    end(stays)


def test_gauges_of_stages_are_not_among_them(port: int) -> None:
    process = worker(1, 1)
    assert not [name for name in told(port) if "pid=" in name or name == "quadrupel_rules_held"]
    end(process)


def test_there_is_nothing_to_tell_before_a_worker_is_there(port: int) -> None:
    assert told(port) == {}


def test_nothing_is_served_unless_it_is_asked_for() -> None:
    with serve_metrics_of_workers(0):
        assert VARIABLE not in os.environ


def test_afterwards_nothing_is_left(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    port = free_port(0)
    with serve_metrics_of_workers(port):
        assert list(tmp_path.iterdir())
    assert VARIABLE not in os.environ
    assert not list(tmp_path.iterdir())
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingRefused, match=f"QUADRUPEL_METRICS_PORT.* {port}"),
            serve_metrics_of_workers(port),
        ):
            pass
