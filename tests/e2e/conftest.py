"""Whole flows in processes of their own, on either bus."""

import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres15(distribution_server) -> Iterator[str]:
    """A server of the distribution's own PostgreSQL, 15 or later, on a free port."""
    with distribution_server() as server:
        yield server.url


@pytest.fixture
def postgres15_url(postgres15) -> Iterator[str]:
    """A new, empty database on it."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres15, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlsplit(postgres15)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
