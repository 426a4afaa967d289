"""A real `quadrupel up`: every process, an embedded PostgreSQL, the bus in it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from quadrupel.portal import free_port
from tests.folders import in_memory

START_SECONDS = 120.0


class Up:
    """Runs from `start` to `stop`. `settings` are those of its environment, by name."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        # Not tmp_path: the embedded server may run as a user who cannot enter it.
        self.folder = Path(tempfile.mkdtemp(prefix="quadrupel-up-", dir=in_memory()))
        self.folder.chmod(0o755)
        self.port = free_port(0)
        self.page_port = free_port(0)
        self._arguments = ["up", "--page-port", str(self.page_port), *arguments]
        given = {"data_dir": str(self.folder / "data"), "api_port": str(self.port), **settings}
        kept = {name: value for name, value in os.environ.items() if "QUADRUPEL" not in name}
        self._environment = kept | {f"QUADRUPEL_{key.upper()}": given[key] for key in given}
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.page_port}"

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "quadrupel", *self._arguments],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait(self.is_ready, START_SECONDS)

    def stop(self) -> int:
        """Stop it as Ctrl-C does; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(60)
        shutil.rmtree(self.folder)
        return code

    def run(self, *command: str) -> str:
        """What another command prints that runs with the same settings."""
        done = subprocess.run(
            [sys.executable, "-m", "quadrupel", *command],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def is_ready(self) -> bool:
        try:
            # Without `verify=False` each look reads all certificates of the machine.
            return httpx.get(f"{self.api}/readyz", verify=False).is_success
        except httpx.TransportError:
            return False

    def api_processes(self) -> list[psutil.Process]:
        """The processes of the API, the one that leads them first."""
        assert self._process is not None
        children = psutil.Process(self._process.pid).children()
        [leader] = [each for each in children if "api" in each.cmdline()]
        return [leader, *leader.children(recursive=True)]

    @contextmanager
    def api_stands_still(self) -> Iterator[None]:
        """The API is there and answers nothing, as long as the block."""
        stopped = self.api_processes()
        for each in stopped:
            each.suspend()
        try:
            yield
        finally:
            for each in stopped:
                each.resume()

    def wait(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen in time:\n{self.said}"
            time.sleep(0.1)
