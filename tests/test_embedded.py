"""The folder of `quadrupel up` is that of one at a time."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from quadrupel.core.errors import SettingRefused
from quadrupel.embedded import held, server

HOLD = """
import sys, time
from pathlib import Path
from quadrupel.embedded import held, server
with {}(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that has the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD.format("held"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_in_use_is_refused_with_who_uses_it_until_that_is_killed(other, tmp_path):
    for _ in range(2):
        with pytest.raises(SettingRefused, match=rf"pid {other.pid}\).*--data-dir"), held(tmp_path):
            pass
    other.send_signal(signal.SIGKILL)
    other.wait()
    with held(tmp_path):
        pass


def test_a_folder_that_was_given_back_is_had_again(tmp_path):
    for _ in range(2):
        with held(tmp_path / "new" / "folder"):
            pass


def test_a_server_that_outlived_who_ran_it_is_used_and_stopped_by_the_next():
    with tempfile.TemporaryDirectory(prefix="quadrupel-embedded-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server of root is another user's
        command = [sys.executable, "-c", HOLD.format("server"), name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout.readline() == "held\n"
            killed.kill()
        running = folder / "postgres" / "postmaster.pid"
        before = running.read_text().split()[0]
        with server(folder) as url, psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert running.read_text().split()[0] == before
        assert not running.exists()
