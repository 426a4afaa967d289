"""Starts workers that may have a fate, and tells what became of them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from quadrupel.config import Settings

from .worker import LOG, RECORD, Orders


@dataclass(slots=True)
class Worker:
    """A process that the nest started."""

    pid: int
    orders: Orders

    def is_alive(self) -> bool:
        """Whether the process is there, stopped or not."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def notes(self) -> list[str]:
        """What it wrote into the record: points, batches, errors, that it left."""
        path = Path(self.orders.folder, RECORD)
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split()[1] for line in lines if line.startswith(f"{self.pid} ")]

    def last_words(self) -> str:
        """The end of the log of all workers of its folder."""
        path = Path(self.orders.folder, LOG)
        return path.read_text()[-3000:] if path.exists() else ""


class Nest:
    """Starts workers at once: forks of a process that imported everything before."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, orders: Orders) -> Worker:
        """A new worker."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        stdin.flush()
        return Worker(int(stdout.readline()), orders)


@contextlib.contextmanager
def ended(workers: list[Worker], seconds: float = 30.0) -> Iterator[None]:
    """Ask the workers to leave at the end of the block, and wait; kill what does not."""
    try:
        yield
        for worker in workers:
            worker.send(signal.SIGTERM)
        wait_for(lambda: not any(worker.is_alive() for worker in workers), seconds)
    finally:
        for worker in workers:
            worker.send(signal.SIGKILL)


def orders_for(settings: Settings, folder: Path, **others: Any) -> Orders:
    """Orders of a worker in a flow."""
    named = settings.model_dump(mode="json", exclude_unset=True)
    return Orders(str(folder), named, **others)


def wait_for(done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)
