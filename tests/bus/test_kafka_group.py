"""What a Kafka group demands of its members' clients: to give way, to wait, and to be replaced."""

import select
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import ModuleType
from typing import Any

import pytest
import structlog

from quadrupel.bus import kafka_consumer
from quadrupel.bus.kafka import KafkaBus
from quadrupel.core.errors import AssignmentLost, BusUnavailable
from quadrupel.core.ports import Consumer, Message, Outgoing, Topic
from quadrupel.telemetry import KAFKA_CLIENTS_REPLACED

pytestmark = pytest.mark.kafka

PARTITIONS = 4
PATIENCE = 60
"""Seconds until a test gives up what takes a few on an idle machine."""


def publish(bus: KafkaBus, topic: str, numbers: range) -> None:
    with closing(bus.producer()) as producer:
        producer.publish([Outgoing(topic, b"key %d" % n, b"%d" % n) for n in numbers])


def values(messages: list[Message]) -> list[int]:
    return sorted(int(message.value) for message in messages)


def take(consumer: Consumer, count: int, seconds: float = 20.0) -> list[Message]:
    """Poll until there are so many; a bus that is away is asked again."""
    messages: list[Message] = []
    deadline = time.monotonic() + seconds
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} came"
        with suppress(BusUnavailable):
            messages += consumer.poll(count - len(messages), timeout=0.2)
    return messages


