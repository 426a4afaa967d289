import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quadrupel import machine, telemetry
from quadrupel.config import read_settings
from quadrupel.core.errors import SettingRefused
from quadrupel.supervisor import Child, Supervisor

CLOSED = "postgresql://postgres@127.0.0.1:9/x"


@pytest.fixture
def environment(tmp_path):
    kept = {name: value for name, value in os.environ.items() if "QUADRUPEL" not in name}
    return kept | {"QUADRUPEL_DATA_DIR": str(tmp_path)}


def wait_for(done, seconds=20):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_child_that_refuses_its_settings_ends_it_all(environment, tmp_path):
    supervisor = Supervisor([Child("bus", ["bus", "lag"])], environment, tmp_path / "log")
    supervisor.start()
    with pytest.raises(SettingRefused, match="bus refuses to run"):
        wait_for(lambda: supervisor.check())
    assert "QUADRUPEL_DATABASE_URL is not set" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("ran", "pause"), [(0, 0.75), (61, 0.37)])
def test_a_child_that_fails_is_started_again_after_a_pause(environment, tmp_path, ran, pause):
    """A longer one the second time, unless it ran for a minute."""
    away = environment | {"QUADRUPEL_DATABASE_URL": CLOSED}
    child = Child("db", ["db", "migrate"], failures=1)
    supervisor = Supervisor([child], away, tmp_path / "log")
    supervisor.start()
    first = supervisor.pids()
    child.started_at -= ran
    looked = 0.0

    def died():
        nonlocal looked
        looked = time.monotonic()
        supervisor.check()
        return child.process is None

    def started_again():
        supervisor.check()
        return supervisor.pids() and supervisor.pids() != first

    wait_for(died)
    wait_for(started_again)
    assert pause <= child.started_at - looked
    assert child.failures == (1 if ran else 2)
    supervisor.stop()
    assert supervisor.pids() == {}


SUPERVISE = """
import os, sys, time
from quadrupel.supervisor import Child, Supervisor
from quadrupel.telemetry import configure_logs
configure_logs("json", "error")
supervisor = Supervisor([Child("schedule", ["schedule"])], os.environ)
supervisor.start()
print(supervisor.pids()["schedule"], flush=True)
time.sleep(60)
"""


def test_children_end_when_their_supervisor_is_killed(environment, migrated_url):
    child_environment = environment | {"QUADRUPEL_DATABASE_URL": migrated_url}
    setup = [sys.executable, "-m", "quadrupel"]
    for command in (("profile", "apply"), ("bus", "create")):
        subprocess.run([*setup, *command], env=child_environment, check=True, capture_output=True)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE],
        env=child_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    child = int(supervisor.stdout.readline())
    time.sleep(3)
    os.kill(child, 0)
    supervisor.kill()
    supervisor.communicate()
    wait_for(lambda: not alive(child))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


LOOKS = """
from quadrupel.supervisor import stop_on_signals
stop = stop_on_signals()
print("looks", flush=True)
while not stop.wait(0):
    pass
"""


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGINT] * 20])
def test_a_process_ends_wherever_signals_interrupt_it(environment, signals):
    command = [sys.executable, "-c", LOOKS]
    options = {"env": environment, "stdout": subprocess.PIPE, "text": True}
    for _ in range(5):
        with subprocess.Popen(command, **options) as process:
            try:
                assert process.stdout.readline() == "looks\n"
                for each in signals:
                    process.send_signal(each)
                assert process.wait(20) == 0
            finally:
                process.kill()


HANGS = """
import threading
from quadrupel.supervisor import end_in_time, stop_on_signals
stop = stop_on_signals()
end_in_time(stop, 0.5)
print("hangs", flush=True)
while True:
    threading.Event().wait(0.1)
"""


def test_a_process_that_hangs_ends_some_seconds_after_it_was_asked_to(environment):
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "hangs\n"
    time.sleep(1.0)
    assert process.poll() is None
    process.terminate()
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "something did not answer in time" in said


def test_each_process_of_one_machine_has_a_metrics_port_of_its_own():
    children = machine.children(read_settings(metrics_port=9100))
    ports = [child.arguments[-1] for child in children]
    assert ports == ["9100", "9101", "9102", "9103", "9104", "9105", "9106"]
    assert children[-1].name == "api"
    without = machine.children(read_settings(metrics_port=0))
    assert {child.arguments[-1] for child in without} == {"0"}


def test_a_metrics_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        with pytest.raises(SettingRefused, match="QUADRUPEL_METRICS_PORT"):
            telemetry.serve_metrics(taken.getsockname()[1])
