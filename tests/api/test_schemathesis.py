"""The whole OpenAPI document against the API as `quadrupel api` runs it, by schemathesis.

Valid and invalid data, all checks, with the credentials of each door: `schemathesis.toml` says how,
`schemathesis_hooks.py` what the document cannot say. The process is a real one, with a real
database and the bus in it. What is tried is the same in every run.
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from psycopg.types.json import Jsonb

from quadrupel import bootstrap
from quadrupel.bus.share import partition_of
from quadrupel.core.profiles import Profile
from quadrupel.core.refusals import MAILINGS
from quadrupel.store import database, keys
from quadrupel.store.profiles import ProfileStore

from .documented import documented_reasons
from .processes import Processes, ready
from .routes import ROUTES, UNSUBSCRIBE_SECRETS, UNSUBSCRIBE_TOKENS

HERE = Path(__file__).parent
CITIZEN = "u0000123456"
"""The user of the document's examples."""

ANY_NUMBER = {"QUADRUPEL_API_USER_RATE": "0", "QUADRUPEL_API_KEY_RATE": "0"}
"""One citizen and one key ask more often than they may."""

LINKS = {
    "QUADRUPEL_UNSUBSCRIBE_URL": "https://api.portal.example",
    "QUADRUPEL_UNSUBSCRIBE_SECRETS": json.dumps(UNSUBSCRIBE_SECRETS),
}
"""E-mails have links."""

SECONDS = 240
"""What a run may take before it is given up."""


@dataclass(frozen=True)
class World:
    """A process of the API with a citizen whom it knows, and what schemathesis is told of them."""

    url: str
    environment: Mapping[str, str]
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")]
        return subprocess.run(
            [sys.executable, *command, "run", f"{self.url}/openapi.json", *arguments],
            env=os.environ | self.environment | {"PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            cwd=self.folder,  # where it leaves what it leaves
            timeout=SECONDS,
            check=False,
        )


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with (
        ready(database_url, tmp_path) as processes,
        processes.api(**ANY_NUMBER, **LINKS) as (_, client),
    ):
        key = processes.identity.key
        private = tmp_path / "private.pem"
        private.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )
        environment = {
            "PYTHONPATH": str(HERE),
            "SERVICE_KEY": know_citizen(processes),
            "CITIZENS_TOKEN": processes.bearer(CITIZEN)["authorization"].removeprefix("Bearer "),
            "CITIZENS_KEY": str(private),
            "BANNER": processes.rule,
            "LINKS_TOKEN": UNSUBSCRIBE_TOKENS.write(CITIZEN, MAILINGS),
        }
        yield World(str(client.base_url).rstrip("/"), environment, tmp_path)


def know_citizen(processes: Processes) -> str:
    """Let there be a profile and a banner of the citizen; returns a key with all scopes.

    No stage runs. The banner set contains every event that comes, so that nobody waits for it.
    """
    settings, now = processes.settings, datetime.now(UTC)
    scopes = {route.door for route in ROUTES.values() if route.column == "systems"}
    schema = bootstrap.load_rules(settings).schema
    banners = Jsonb([[processes.rule, {}, "2026-12-20"]])
    engine = database.open_engine(settings.database)
    with database.transaction(engine) as connection:
        ProfileStore(schema).write(connection, [Profile(CITIZEN)], now)
        connection.exec_driver_sql(
            "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
            " rule_set, banners, updated_at, event_partition, event_offset)"
            " VALUES (%s, 1, 1, '2026-11-23', now(), 'r', %s, now(), %s, %s)",
            (CITIZEN, banners, partition_of(CITIZEN.encode(), settings.partitions), 2**40),
        )
        _, text = keys.create(connection, "schemathesis", sorted(scopes), now)
    engine.dispose()
    return text


def read_report(har: Path) -> list[dict[str, Any]]:
    """What was asked and answered."""
    entries: list[dict[str, Any]] = json.loads(har.read_text())["log"]["entries"]
    return entries


def problems(entries: list[dict[str, Any]]) -> set[tuple[int, str]]:
    """The statuses and reasons of all refusals that have a document (to HEAD there is none)."""
    refused = [each["response"] for each in entries if each["response"]["status"] >= 400]
    documents = [json.loads(each["content"]["text"]) for each in refused if each["content"]["text"]]
    return {(each["status"], each["type"].rpartition(":")[2]) for each in documents}


def answers(entries: list[dict[str, Any]]) -> dict[str, set[int]]:
    """The statuses of all answers, by route."""
    patterns = {
        re.compile(re.sub(r"\\{\w+\\}", "[^/]*", re.escape(route))): route for route in ROUTES
    }
    found: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        asked = f"{entry['request']['method']} {urlsplit(entry['request']['url']).path}"
        for pattern, route in patterns.items():
            if pattern.fullmatch(asked):
                found[route].add(entry["response"]["status"])
    return found


@pytest.mark.slow
def test_all_checks_of_schemathesis_hold_on_the_whole_document(
    world: World, tmp_path: Path
) -> None:
    har = tmp_path / "report.har"
    done = world.run("--report-har-path", str(har))
    assert done.returncode == 0, done.stdout + done.stderr
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout
    entries = read_report(har)
    assert problems(entries) <= documented_reasons()
    assert len(problems(entries)) > 10
    tried = answers(entries)
    for name, route in ROUTES.items():
        if name == "GET /openapi.json":
            continue  # which it reads, and does not try
        assert route.good in tried[name], name
        if route.column is not None:
            assert {401, 422} <= tried[name], name  # so what it was shown and told was looked at