def poll_for(consumer: Consumer, seconds: float) -> None:
    """Poll, and let the first error through."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        consumer.poll(1, timeout=0.2)


def wait_for(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"it did not happen in {seconds:.0f} s"
        time.sleep(0.02)


class TestRebalance:
    SESSION = 10.0

    @pytest.fixture
    def topic(self, kafka_bootstrap: str) -> str:
        name = f"test.{uuid.uuid4().hex}"
        KafkaBus(kafka_bootstrap).admin().create([Topic(name, PARTITIONS)])
        return name

    def test_who_owes_an_acknowledgement_pays_and_gives_partitions_up_at_once(
        self, kafka_bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kafka_consumer, "SOON", float(PATIENCE))
        bus = KafkaBus(kafka_bootstrap, session_timeout=self.SESSION)
        publish(bus, topic, range(20))
        came: list[Message] = []
        with closing(bus.consumer(topic, "group")) as first:
            taken = take(first, 20, PATIENCE)  # a broker that has just come up is slow to answer
            first.commit(soon=True)
            longest, sent, deadline = 0.0, 20, time.monotonic() + PATIENCE
            with closing(bus.consumer(topic, "group")) as second:
                while len(came) < 20 and time.monotonic() < deadline:
                    publish(bus, topic, range(sent, sent + 20))
                    sent += 20
                    began = time.monotonic()
                    taken += first.poll(100, timeout=0.1)
                    first.commit(soon=True)
                    longest = max(longest, time.monotonic() - began)
                    came += second.poll(100, timeout=0.1)
        assert longest < self.SESSION / 3
        assert values(came) == sorted(set(values(came)) - set(values(taken)))
        assert len(came) >= 20

    def test_what_was_committed_soon_is_acknowledged_as_soon_as_nothing_comes(
        self, kafka_bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kafka_consumer, "SOON", float(PATIENCE))
        bus = KafkaBus(kafka_bootstrap)
        publish(bus, topic, range(20))
        with closing(bus.consumer(topic, "group")) as consumer:
            take(consumer, 20, PATIENCE)
            consumer.commit(soon=True)
            poll = threading.Thread(target=consumer.poll, args=(1, PATIENCE / 2))
            poll.start()
            try:
                wait_for(lambda: bus.admin().progress(topic, "group").lag == 0, PATIENCE / 4)
                assert poll.is_alive()
            finally:
                publish(bus, topic, range(20, 21))
                poll.join()

    def test_a_group_that_waits_for_its_slowest_member_is_no_outage_and_the_others_go_on(
        self, kafka_bootstrap: str, topic: str
    ) -> None:
        session, poll = 1.5, 8.0
        bus = KafkaBus(kafka_bootstrap, session_timeout=session, poll_timeout=poll)
        with (
            closing(bus.consumer(topic, "group")) as first,
            structlog.testing.capture_logs() as logs,
        ):
            publish(bus, topic, range(100))
            taken = take(first, 100)
            first.commit()
            # Joins in the background, and does not say that it has heard what it is to read.
            with closing(bus.consumer(topic, "group")):
                sent, end = 100, time.monotonic() + 3 * session
                while time.monotonic() < end:
                    publish(bus, topic, range(sent, sent + 20))
                    sent += 20
                    taken += first.poll(100, timeout=0.1)
                    first.commit(soon=True)
        assert not [line for line in logs if line["log_level"] not in ("debug", "info")]
        partitions = {message.partition for message in taken if int(message.value) >= sent - 60}
        assert 0 < len(partitions) < PARTITIONS


class Door:
    """A port that leads to wherever the broker is, like the stable address of a cluster."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Door":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                outside, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=[outside], daemon=True).start()

    def _pass_on(self, outside: socket.socket) -> None:
        host, port = self._broker.bootstrap.split(":")
        with outside, suppress(OSError), socket.create_connection((host, int(port))) as inside:
            ends = {outside: inside, inside: outside}
            while True:
                for source in select.select(list(ends), [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    ends[source].sendall(data)


@contextmanager
def moving_broker(kafka_script: ModuleType) -> Iterator[tuple[Any, KafkaBus]]:
    """A broker that may move, and a bus whose clients never look for where it is now."""
    with kafka_script.Broker() as broker, Door(broker) as door:
        yield (
            broker,
            KafkaBus(
                door.address,
                client={"metadata.recovery.strategy": "none"},
                timeout=5.0,
                session_timeout=3.0,
                poll_timeout=10.0,
            ),
        )


def replaced(topic: str) -> float:
    return KAFKA_CLIENTS_REPLACED.labels(topic)._value.get()


def test_a_client_that_hears_nothing_although_kafka_answers_is_replaced_and_nothing_is_lost(
    kafka_script: ModuleType,
) -> None:
    with moving_broker(kafka_script) as (broker, bus):
        bus.admin().create([Topic("moved", 1)])
        before = replaced("moved")
        with closing(bus.consumer("moved", "group")) as consumer:
            publish(bus, "moved", range(30))
            assert values(take(consumer, 10)) == list(range(10))
            consumer.commit()
            take(consumer, 10)
            consumer.commit(soon=True)
            take(consumer, 10)

            broker.stop()
            with pytest.raises(BusUnavailable, match="reading moved"):
                poll_for(consumer, 20.0)
            assert replaced("moved") == before
            broker.move()
            broker.start()
            publish(bus, "moved", range(30, 40))

            with structlog.testing.capture_logs() as logs:
                again = values(take(consumer, 20))
            with pytest.raises(AssignmentLost, match="drop the batch"):
                consumer.commit()
            again += values(take(consumer, 40 - again[0] - 20))
            consumer.commit()
        assert again in (list(range(10, 40)), list(range(20, 40)))
        assert bus.admin().progress("moved", "group").lag == 0
    assert replaced("moved") == before + 1
    [line] = [line for line in logs if line["log_level"] == "warning" and "topic" in line]
    assert (line["topic"], line["group"]) == ("moved", "group")
    assert line["old_client"] == "reached no broker"


def test_an_admin_whose_clients_hear_nothing_asks_by_new_ones(kafka_script: ModuleType) -> None:
    with moving_broker(kafka_script) as (broker, bus):
        bus.admin().create([Topic("moved", 1)])
        publish(bus, "moved", range(10))
        admin = bus.admin()
        assert admin.progress("moved", "group", members=False).lag == 10
        broker.stop()
        broker.move()
        broker.start()
        with suppress(BusUnavailable):
            admin.progress("moved", "group")
        assert admin.progress("moved", "group").lag == 10
