"""Faults: what ingest is put through on a real broker and a real database."""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from quadrupel.config import migrations_folder

from .flow import Flow, open_flow, settings_for
from .nest import Nest

SEED_SETTING = "FAULTS_SEED"
"""Names the seed of an earlier run, to have its stream and its kills again."""


@pytest.fixture
def seed() -> int:
    """What chance comes from; printed, so a failure shows it."""
    number = int(os.environ.get(SEED_SETTING) or random.SystemRandom().randrange(10**6))
    print(f"{SEED_SETTING}={number}")  # noqa: T201 - it belongs into the report of a failure
    return number


@pytest.fixture(scope="session")
def declaration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped declaration of profiles without the rules, which ingest does not ask."""
    folder = tmp_path_factory.mktemp("rules")
    shipped = migrations_folder().parent / "rules"
    for name in ("profile.py", "placements.py"):
        shutil.copy(shipped / name, folder)
    return folder


@pytest.fixture(scope="module")
def nest() -> Iterator[Nest]:
    """Starts workers."""
    with Nest() as nest:
        yield nest


@pytest.fixture
def kafka_flow(
    migrated_url: str, kafka_topics: str, declaration: Path, tmp_path: Path
) -> Iterator[Flow]:
    """A flow on Kafka."""
    settings = settings_for(migrated_url, declaration, kafka_bootstrap=kafka_topics)
    with open_flow(settings, tmp_path) as flow:
        yield flow


@pytest.fixture
def postgres_flow(migrated_url: str, declaration: Path, tmp_path: Path) -> Iterator[Flow]:
    """A flow on the Postgres bus."""
    with open_flow(settings_for(migrated_url, declaration), tmp_path) as flow:
        yield flow


@pytest.fixture
def broker(kafka_script: ModuleType) -> Iterator[Any]:
    """A broker that a test may stop and start."""
    with kafka_script.Broker() as broker:
        yield broker


@pytest.fixture
def database(distribution_server: Any) -> Iterator[Any]:
    """A database that a test may stop and start."""
    with distribution_server() as server:
        yield server
