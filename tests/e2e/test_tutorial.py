"""The analyst's tutorial, followed literally: every command is run, every output it shows appears.

A block of `sh` is typed into one shell, so that what it sets stays; one that says `quadrupel up`
goes to a second terminal. A block of `python` is saved under the path that the text names before
it. Every line of a block of `text` is in what the last commands printed.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

CHECKOUT = Path(__file__).parents[2]
TUTORIAL = CHECKOUT / "docs" / "tutorial" / "first-rule.md"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`(rules/\S+\.py)`")
SETS_UP = re.compile(r"^(make install|source .*)\n", re.MULTILINE)
WAIT = 60.0
END = "-- the end of what was typed --"


class Reader:
    """Somebody at two terminals in a checkout that has nothing but its rules."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.typed = self.printed = ""
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "QUADRUPEL_DATA_DIR": str(folder / "data"),
            "QUADRUPEL_API_PORT": str(self.port),
        }
        self.shell = self._open("bash", "-euo", "pipefail", "-s")
        self.up = None

    def type(self, block):
        """Type a block, and wait for what it prints."""
        self.typed = SETS_UP.sub("", block).replace(":8080", f":{self.port}")
        if self.typed.strip() == "quadrupel up":
            self.up = self._open("quadrupel", "up")
            self._until(self._is_ready)
            return
        self.shell.stdin.write(f"{self.typed}\necho\necho {END}\n")
        self.shell.stdin.flush()
        self.printed = ""
        while (line := self.shell.stdout.readline()) not in ("", f"{END}\n"):
            self.printed += line
        assert line, f"{self.typed}\n{self.printed}"

    def sees(self, lines):
        """Look at what the last commands printed until it has these lines."""

        def appeared():
            if self._missing(lines):
                self.type(self.typed[self.typed.index("curl") :])
            return not self._missing(lines)

        if "curl" in self.typed:
            self._until(appeared)
        assert self._missing(lines) == [], self.printed

    def stop(self):
        """Close the first terminal, and end what runs in the second one, as Ctrl-C does."""
        self.shell.stdin.close()
        self.shell.wait(60)
        self.shell.stdout.close()
        if self.up is not None:
            self.up.send_signal(signal.SIGINT)
            self.up.communicate(timeout=60)
            assert self.up.returncode == 0

    def _missing(self, lines):
        return [line for line in lines if line not in self.printed]

    def _open(self, *command):
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if command[0] == "bash" else None,
            stderr=subprocess.STDOUT if command[0] == "bash" else None,
        )

    def _is_ready(self):
        try:
            # Without `verify=False` each look reads all certificates of the machine.
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", verify=False).is_success
        except httpx.TransportError:
            return False

    def _until(self, condition):
        deadline = time.monotonic() + WAIT
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen in time\n{self.printed}"
            time.sleep(0.3)


@pytest.fixture
def reader():
    # Not tmp_path: the embedded server may run as a user who cannot enter it.
    folder = Path(tempfile.mkdtemp(prefix="quadrupel-tutorial-", dir="/tmp"))
    folder.chmod(0o755)
    shutil.copytree(CHECKOUT / "rules", folder / "rules")
    reader = Reader(folder)
    yield reader
    reader.stop()
    shutil.rmtree(folder)


@pytest.mark.curl
@pytest.mark.slow
def test_the_tutorial_leads_to_a_banner(reader):
    text = TUTORIAL.read_text()
    for block in BLOCK.finditer(text):
        language, code = block.groups()
        match language:
            case "sh":
                reader.type(code)
            case "text":
                reader.sees(code.splitlines())
            case "python":
                path = PATH.findall(text[: block.start()])[-1]
                (reader.folder / path).write_text(code)
            case _:
                pytest.fail(f"nobody types a block of {language}")
    assert (reader.folder / "handbook" / "transport.html").exists()


def test_the_tutorial_takes_ten_minutes_to_read():
    words = len(BLOCK.sub("", TUTORIAL.read_text()).split())
    assert words < 10 * 120, "an unhurried reader of a text that is not simple: 120 words a minute"


def test_every_file_the_tutorial_links_to_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", TUTORIAL.read_text())
    assert [link for link in links if not (TUTORIAL.parent / link).exists()] == []
