"""Publishing to Kafka.

Durable means acknowledged by all in-sync replicas; no duplicates from one producer come from its
idempotence. Messages go in portions of one batch per partition at most, each waited for before the
next: a broker that knows nothing of a producer yet takes any sequence number as its first. If it
refused the first batch, being not the leader yet, and took the second, it would answer the first
one's repetition as a duplicate, which librdkafka reports as delivered; and the batch would be lost.
Batches for different partitions do not wait for one another.

A report for each message is what costs most, so `publish` asks for none but of failures. That is a
setting of a whole client: who wants to know where messages went has a second one.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from quadrupel.core.errors import BusUnavailable
from quadrupel.core.ports import Outgoing
from quadrupel.core.positions import Position

from .kafka_client import Cluster, LibraryLog, reason
from .topics import MESSAGE_LIMIT, check_sizes

REQUEST_OVERHEAD = 1024
"""What the client may add to a message: less than topics allow (`kafka_admin.BATCH_OVERHEAD`).

So the broker refuses no message for its size that the client takes.
"""
MESSAGE_OVERHEAD = 100
PORTION_MESSAGES = 10_000
PORTION_BYTES = 1024 * 1024
"""The most that is sent at a time: less than librdkafka puts into one batch."""

GATHERING_MILLISECONDS = 10_000
"""How long a client would wait for more messages, did `flush` not end the wait."""


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
        for first, portion in _portions(messages):
            for number, message in enumerate(portion, first):
                self._enqueue(producer, message, found, number)
            self._flush(producer, portion[-1].topic)
            if self._failures:
                self._abandon(producer)
                topic, error = self._failures[0]
                raise self._cluster.refusal(topic, f"publishing to {topic}", error)

    def close(self) -> None:
        """Let go of the producer; nothing is pending in it."""
        self._producer = None

    def _open(self) -> confluent_kafka.Producer:
        timeout = int(self._cluster.timeout * 1000)
        settings = self._cluster.settings(
            enable_idempotence=True,
            linger_ms=min(GATHERING_MILLISECONDS, timeout // 2),
            batch_num_messages=PORTION_MESSAGES,
            batch_size=MESSAGE_LIMIT,
            compression_type="lz4",
            partitioner="murmur2_random",
            message_max_bytes=MESSAGE_LIMIT + REQUEST_OVERHEAD,
            message_timeout_ms=timeout,
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

    def _enqueue(
        self,
        producer: confluent_kafka.Producer,
        message: Outgoing,
        found: dict[int, Position] | None,
        number: int,
    ) -> None:
        arguments: tuple[Any, ...] = (message.topic, message.value, message.key)
        if found is not None:
            arguments = (*arguments, -1, partial(self._reported, found, number))
        try:
            producer.produce(*arguments)
        except KafkaException as failure:
            self._failures.append((message.topic, reason(failure)))

    def _flush(self, producer: confluent_kafka.Producer, topic: str) -> None:
        """Send what is enqueued, and wait until it is durable or has failed."""
        unsent = producer.flush(self._cluster.timeout + 5)
        if unsent and not self._failures:
            late = KafkaError(KafkaError._MSG_TIMED_OUT)  # noqa: SLF001 - its public name
            self._failures.append((topic, late))

    def _abandon(self, producer: confluent_kafka.Producer) -> None:
        self._producer = None
        first = self._failures[0]
        producer.purge()
        producer.flush(1)
        self._failures = [first]


def _portions(messages: Sequence[Outgoing]) -> Iterator[tuple[int, Sequence[Outgoing]]]:
    """Parts that make one batch of a partition at most, each with the number of its first."""
    first, size = 0, 0
    for number, message in enumerate(messages):
        more = len(message.key) + len(message.value) + MESSAGE_OVERHEAD
        if number > first and (size + more > PORTION_BYTES or number - first == PORTION_MESSAGES):
            yield first, messages[first:number]
            first, size = number, 0
        size += more
    if messages:
        yield first, messages[first:]
