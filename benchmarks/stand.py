"""What a benchmark of whole stages stands on: a real broker, a real database, real processes.

Postgres is the embedded server as `quadrupel up` runs it, durable (fsync and synchronous_commit are
on), with the few settings that docs/how-to/run-in-production.md asks of any server.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import psutil
import psycopg

from quadrupel import bootstrap
from quadrupel.config import Settings, read_settings
from quadrupel.embedded import server
from quadrupel.supervisor import PARENT_VARIABLE

ROOT = Path(__file__).parents[1]
SERVER_SETTINGS = {
    "shared_buffers": f"{psutil.virtual_memory().total // 4 // 1024**2}MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
}


@dataclass(frozen=True)
class Stand:
    """A broker and a database with all tables, columns and topics, for as long as a block."""

    settings: Settings
    broker_pid: int | None

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | {
            "QUADRUPEL_DATABASE_URL": self.settings.database,
            "QUADRUPEL_KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap or "",
            "QUADRUPEL_RULES": str(ROOT / "rules"),
            "QUADRUPEL_PARTITIONS": str(self.settings.partitions),
            "QUADRUPEL_LOG_LEVEL": "warning",
            PARENT_VARIABLE: str(os.getpid()),  # a benchmark that is killed leaves nobody behind
            **more,
        }

    @contextlib.contextmanager
    def running(self, *commands: Sequence[str], **environment: str) -> Iterator[list[int]]:
        """Processes of `quadrupel`, stopped at the end of the block; gives their ids."""
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "quadrupel", *command], env=self.environment(**environment)
            )
            for command in commands
        ]
        try:
            yield [process.pid for process in processes]
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(60)

    def postgres_pids(self) -> list[int]:
        with psycopg.connect(self.settings.database) as connection:
            [[folder]] = connection.execute("SHOW data_directory").fetchall()
        postmaster = int((Path(folder) / "postmaster.pid").read_text().split()[0])
        return [postmaster]


@contextlib.contextmanager
def stand(*, kafka: bool = True, partitions: int = 6) -> Iterator[Stand]:
    """Start everything, with the rules and the profile declaration that are shipped."""
    folder = Path(tempfile.mkdtemp(prefix="quadrupel-bench-", dir="/tmp"))
    try:
        with contextlib.ExitStack() as stack:
            with server(folder) as url:
                configure(url)
            url = stack.enter_context(server(folder))
            broker = stack.enter_context(kafka_script().Broker()) if kafka else None
            settings = read_settings(
                database_url=url,
                kafka_bootstrap=broker.bootstrap if broker else None,
                rules=ROOT / "rules",
                partitions=partitions,
            )
            bootstrap.set_up(settings)
            yield Stand(settings, broker.pid if broker else None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def configure(url: str) -> None:
    """Write the settings, by which the server goes from its next start on."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in SERVER_SETTINGS.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")


def kafka_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kafka_script", ROOT / "scripts" / "kafka.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class CpuClock:
    """CPU seconds by name, of processes and all that they start, since it was made."""

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        self._pids = pids
        self._since = self._used()

    def seconds(self) -> dict[str, float]:
        now = self._used()
        return {name: now[name] - self._since[name] for name in now}

    def _used(self) -> dict[str, float]:
        return {name: sum(map(_family_seconds, pids)) for name, pids in self._pids.items()}


def _family_seconds(pid: int) -> float:
    """Of a process, its present children, and those that have ended."""
    used = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        times = process.cpu_times()
        used += times.user + times.system + times.children_user + times.children_system
        for child in process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                own = child.cpu_times()
                used += own.user + own.system
    return used


def peak_memory(pid: int) -> int:
    """The most memory a process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def wait_until(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask every moment; TimeoutError, which says what did not happen, after so many seconds."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} within {seconds} s")
        time.sleep(0.05)
