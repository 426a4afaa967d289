"""Topics of a Kafka cluster: created with what durability asks for, checked, measured, browsed."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, TypeVar

import confluent_kafka
import stamina
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from quadrupel.core.errors import BusUnavailable
from quadrupel.core.ports import Message, Progress, Topic

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
"""How much larger than the largest message a batch may be in a topic."""
BROWSE_CHUNK = 1_000
MOVING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
}
"""A partition, or what keeps a group's offsets, is new or just moving to another broker."""

Answer = TypeVar("Answer")


class KafkaAdmin:
    """Looks after topics, see `Admin`. `replication` is that of the topics it creates.

    After a failure its clients are replaced, since they may be stuck for good: see `kafka_member`.
    """

    def __init__(self, cluster: Cluster, replication: int) -> None:
        self._cluster = cluster
        self._replication = replication
        self._begin()

    def _begin(self) -> None:
        self._client = AdminClient(self._cluster.settings(), logger=LibraryLog())
        self._groups: dict[str, confluent_kafka.Consumer] = {}

    def create(self, topics: Sequence[Topic]) -> list[str]:
        """See `Admin.create`."""
        found = self._partitions()
        missing = [self._new(topic) for topic in topics if topic.name not in found]
        if not missing:
            return []
        futures = self._client.create_topics(missing, operation_timeout=self._cluster.timeout)
        created = [name for name, future in futures.items() if self._created(name, future)]
        try:
            self._settled(lambda: self._check_leaders(created))
        except KafkaException as failure:
            raise self._unavailable(f"creating {created}", failure) from failure
        return created

    def verify(self, topics: Sequence[Topic]) -> None:
        """See `Admin.verify`."""
        check_partitions(topics, self._partitions())

    def progress(self, topic: str, group: str, *, members: bool = True) -> Progress:
        """See `Admin.progress`. A few requests, whatever the number of partitions.

        That for the members may end the process when the connection to the group's coordinator
        breaks in that moment (librdkafka's issue 4605): nothing for a worker to ask.
        """
        parts = self._parts(topic)
        try:
            spans = self._settled(lambda: self._spans(parts))
            committed = self._settled(lambda: self._committed(parts, group))
            present = self._settled(lambda: self._members(group)) if members else 0
        except KafkaException as failure:
            doing = f"measuring how far {group} is in {topic}"
            raise self._unavailable(doing, failure) from failure
        return Progress(
            end=sum(end for _, end in spans.values()),
            committed=sum(max(start, committed[part]) for part, (start, _) in spans.items()),
            members=present,
        )

    def browse(self, topic: str) -> Iterator[Message]:
        """See `Admin.browse`."""
        parts = self._parts(topic)
        with closing(self._reader(f"quadrupel.browse.{uuid.uuid4()}")) as reader:
            try:
                spans = {
                    part: (start, end)
                    for part, (start, end) in self._settled(lambda: self._spans(parts)).items()
                    if start < end
                }
                reader.assign([TopicPartition(topic, part, spans[part][0]) for part in spans])
                yield from self._read(reader, topic, {part: spans[part][1] for part in spans})
            except KafkaException as failure:
                doing = f"browsing {topic}"
                raise self._cluster.unavailable(doing, reason(failure)) from failure

    def _unavailable(self, doing: str, failure: KafkaException) -> BusUnavailable:
        """What to raise; whoever asks again asks by new clients."""
        self._client.poll(0)  # the client tells only now that a broker turned it away
        self._begin()
        return self._cluster.unavailable(doing, reason(failure))

    def _reader(self, group: str) -> confluent_kafka.Consumer:
        """A consumer that does not join its group."""
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
                    yield from_kafka(raw, topic)
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

    def _check_leaders(self, topics: Sequence[str]) -> None:
        """Raise KafkaException while new topics cannot be written to and read everywhere."""
        found = self._client.list_topics(timeout=self._cluster.timeout).topics
        for name in topics:
            parts = found[name].partitions.values() if name in found else ()
            if not parts or any(part.leader < 0 for part in parts):
                raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))

    def _partitions(self) -> dict[str, int]:
        """The number of partitions of every topic."""
        try:
            found = self._client.list_topics(timeout=self._cluster.timeout).topics
        except KafkaException as failure:
            raise self._unavailable("listing topics", failure) from failure
        return {name: len(topic.partitions) for name, topic in found.items()}

    def _parts(self, topic: str) -> list[TopicPartition]:
        count = self._partitions().get(topic)
        if count is None:
            raise missing_topic(topic)
        return [TopicPartition(topic, partition) for partition in range(count)]

    def _spans(self, parts: list[TopicPartition]) -> dict[int, tuple[int, int]]:
        """Per partition the first offset there is, and the one that comes next."""
        specs = [OffsetSpec.earliest(), OffsetSpec.latest()]  # type: ignore[no-untyped-call]
        limit = self._cluster.timeout
        first, following = (
            self._client.list_offsets(dict.fromkeys(parts, spec), request_timeout=limit)
            for spec in specs
        )
        wait = 2 * limit
        return {
            part.partition: (first[part].result(wait).offset, following[part].result(wait).offset)
            for part in parts
        }

    def _committed(self, parts: list[TopicPartition], group: str) -> dict[int, int]:
        """Per partition the offset that the group goes on from; negative where it has none.

        Asked through a consumer that never joins: the client's request for it by an administrator
        (`list_consumer_group_offsets`) ends the process where it must be repeated, because what
        keeps the group's offsets is new or moving (librdkafka's issue 5040).
        """
        reader = self._groups[group] = self._groups.get(group) or self._reader(group)
        reader.poll(0)  # takes what the library has to say, lest it piles up
        found = reader.committed(parts, timeout=self._cluster.timeout)
        for part in found:
            if part.error is not None:
                raise KafkaException(part.error)
        return {part.partition: part.offset for part in found}

    def _members(self, group: str) -> int:
        limit = self._cluster.timeout
        answers = self._client.describe_consumer_groups([group], request_timeout=limit)
        try:
            return len(answers[group].result(2 * limit).members)
        except KafkaException as failure:
            if reason(failure).code() == KafkaError.GROUP_ID_NOT_FOUND:
                return 0
            raise

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
