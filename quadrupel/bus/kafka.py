"""The bus on Apache Kafka: what production and every scale-out uses.

Durable means acknowledged by all in-sync replicas; no duplicates from one producer come from its
idempotence. It sends one request at a time: a broker that knows nothing of a producer yet takes any
sequence number as its first. If it refused the first batch, being not the leader yet, and took the
second, it would answer the first one's repetition as a duplicate, which librdkafka reports as
delivered; and the batch would be lost.

Which members of a group own which partitions is Kafka's own group protocol: see `kafka_consumer`.
"""

from collections.abc import Mapping, Sequence

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from quadrupel.core.ports import Outgoing

from .kafka_admin import KafkaAdmin
from .kafka_client import Cluster, LibraryLog, reason
from .kafka_consumer import KafkaConsumer
from .topics import MESSAGE_LIMIT, check_sizes

QUEUE_KILOBYTES = 64 * 1024
"""The most that one producer holds in memory; `publish` waits when it is full."""

BATCH_OVERHEAD = 1024


class KafkaProducer:
    """Publishes through one librdkafka producer, replaced by a new one after any failure."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._failures: list[tuple[str, KafkaError]] = []
        self._client: confluent_kafka.Producer | None = self._open()

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Producer.publish`. Blocks for the timeout at most."""
        check_sizes(messages)
        client = self._client = self._client or self._open()
        self._failures.clear()
        for message in messages:
            self._enqueue(client, message)
            if self._failures:
                break
        unsent = client.flush(self._cluster.timeout + 5)
        if unsent and not self._failures:
            late = KafkaError(KafkaError._MSG_TIMED_OUT)  # noqa: SLF001 - its public name
            self._failures.append((messages[-1].topic, late))
        if self._failures:
            self._abandon(client)
            topic, error = self._failures[0]
            raise self._cluster.refusal(topic, f"publishing to {topic}", error)

    def close(self) -> None:
        """See `Producer.close`."""
        self._client = None

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
            delivery_report_only_error=True,
        )
        return confluent_kafka.Producer(
            {**settings, "on_delivery": self._failed}, logger=LibraryLog()
        )

    def _failed(self, error: KafkaError | None, message: confluent_kafka.Message) -> None:
        if error is not None:
            self._failures.append((message.topic() or "", error))

    def _enqueue(self, client: confluent_kafka.Producer, message: Outgoing) -> None:
        while not self._failures:
            try:
                client.produce(message.topic, message.value, message.key)
            except BufferError:
                client.poll(0.01)
            except KafkaException as failure:
                self._failures.append((message.topic, reason(failure)))
            else:
                return

    def _abandon(self, client: confluent_kafka.Producer) -> None:
        self._client = None
        first = self._failures[0]
        client.purge()
        client.flush(1)
        self._failures = [first]


class KafkaBus:
    """The bus on a Kafka cluster.

    `client` are further librdkafka settings (TLS, SASL); `replication` is that of topics created
    here. Times are in seconds: `timeout` is how long a publish or a question to the cluster waits,
    `session_timeout` how long a member may be silent (killed, frozen) before its partitions go to
    others, and `poll_timeout`, not the shorter one, how long it may work between two calls.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client: Mapping[str, str] | None = None,
        replication: int = 1,
        timeout: float = 30.0,
        session_timeout: float = 30.0,
        poll_timeout: float = 120.0,
    ) -> None:
        self._cluster = Cluster(bootstrap, timeout, client or {})
        self._replication = replication
        self._session_timeout = session_timeout
        self._poll_timeout = poll_timeout

    def producer(self) -> KafkaProducer:
        """See `Bus.producer`."""
        return KafkaProducer(self._cluster)

    def consumer(self, topic: str, group: str) -> KafkaConsumer:
        """See `Bus.consumer`."""
        return KafkaConsumer(self._cluster, topic, group, self._session_timeout, self._poll_timeout)

    def admin(self) -> KafkaAdmin:
        """See `Bus.admin`."""
        return KafkaAdmin(self._cluster, self._replication)

    def close(self) -> None:
        """See `Bus.close`; the bus itself holds nothing."""
