"""A server of the distribution's own PostgreSQL, for tests that break or replace it."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from .folders import in_memory


class Postgres:
    """A server of the distribution's PostgreSQL on one port, whose data outlive every stop."""

    def __init__(self, folder: Path, data: Path, wal: Path) -> None:
        self._binaries = min(Path("/usr/lib/postgresql").glob("*/bin/initdb")).parent
        self._folder, self._data = folder, data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        if os.geteuid() == 0:
            for parent in (folder, data.parent, wal.parent):
                shutil.chown(parent, "postgres")
        # The smallest segments of WAL: so that a disk that is full is noticed at once.
        place = ["--waldir", wal, "--wal-segsize=1"]
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", *place)

    def start(self) -> None:
        """Start it; return when it takes connections."""
        limits = "-c fsync=off -c shared_buffers=32MB -c min_wal_size=2MB -c max_wal_size=8MB"
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder} {limits}"
        self._run("pg_ctl", "-w", "-l", self._folder / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; by default as a crash does, and without a word to clients."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def runs(self) -> bool:
        """Whether there is a server process, whatever it does."""
        return self._call("pg_ctl", "status").returncode == 0

    def cut(self) -> int:
        """End every connection but the one that asks; return how many there were."""
        query = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"""
        return int(self.ask(query)[0][0])

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, over a connection of its own."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(query, values).fetchall()

    def log(self) -> str:
        """What the server wrote into its log."""
        return (self._folder / "log").read_text(errors="replace")

    def _run(self, program: str, *arguments: object) -> None:
        done = self._call(program, *arguments)
        assert done.returncode == 0, f"{program}: {done.stderr!r}"

    def _call(self, program: str, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_user, self._binaries / program, "-D", self._data, *arguments]
        # The server keeps what it inherits: it gets no pipe that somebody reads to its end.
        with (self._folder / "said").open("w+b") as said:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, cwd="/",
                check=False,
            )  # fmt: skip
            said.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, b"", said.read())


@contextlib.contextmanager
def postgres(data: Path | None = None, wal: Path | None = None) -> Iterator[Postgres]:
    """A running server, its data or its WAL in new folders of these names; stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="quadrupel-faults-", dir=in_memory()))
    try:
        server = Postgres(folder, data or folder / "data", wal or folder / "wal")
        server.start()
        try:
            yield server
        finally:
            if server.runs():
                server.stop()
    finally:
        shutil.rmtree(folder)
