"""Real processes of the API and of stages, with a real database and the bus in it."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import LiteralString

import httpx
import psycopg

from quadrupel import bootstrap, portal
from quadrupel.bus import codec
from quadrupel.config import Settings, read_settings
from quadrupel.core.ports import Producer
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.store.banner_news import APPLICATION


@dataclass
class Processes:
    """API processes, a publisher, and the bus between; `rule` has a banner that shows no values."""

    settings: Settings
    environment: dict[str, str]
    identity: portal.Identity
    producer: Producer
    rule: str
    started: list[subprocess.Popen] = field(default_factory=list)

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "quadrupel", *arguments]
        process = subprocess.Popen(command, env=self.environment | settings)
        self.started.append(process)
        return process

    @contextlib.contextmanager
    def api(
        self, *arguments: str, **settings: str
    ) -> Iterator[tuple[subprocess.Popen, httpx.Client]]:
        """A process of the API, and a client of it."""
        port = portal.free_port(0)
        process = self.start("api", *arguments, QUADRUPEL_API_PORT=str(port), **settings)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            until(lambda: client.get("/readyz").is_success)
            yield process, client

    def bearer(self, user: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.identity.token(user, datetime.now(UTC))}"}

    def publish(self, user: str, version: int) -> None:
        """Hand a verdict to the publisher, that changes the banner set to this version."""
        match = RuleMatch(self.rule, values={"version": str(version)})
        day, now = date(2026, 11, 23), datetime.now(UTC)
        evaluation = Evaluation(user, version, day, now, "set", (match,))
        self.producer.publish([codec.verdicts(evaluation)])

    def listening(self) -> int:
        """How many processes listen for what is new."""
        return self._connections("count(*)")

    def cut(self) -> int:
        """End the connections over which they listen; how many there were."""
        return self._connections("count(pg_terminate_backend(pid))")

    def _connections(self, what: LiteralString) -> int:
        with psycopg.connect(self.settings.database, autocommit=True) as connection:
            [[count]] = connection.execute(
                "SELECT " + what + " FROM pg_stat_activity"
                " WHERE application_name = %s AND datname = current_database()",
                [APPLICATION],
            ).fetchall()
        return count


@contextlib.contextmanager
def ready(database_url: str, folder: Path) -> Iterator[Processes]:
    """What processes need in a new database; those that were started end with the block."""
    settings = read_settings(database_url=database_url)
    bootstrap.set_up(settings)
    identity = portal.create_identity(folder)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("QUADRUPEL_")}
    environment = inherited | {
        "QUADRUPEL_DATABASE_URL": database_url,
        "QUADRUPEL_JWT_KEYS": str(identity.public_file),
        "QUADRUPEL_JWT_ISSUER": portal.ISSUER,
    }
    rules = bootstrap.load_rules(settings).rules.values()
    rule = next(each.id for each in rules if each.banner and not each.shown)
    with contextlib.closing(bootstrap.open_bus(settings).producer()) as producer:
        made = Processes(settings, environment, identity, producer, rule)
        try:
            yield made
        finally:
            for each in made.started:
                each.terminate()
            for each in made.started:
                each.wait(60)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return
        time.sleep(0.05)
    raise TimeoutError
