"""The README's first rule, followed literally: every block of it is run."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

CHECKOUT = Path(__file__).parents[2]
TITLE = "You may learn to drive"

BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SETS_UP = re.compile(r"^(make install|source .*)\n", re.MULTILINE)


def first_rule() -> str:
    readme = (CHECKOUT / "README.md").read_text()
    return readme.partition("## A first rule in five minutes")[2].partition("\n## ")[0]


def blocks(language: str) -> list[str]:
    """The code blocks of the section in a language, in order."""
    found = BLOCK.findall(first_rule())
    return [textwrap.dedent(code) for name, code in found if name == language]


class Terminal:
    """A checkout of nothing but its rules, and the settings that keep it apart."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "QUADRUPEL_DATA_DIR": str(folder / "data"),
            "QUADRUPEL_API_PORT": str(self.port),
        }

    def popen(self, script: str, **options: object) -> "subprocess.Popen[str]":
        """Start a block as bash would, in an environment that is set up already."""
        script = SETS_UP.sub("", script).replace(":8080", f":{self.port}")
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            text=True,
            **options,
        )

    def run(self, script: str) -> str:
        process = self.popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, f"{script}\n{out}\n{err}"
        return out


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    # Not tmp_path: the embedded server may run as a user who cannot enter it.
    folder = Path(tempfile.mkdtemp(prefix="quadrupel-readme-", dir="/tmp"))
    folder.chmod(0o755)
    shutil.copytree(CHECKOUT / "rules", folder / "rules")
    yield Terminal(folder)
    shutil.rmtree(folder)


@pytest.fixture
def background(terminal) -> Iterator[Callable[[str], None]]:
    """Runs a block in a second terminal until the test ends."""
    started = []

    def start(script: str) -> None:
        started.append(terminal.popen(f"exec {SETS_UP.sub('', script)}", start_new_session=True))

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        # Without `verify=False` each look reads all certificates of the machine.
        return httpx.get(url, verify=False).is_success
    except httpx.TransportError:
        return False


@pytest.mark.curl
@pytest.mark.slow
def test_a_first_rule_works_as_the_readme_tells_it(terminal, background):
    (script,) = blocks("python")
    (path,) = re.findall(r"Save this as `(\S+)`", first_rule())
    (terminal.folder / path).write_text(script)
    check, up, report, look, licence = blocks("sh")

    told = terminal.run(f"exec 2>&1\n{check}")
    assert "5 examples: all as expected" in told
    assert "warning" not in told
    background(up)
    until(lambda: answers(f"http://127.0.0.1:{terminal.port}/readyz"))
    terminal.run(report)
    until(lambda: TITLE in terminal.run(look))
    until(lambda: TITLE not in terminal.run(look.partition("\n")[0] + "\n" + licence))
