"""Citizens who read their banners all the time from real processes of the API, and notice all."""

import asyncio
import contextlib
import email.parser
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import httpx
import psutil
import psycopg
from psycopg.types.json import Jsonb

from quadrupel import portal
from quadrupel.portal import Identity

from .nest import wait_for

PATH = "/v1/me/banners"
SECONDS = 120

SAVE = """
    INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at, rule_set,
        banners, updated_at)
    SELECT 'u' || n, n, 1, '2026-11-23', now(), 'r', %s, now() FROM generate_series(1, %s) AS n
"""
BANNER = "fines_repeated", {}, "2026"


def publish(database_url: str, users: int) -> None:
    """Banner sets of users u1, u2, ...: one banner, and that of `u7` has version 7."""
    with psycopg.connect(database_url) as connection:
        connection.execute(SAVE, (Jsonb([list(BANNER)]), users))


async def ask_once(
    port: int, path: str, headers: Mapping[str, str]
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of an answer, over a connection of its own and nothing in between.

    Raises OSError, ValueError or TimeoutError where there is none.
    """
    lines = [f"GET {path} HTTP/1.1", "Host: api", "Connection: close"]
    lines += [f"{name}: {each}" for name, each in headers.items()]
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode())
            answer = await reader.read()
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, rest = head.decode().partition("\r\n")
    told = email.parser.HeaderParser().parsestr(rest)
    if not line:
        raise ValueError("the connection ended before an answer")
    return int(line.split()[1]), {name.lower(): each for name, each in told.items()}, body


@dataclass
class Api:
    """`quadrupel api` in processes of its own. `settings` are of the environment."""

    settings: Mapping[str, str]
    workers: int = 2
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("QUADRUPEL_")}
        command = [sys.executable, "-m", "quadrupel", "api", "--workers", str(self.workers)]
        with contextlib.ExitStack() as stack:
            said = stack.enter_context(self.log.open("ab")) if self.log else None
            self.process = subprocess.Popen(command, env=inherited | self.settings, stderr=said)
        try:
            wait_for(self.listens, SECONDS)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def listens(self) -> bool:
        """Whether all of its workers do, of whom others on the port tell nothing."""
        assert self.process is not None
        assert self.process.poll() is None, "the API ended"
        found = 0
        for worker in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                sockets = worker.net_connections("tcp")
                found += any(each.status == psutil.CONN_LISTEN for each in sockets)
        return found == self.workers

    def stop(self) -> float:
        """Stop it as a supervisor does; how many seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS) == 0
        return time.monotonic() - began

    def kill(self) -> None:
        """End it, if it did not."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@dataclass
class Read:
    """An answer to a citizen: at which time it was there, and how long it took."""

    at: float
    seconds: float
    status: int
    age: int | None


@dataclass
class Crowd:
    """Citizens at a port. Half of them keep their connection, half connect for every read.

    An answer other than 200 with the version of the citizen is a failure, as is none.
    """

    port: int
    identity: Identity
    citizens: int = 20
    pause: float = 0.02
    reads: list[Read] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    connections_ended: int = 0
    _tokens: dict[int, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._end = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._read_all(),))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def since(self, at: float) -> list[Read]:
        """The reads that were answered since then."""
        return [each for each in list(self.reads) if each.at >= at]

    def wait_for_more(self, count: int = 200) -> None:
        """Return when so many reads more were answered."""
        wanted = len(self.reads) + count
        wait_for(lambda: len(self.reads) >= wanted or bool(self.failures), SECONDS)

    async def _read_all(self) -> None:
        kinds = (self._keeps_its_connection, self._connects_anew)
        async with asyncio.TaskGroup() as group:
            for number in range(1, self.citizens + 1):
                group.create_task(kinds[number % 2](number))

    async def _keeps_its_connection(self, number: int) -> None:
        limits = httpx.Limits(max_connections=1, keepalive_expiry=SECONDS)
        base = f"http://127.0.0.1:{self.port}"
        async with httpx.AsyncClient(
            base_url=base, limits=limits, timeout=20, trust_env=False
        ) as client:
            while not self._end.is_set():
                began = time.monotonic()
                try:
                    answer = await client.get(PATH, headers=self._own(number))
                except httpx.HTTPError as error:
                    self.failures.append(f"kept: {error!r}")
                else:
                    self.connections_ended += answer.headers.get("connection") == "close"
                    self._note(number, began, answer.status_code, answer.headers, answer.content)
                await asyncio.sleep(self.pause)

    async def _connects_anew(self, number: int) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            try:
                status, headers, body = await ask_once(self.port, PATH, self._own(number))
            except (OSError, ValueError, TimeoutError) as error:
                self.failures.append(f"anew: {error!r}")
            else:
                self._note(number, began, status, headers, body)
            await asyncio.sleep(self.pause)

    def _own(self, number: int) -> dict[str, str]:
        if number not in self._tokens:
            self._tokens[number] = self.identity.token(f"u{number}", datetime.now(UTC))
        return {"authorization": f"Bearer {self._tokens[number]}"}

    def _note(
        self, number: int, began: float, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        now = time.monotonic()
        age = headers.get("age")
        self.reads.append(Read(now, now - began, status, None if age is None else int(age)))
        if status != 200 or json.loads(body)["version"] != number:
            self.failures.append(f"{status}: {body[:300]!r}")


@contextlib.contextmanager
def front_door(
    folder: Path, database_url: str, **settings: str
) -> Iterator[tuple[dict[str, str], Identity]]:
    """What the API needs of the environment, on a free port, and the citizens' login."""
    identity = portal.create_identity(folder)
    yield (
        {
            "QUADRUPEL_DATABASE_URL": database_url,
            "QUADRUPEL_JWT_KEYS": str(identity.public_file),
            "QUADRUPEL_JWT_ISSUER": portal.ISSUER,
            "QUADRUPEL_API_PORT": str(portal.free_port(0)),
            "QUADRUPEL_API_USER_RATE": "0",  # they read far more than citizens do
            **settings,
        },
        identity,
    )
