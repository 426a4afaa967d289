"""The real parts that tests run against: a PostgreSQL server and a Kafka broker, one per run."""

import contextlib
import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from confluent_kafka.admin import AdminClient
from psycopg import sql

from quadrupel import telemetry
from quadrupel.config import migrations_folder
from quadrupel.embedded import server
from quadrupel.store import database, migrations

from . import distribution, standby
from .folders import in_memory

# A failed assertion tells its values in a helper, too.
pytest.register_assert_rewrite(*(f"tests.{each.name}" for each in Path(__file__).parent.glob("*/")))

REQUIRE_ALL = "QUADRUPEL_REQUIRE_ALL"
FILES = 6_000
"""How many files a test may have open that is marked with `files`."""
LEGS_NOT_RUN = pytest.StashKey[dict[str, str]]()


@cache
def _kafka_script() -> ModuleType:
    path = Path(__file__).parents[1] / "scripts" / "kafka.py"
    spec = importlib.util.spec_from_file_location("kafka_script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _lacking_for_kafka() -> str | None:
    script = _kafka_script()
    return None if os.environ.get(script.BOOTSTRAP_SETTING) else script.lacking()


def _lacking_program(name: str) -> str | None:
    return None if shutil.which(name) else f"{name} is not installed"


def _lacking_postgres15() -> str | None:
    found = any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return None if found else "no PostgreSQL server of the distribution is installed"


def _lacking_files() -> str | None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard in (resource.RLIM_INFINITY, max(hard, FILES)):
        return None
    return f"the system allows {hard} open files, not {FILES}"


def _lacking_mount() -> str | None:
    """Try it: what a container may mount does not show otherwise."""
    with tempfile.TemporaryDirectory(prefix="quadrupel-mount-") as folder:
        if shutil.which("mount") is None:
            return "mount is not installed"
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "quadrupel", folder]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            return f"no small disk can be mounted here: {tried.stderr.strip()}"
        subprocess.run(["umount", folder], check=True)
    return None


LEGS: dict[str, tuple[str, Callable[[], str | None]]] = {
    "kafka": ("Kafka", _lacking_for_kafka),
    "postgres15": ("the distribution's PostgreSQL", _lacking_postgres15),
    "mount": ("a small disk", cache(_lacking_mount)),
    "kcat": ("kcat", partial(_lacking_program, "kcat")),
    "curl": ("curl", partial(_lacking_program, "curl")),
    "files": ("very many open files", _lacking_files),
    "browser": ("a browser", partial(_lacking_program, "chromium")),
}
"""By marker: what a test needs of the machine, and what says why it is not there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the fault tests in full length")


def pytest_configure() -> None:
    """Keep what is compiled: hundreds of tests start processes, which would compile all anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files that take long begin first, so that no process is left with one when all else is done.

    They are handed to the processes of a run as whole files, in this order.
    """
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (leg, lacking) in LEGS.items():
        if item.get_closest_marker(marker) is None or (reason := lacking()) is None:
            continue
        if os.environ.get(REQUIRE_ALL):
            pytest.fail(f"{leg} cannot run: {reason}, and {REQUIRE_ALL} is set")
        item.config.stash.setdefault(LEGS_NOT_RUN, {})[leg] = reason
        pytest.skip(reason)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several tells the one that reports."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["legs not run"] = session.config.stash.get(LEGS_NOT_RUN, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    told = getattr(node, "workeroutput", {}).get("legs not run", {})
    node.config.stash.setdefault(LEGS_NOT_RUN, {}).update(told)


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    for leg, reason in config.stash.get(LEGS_NOT_RUN, {}).items():
        config.get_terminal_writer().line(f"Tests against {leg} did not run: {reason}.")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the fault tests run in full length."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def many_files() -> Iterator[None]:
    """Lets a test that is marked with `files` open so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process configures its logs; the next test is to find them as this one did."""
    monkeypatch.setattr(telemetry, "_level", telemetry._level)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server for the run; what it holds need not survive a power cut."""
    folder = Path(tempfile.mkdtemp(prefix="quadrupel-pg-", dir=in_memory()))
    try:
        with server(folder) as url:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _database(server_url: str, template: str = "template1") -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server_url, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        connection.execute(drop.format(sql.Identifier(name)))


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A new, empty database."""
    with _database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def new_database(postgres_url: str) -> Callable[[], AbstractContextManager[str]]:
    """Gives new, empty databases for as long as a block."""
    return partial(_database, postgres_url)


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> Iterator[str]:
    """The name of a database with all tables and nothing in them, to copy."""
    with _database(postgres_url) as url:
        migrations.migrate(url, migrations_folder())
        yield urlsplit(url).path[1:]


@pytest.fixture
def migrated_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A new database with all tables, built by the migrations."""
    with _database(postgres_url, migrated_template) as url:
        yield url


@pytest.fixture(scope="module")
def shared_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """Like `migrated_url`, one for all tests of a file."""
    with _database(postgres_url, migrated_template) as url:
        yield url


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    """An engine on a new database with all tables."""
    engine = database.open_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def server_pair() -> Iterator[standby.Pair]:
    """A primary with a hot standby, for `pair`."""
    with standby.pair() as both:
        yield both


@pytest.fixture
def pair(server_pair: standby.Pair) -> Iterator[standby.Pair]:
    """A primary and its hot standby: stop either and pause the replay, but do not promote."""
    server_pair.lets_go()
    yield server_pair
    server_pair.lets_go()


@pytest.fixture
def pair_urls(pair: standby.Pair) -> Iterator[tuple[str, str]]:
    """A new database with all tables, on the primary and on the standby."""
    with _database(pair.primary.url, pair.template) as url:
        name = urlsplit(url).path[1:]
        pair.lets_go()
        yield url, pair.standby.at(name)
        pair.lets_go()


@pytest.fixture
def own_server() -> Iterator[standby.Postgres]:
    """A server for one test, which may set it up anew and start it again."""
    with standby.primary() as started:
        yield started


@pytest.fixture(scope="session")
def new_standby(
    server_pair: standby.Pair,
) -> Callable[[], AbstractContextManager[standby.Postgres]]:
    """Gives further standbys of the primary of `pair`, for tests that promote them."""
    return partial(standby.standby, server_pair.primary)


@pytest.fixture(scope="session")
def kafka_script() -> ModuleType:
    """scripts/kafka.py, whose Broker a test may stop and pause as it likes."""
    return _kafka_script()


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka_script: ModuleType) -> Iterator[str]:
    """The address of a real Kafka broker, shared by the run: name topics and groups uniquely."""
    with kafka_script.running() as bootstrap:
        yield bootstrap


@pytest.fixture
def kafka_topics(kafka_bootstrap: str) -> str:
    """The shared broker without the topics of an earlier test."""
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    names = [name for name in admin.list_topics(timeout=10).topics if name.startswith("quadrupel.")]
    if names:
        for future in admin.delete_topics(names).values():
            future.result()
    return kafka_bootstrap


@pytest.fixture(scope="session")
def distribution_server() -> Callable[..., AbstractContextManager[distribution.Postgres]]:
    """Gives servers of the distribution's own PostgreSQL for as long as a block."""
    return distribution.postgres
