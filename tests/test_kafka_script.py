"""scripts/kafka.py as other programs use it: started as a process, and never left behind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from quadrupel.bus.kafka import KafkaBus
from quadrupel.core.ports import Topic

SCRIPT = Path(__file__).parents[1] / "scripts" / "kafka.py"


@contextmanager
def running() -> Iterator[tuple["subprocess.Popen[str]", str, psutil.Process, Path]]:
    """The script, the address it tells, the broker it runs and where that keeps its data."""
    command = [sys.executable, str(SCRIPT), "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment()) as script:
        assert script.stdout is not None
        bootstrap = json.loads(script.stdout.readline())["bootstrap"]
        children = psutil.Process(script.pid).children()
        [broker] = [child for child in children if child.name() == "java"]
        yield script, bootstrap, broker, Path(broker.cmdline()[-1]).parent


def environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if name != "QUADRUPEL_KAFKA_BOOTSTRAP"
    }


def assert_gone(broker: psutil.Process, directory: Path) -> None:
    deadline = time.monotonic() + 15
    while (broker.is_running() or directory.exists()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not broker.is_running()
    assert not directory.exists()


@pytest.mark.kafka
def test_it_tells_its_address_and_stops_when_its_starter_closes_the_pipe() -> None:
    with running() as (script, bootstrap, broker, directory):
        assert directory.is_dir()
        assert KafkaBus(bootstrap).admin().create([Topic("topic", 1)]) == ["topic"]
        script.communicate()
        assert script.returncode == 0
    assert_gone(broker, directory)


@pytest.mark.kafka
def test_the_broker_and_its_data_go_when_the_script_is_killed() -> None:
    with running() as (script, _, broker, directory):
        script.kill()
        script.wait()
    assert_gone(broker, directory)


def test_a_machine_without_java_is_told_what_to_install(
    kafka_script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert "install a Java runtime, version 17 or later" in kafka_script.lacking()
    with pytest.raises(kafka_script.CannotRun, match="there is no `java`"):
        kafka_script.Broker()


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_292", "nonsense"])
def test_an_old_java_is_told_apart_from_none(
    kafka_script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert "too old" in kafka_script.lacking()
