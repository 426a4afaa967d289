"""Publishing to Kafka.

Durable means acknowledged by all in-sync replicas; no duplicates from one producer come from its
idempotence. It sends one request at a time: a broker that knows nothing of a producer yet takes any
sequence number as its first. If it refused the first batch, being not the leader yet, and took the
second, it would answer the first one's repetition as a duplicate, which librdkafka reports as
delivered; and the batch would be lost.

A report for each message is what costs most, so `publish` asks for none but of failures. That is a
setting of a whole client: who wants to know where messages went has a second one.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from quadrupel.core.errors import BusUnavailable
from quadrupel.core.ports import Outgoing
from quadrupel.core.positions import Position

from .kafka_client import Cluster, LibraryLog, reason
from .topics import MESSAGE_LIMIT, check_sizes

QUEUE_KILOBYTES = 64 * 1024
"""The most that one client holds in memory; publishing waits when it is full."""

BATCH_OVERHEAD = 1024


class KafkaProducer:
    """Publishes through a client that is told of failures, or one that is told of every message."""

    def __init__(self, cluster: Cluster) -> None:
        self._plain = _Client(cluster, only_failures=True)
        self._locating = _Client(cluster, only_failures=False)

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Producer.publish`. Blocks for the timeout at most."""
        self._plain.send(messages)

    def publish_and_locate(self, messages: Sequence[Outgoing]) -> list[Position]:
        """See `Producer.publish_and_locate`. Blocks for the timeout at most."""
        found: dict[int, Position] = {}
        self._locating.send(messages, found)
        if len(found) < len(messages):
            # A broker that took a repetition for one need not remember where the first one is.
            raise BusUnavailable("Kafka took messages and does not say where; publish them again")
        return [found[number] for number in range(len(messages))]

    def close(self) -> None:
        """See `Producer.close`."""
        self._plain.close()
        self._locating.close()


class _Client:
    """One librdkafka producer, opened when it is needed, and replaced after any failure."""

    def __init__(self, cluster: Cluster, *, only_failures: bool) -> None:
        self._cluster = cluster
        self._only_failures = only_failures
        self._failures: list[tuple[str, KafkaError]] = []
        self._producer: confluent_kafka.Producer | None = None

    def send(self, messages: Sequence[Outgoing], found: dict[int, Position] | None = None) -> None:
        """Return when every message is durable; put where each one went into `found`."""
        check_sizes(messages)
        producer = self._producer = self._producer or self._open()
        self._failures.clear()
        for number, message in enumerate(messages):
            arguments = (message.topic, message.value, message.key)
            if found is None:
                self._enqueue(producer, arguments)
            else:
                self._enqueue(producer, (*arguments, -1, partial(self._reported, found, number)))
            if self._failures:
                break
        unsent = producer.flush(self._cluster.timeout + 5)
        if unsent and not self._failures:
            late = KafkaError(KafkaError._MSG_TIMED_OUT)  # noqa: SLF001 - its public name
            self._failures.append((messages[-1].topic, late))
        if self._failures:
            self._abandon(producer)
            topic, error = self._failures[0]
            raise self._cluster.refusal(topic, f"publishing to {topic}", error)

    def close(self) -> None:
        """Let go of the producer; nothing is pending in it."""
        self._producer = None

    def _open(self) -> confluent_kafka.Producer:
        settings = self._cluster.settings(
            enable_idempotence=True,
            max_in_flight=1,
            linger_ms=5,
            compression_type="lz4",
            partitioner="murmur2_random",
            message_max_bytes=MESSAGE_LIMIT + BATCH_OVERHEAD,
            queue_buffering_max_kbytes=QUEUE_KILOBYTES,
            message_timeout_ms=int(self._cluster.timeout * 1000),
            topic_metadata_propagation_max_ms=2_000,
            delivery_report_only_error=self._only_failures,
        )
        return confluent_kafka.Producer(
            {**settings, "on_delivery": self._failed}, logger=LibraryLog()
        )

    def _failed(self, error: KafkaError | None, message: confluent_kafka.Message) -> None:
        if error is not None:
            self._failures.append((message.topic() or "", error))

    def _reported(
        self,
        found: dict[int, Position],
        number: int,
        error: KafkaError | None,
        message: confluent_kafka.Message,
    ) -> None:
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            found[number] = Position(partition, offset)
        self._failed(error, message)

    def _enqueue(self, producer: confluent_kafka.Producer, arguments: tuple[Any, ...]) -> None:
        while not self._failures:
            try:
                producer.produce(*arguments)
            except BufferError:
                producer.poll(0.01)
            except KafkaException as failure:
                self._failures.append((arguments[0], reason(failure)))
            else:
                return

    def _abandon(self, producer: confluent_kafka.Producer) -> None:
        self._producer = None
        first = self._failures[0]
        producer.purge()
        producer.flush(1)
        self._failures = [first]
