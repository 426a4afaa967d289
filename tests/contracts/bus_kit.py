"""The buses of the contract, and what its tests publish, take and compare."""

import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from quadrupel.bus.postgres import PostgresBus
from quadrupel.core.ports import Bus, Consumer, Message, Outgoing
from quadrupel.testing import MemoryBus

MEMBER = Path(__file__).parents[1] / "bus" / "member.py"
PARTITIONS = 4


@dataclass
class Kit:
    """A bus, and what a test needs to know of it beyond the port."""

    bus: Bus
    away: Bus
    address: str | None  # what a member in another process opens
    patience: float = 0.3  # seconds after which a silent member has lost its partitions, if ever

    def __post_init__(self) -> None:
        self.producer = self.bus.producer()

    def lose(self, consumer: Any) -> None:
        """Let the consumer's partitions go to others without its knowing."""
        if isinstance(self.bus, MemoryBus):
            consumer.lose_partitions()
        elif isinstance(self.bus, PostgresBus):
            assert self.address is not None
            with psycopg.connect(self.address) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
                    "WHERE application_name LIKE 'quadrupel bus reader%'"
                )
        else:
            time.sleep(self.patience)

    def die_with(self, topic: str, group: str, count: int) -> None:
        """Let a member poll so many messages and be killed before it commits them."""
        if self.address is None:
            consumer = MemoryBus.consumer(self.bus, topic, group)
            take(consumer, count)
            consumer.lose_partitions()
            return
        with self.spawn("hold", topic, group, count) as member:
            assert member.stdout is not None
            assert member.stdout.readline() == "holding\n"
            member.kill()

    def spawn(self, mode: str, topic: str, group: str, count: int) -> "subprocess.Popen[str]":
        command = [sys.executable, str(MEMBER), mode, self.address, topic, group, str(count)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


REAL = ["postgres", pytest.param("kafka", marks=pytest.mark.kafka)]


def publish(kit: Kit, topic: str, messages: list[tuple[str, str]]) -> None:
    kit.producer.publish([Outgoing(topic, k.encode(), v.encode()) for k, v in messages])


def numbered(count: int, keys: int = 20, start: int = 0) -> list[tuple[str, str]]:
    """Messages whose values count up, on `keys` keys in turn."""
    return [(f"key {number % keys}", str(number)) for number in range(start, start + count)]


def take(consumer: Consumer, count: int, within: float = 20.0) -> list[Message]:
    """Poll until there are `count` messages; commits nothing."""
    messages: list[Message] = []
    deadline = time.monotonic() + within
    while len(messages) < count and time.monotonic() < deadline:
        messages += consumer.poll(count - len(messages), timeout=0.2)
    assert len(messages) == count
    return messages


def nothing_more(consumer: Consumer) -> bool:
    return consumer.poll(100, timeout=0.3) == []


def values(messages: list[Message]) -> list[int]:
    return sorted(int(message.value) for message in messages)


def assert_in_order_per_key(messages: list[Message]) -> None:
    seen: dict[bytes | None, list[int]] = defaultdict(list)
    for message in messages:
        seen[message.key].append(int(message.value))
    assert all(numbers == sorted(numbers) for numbers in seen.values())
