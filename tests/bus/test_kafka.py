"""What only the Kafka bus has to stand: foreign writers, and a broker that goes and comes back."""

import uuid
from contextlib import ExitStack, closing, suppress
from types import ModuleType
from typing import Any

import confluent_kafka
import pytest

from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.topics import DEAD_LETTERS
from quadrupel.core.errors import AssignmentLost, BusUnavailable
from quadrupel.core.ports import Consumer, Message, Outgoing, Topic

pytestmark = pytest.mark.kafka


@pytest.fixture
def bus(kafka_bootstrap: str) -> KafkaBus:
    return KafkaBus(kafka_bootstrap, session_timeout=1.5, poll_timeout=5.0)


@pytest.fixture
def topic(bus: KafkaBus) -> str:
    name = f"test.{uuid.uuid4().hex}"
    bus.admin().create([Topic(name, 2)])
    return name


def take(consumer: Consumer, count: int) -> list[Message]:
    messages: list[Message] = []
    for _ in range(50):
        messages += consumer.poll(count, timeout=0.2)
        if len(messages) >= count:
            break
    return messages


def test_what_foreign_clients_write_is_delivered_as_it_is(
    bus: KafkaBus, topic: str, kafka_bootstrap: str
) -> None:
    foreign = confluent_kafka.Producer({"bootstrap.servers": kafka_bootstrap})
    written: list[tuple[bytes | None, bytes | None]] = [
        (None, b"no key"),
        (b"\xff\xfe\x00", b"\x00 no text"),
        (b"tombstone", None),
        (b"", b""),
    ]
    for key, value in written:
        foreign.produce(topic, value, key, headers={"content-type": b"?"}, timestamp=1)
    foreign.flush()
    with closing(bus.consumer(topic, uuid.uuid4().hex)) as consumer:
        messages = take(consumer, len(written))
    expected = {(key, value or b"") for key, value in written}
    assert {(message.key, message.value) for message in messages} == expected
    assert messages[0].timestamp.year > 1970


def test_compression_of_a_foreign_client_does_not_matter(
    bus: KafkaBus, topic: str, kafka_bootstrap: str
) -> None:
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        settings = {"bootstrap.servers": kafka_bootstrap, "compression.type": codec}
        foreign = confluent_kafka.Producer(settings)
        foreign.produce(topic, codec * 100)
        foreign.flush()
    assert {message.value[:4] for message in bus.admin().browse(topic)} == {
        b"none", b"gzip", b"snap", b"lz4l", b"zstd"
    }  # fmt: skip


def test_topics_are_created_with_what_durability_asks_for(
    bus: KafkaBus, topic: str, kafka_bootstrap: str
) -> None:
    bus.admin().create([Topic(DEAD_LETTERS, 2)])
    assert settings_of(topic, kafka_bootstrap)["message.timestamp.type"] == "LogAppendTime"
    assert settings_of(topic, kafka_bootstrap)["min.insync.replicas"] == "1"
    assert settings_of(DEAD_LETTERS, kafka_bootstrap)["retention.ms"] == "-1"


def test_how_far_a_group_is_can_be_asked_while_its_coordinator_is_new(
    kafka_script: ModuleType,
) -> None:
    with kafka_script.Broker() as broker:
        bus = KafkaBus(broker.bootstrap)
        for number in range(8):
            name = f"new.{number}"
            bus.admin().create([Topic(name, 6)])
            with closing(bus.producer()) as producer:
                producer.publish([Outgoing(name, b"%d" % key, b"value") for key in range(60)])
            assert bus.admin().progress(name, f"group.{number}").lag == 60


def settings_of(topic: str, bootstrap: str) -> dict[str, str]:
    admin: Any = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap})
    resource = confluent_kafka.admin.ConfigResource("topic", topic)
    entries = admin.describe_configs([resource])[resource].result(10)
    return {name: entry.value for name, entry in entries.items()}


def test_nothing_is_lost_while_the_broker_stops_freezes_and_comes_back(
    kafka_script: ModuleType,
) -> None:
    with kafka_script.Broker() as broker, ExitStack() as stack:
        bus = KafkaBus(broker.bootstrap, timeout=2.0, session_timeout=5.0, poll_timeout=20.0)
        bus.admin().create([Topic("outage", 1)])
        producer = stack.enter_context(closing(bus.producer()))
        consumer = stack.enter_context(closing(bus.consumer("outage", "group")))
        producer.publish([Outgoing("outage", b"key", b"before")])
        assert values(take(consumer, 1)) == {b"before"}

        broker.pause()
        with pytest.raises(BusUnavailable, match="publishing to outage"):
            producer.publish([Outgoing("outage", b"key", b"frozen")])
        with pytest.raises((BusUnavailable, AssignmentLost)):  # as long as a session lasts
            consumer.commit()
        broker.resume()
        publish_when_possible(producer, b"thawed")
        with suppress(AssignmentLost):  # it was silent for as long as a session lasts
            consumer.commit()
        assert b"thawed" in values(take_when_possible(consumer, b"thawed"))
        consumer.commit()

        broker.stop()
        with pytest.raises(BusUnavailable):
            producer.publish([Outgoing("outage", b"key", b"stopped")])
        with pytest.raises(BusUnavailable, match="outage"):
            take(consumer, 1)
        broker.start()
        publish_when_possible(producer, b"started")
        assert b"started" in values(take_when_possible(consumer, b"started"))
        consumer.commit()
        assert bus.admin().progress("outage", "group").lag == 0


def values(messages: list[Message]) -> set[bytes]:
    return {message.value for message in messages}


def publish_when_possible(producer: Any, value: bytes) -> None:
    for _ in range(10):
        try:
            producer.publish([Outgoing("outage", b"key", value)])
        except BusUnavailable:
            continue
        return
    pytest.fail("the producer did not recover")


def take_when_possible(consumer: Consumer, last: bytes) -> list[Message]:
    messages: list[Message] = []
    for _ in range(100):
        try:
            messages += consumer.poll(100, timeout=0.2)
        except BusUnavailable:
            continue
        if last in values(messages):
            return messages
    pytest.fail("the consumer did not recover")
