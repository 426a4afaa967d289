"""Topics of a Kafka cluster: created with what durability asks for, checked, measured, browsed."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, TypeVar

import confluent_kafka
import stamina
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from quadrupel.core.ports import Message, Topic

from .kafka_client import (
    FETCH_AHEAD_KILOBYTES,
    FETCH_BYTES,
    Cluster,
    LibraryLog,
    from_kafka,
    reason,
)
from .topics import DEAD_LETTERS, MESSAGE_LIMIT, check_partitions, missing_topic

BATCH_OVERHEAD = 4 * 1024
BROWSE_CHUNK = 1_000
MOVING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}
"""A partition, or what keeps a group's offsets, is new or just moving to another broker."""

Answer = TypeVar("Answer")


class KafkaAdmin:
    """Looks after topics, see `Admin`. `replication` is that of the topics it creates."""

    def __init__(self, cluster: Cluster, replication: int) -> None:
        self._cluster = cluster
        self._replication = replication
        settings = cluster.settings()
        self._client = AdminClient(settings, logger=LibraryLog())

    def create(self, topics: Sequence[Topic]) -> list[str]:
        """See `Admin.create`."""
        found = self._partitions()
        missing = [self._new(topic) for topic in topics if topic.name not in found]
        if not missing:
            return []
        futures = self._client.create_topics(missing, operation_timeout=self._cluster.timeout)
        return [name for name, future in futures.items() if self._created(name, future)]

    def verify(self, topics: Sequence[Topic]) -> None:
        """See `Admin.verify`."""
        check_partitions(topics, self._partitions())

    def lag(self, topic: str, group: str) -> int:
        """See `Admin.lag`."""
        parts = self._parts(topic)
        with closing(self._reader(group)) as reader:
            try:
                ends = self._ends(reader, parts)
                timeout = self._cluster.timeout
                committed = self._settled(lambda: reader.committed(parts, timeout=timeout))
            except KafkaException as failure:
                doing = f"measuring the lag of {group} in {topic}"
                raise self._cluster.unavailable(doing, reason(failure)) from failure
        offsets = {part.partition: part.offset for part in committed}
        return sum(max(0, end - max(start, offsets[part])) for part, (start, end) in ends.items())

    def browse(self, topic: str) -> Iterator[Message]:
        """See `Admin.browse`."""
        parts = self._parts(topic)
        with closing(self._reader(f"quadrupel.browse.{uuid.uuid4()}")) as reader:
            try:
                spans = {
                    part: (start, end)
                    for part, (start, end) in self._ends(reader, parts).items()
                    if start < end
                }
                reader.assign([TopicPartition(topic, part, spans[part][0]) for part in spans])
                yield from self._read(reader, topic, {part: spans[part][1] for part in spans})
            except KafkaException as failure:
                doing = f"browsing {topic}"
                raise self._cluster.unavailable(doing, reason(failure)) from failure

    def _reader(self, group: str) -> confluent_kafka.Consumer:
        """A consumer that looks at a group and its topics and never joins it."""
        settings = self._cluster.settings(
            group_id=group,
            enable_auto_commit=False,
            enable_partition_eof=True,
            queued_max_messages_kbytes=FETCH_AHEAD_KILOBYTES,
            fetch_max_bytes=FETCH_BYTES,
        )
        return confluent_kafka.Consumer(settings, logger=LibraryLog())

    def _read(
        self, reader: confluent_kafka.Consumer, topic: str, ends: dict[int, int]
    ) -> Iterator[Message]:
        """Yield what is before `ends`, the first offsets of each partition that are too late.

        The last one before may be missing, in a compacted topic: then the end of file tells.
        """
        while ends:
            raws = reader.consume(1, 1.0)
            raws += reader.consume(BROWSE_CHUNK, 0)
            for raw in raws:
                partition, offset, error = raw.partition() or 0, raw.offset() or 0, raw.error()
                end = ends.get(partition, 0)
                if error is None and offset < end:
                    yield from_kafka(raw)
                if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                    raise self._cluster.refusal(topic, f"browsing {topic}", error)
                if error is not None or offset >= end - 1:
                    ends.pop(partition, None)
            if not raws:
                self._partitions()  # raises when the cluster is away

    def _new(self, topic: Topic) -> NewTopic:
        config = {
            "max.message.bytes": str(MESSAGE_LIMIT + BATCH_OVERHEAD),
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(max(1, self._replication - 1)),
        }
        if topic.name == DEAD_LETTERS:
            config["retention.ms"] = "-1"
        return NewTopic(topic.name, topic.partitions, self._replication, config=config)

    def _created(self, name: str, future: Any) -> bool:
        """Whether this call created the topic: someone else may have been quicker."""
        try:
            future.result(2 * self._cluster.timeout)
        except KafkaException as failure:
            error = reason(failure)
            if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise self._cluster.unavailable(f"creating {name}", error) from failure
        return True

    def _partitions(self) -> dict[str, int]:
        """The number of partitions of every topic."""
        try:
            found = self._client.list_topics(timeout=self._cluster.timeout).topics
        except KafkaException as failure:
            raise self._cluster.unavailable("listing topics", reason(failure)) from failure
        return {name: len(topic.partitions) for name, topic in found.items()}

    def _parts(self, topic: str) -> list[TopicPartition]:
        count = self._partitions().get(topic)
        if count is None:
            raise missing_topic(topic)
        return [TopicPartition(topic, partition) for partition in range(count)]

    def _ends(
        self, reader: confluent_kafka.Consumer, parts: list[TopicPartition]
    ) -> dict[int, tuple[int, int]]:
        """Per partition the first offset there is, and the one that comes next."""
        timeout = self._cluster.timeout
        spans = self._settled(
            lambda: [reader.get_watermark_offsets(part, timeout=timeout) for part in parts]
        )
        return {part.partition: span for part, span in zip(parts, spans, strict=True)}

    def _settled(self, ask: Callable[[], Answer]) -> Answer:
        """The answer once nothing is moving any more, waiting for the timeout at most."""
        for attempt in stamina.retry_context(
            on=_is_moving,
            attempts=None,
            timeout=self._cluster.timeout,
            wait_initial=0.05,
            wait_max=1.0,
        ):
            with attempt:
                answer = ask()
        return answer


def _is_moving(error: Exception) -> bool:
    return isinstance(error, KafkaException) and reason(error).code() in MOVING
