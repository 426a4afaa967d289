"""Each bus in turn, with a topic, a group and its members for every test."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.postgres import PostgresBus
from quadrupel.core.ports import Consumer, Topic
from quadrupel.testing import MemoryBus

from .bus_kit import PARTITIONS, REAL, Kit

CLOSED = "127.0.0.1:1"


@pytest.fixture(params=["memory", *REAL])
def kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    if request.param == "memory":
        away = MemoryBus()
        away.down = True
        made = Kit(MemoryBus(), away, None)
    elif request.param == "postgres":
        url = request.getfixturevalue("database_url")
        made = Kit(PostgresBus(url), PostgresBus(f"postgresql://{CLOSED}/nowhere"), url)
    else:
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        bus = KafkaBus(bootstrap, session_timeout=1.5, poll_timeout=2.0)
        made = Kit(bus, KafkaBus(CLOSED, timeout=0.5), f"kafka:{bootstrap}", 2.5)
    yield made
    made.producer.close()
    made.bus.close()


@pytest.fixture
def topic(kit: Kit) -> str:
    name = f"test.{uuid.uuid4().hex}"
    assert kit.bus.admin().create([Topic(name, PARTITIONS)]) == [name]
    return name


@pytest.fixture
def group() -> str:
    return f"test.{uuid.uuid4().hex}"


@pytest.fixture
def join(kit: Kit, topic: str, group: str) -> Iterator[Any]:
    """Opens members of the group, and closes those that the test did not."""
    with ExitStack() as stack:

        def join() -> Consumer:
            return stack.enter_context(closing(kit.bus.consumer(topic, group)))

        yield join
