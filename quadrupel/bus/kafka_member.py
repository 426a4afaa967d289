"""One client of librdkafka as a member of a group, from joining to leaving, or to being given up.

Commits are sent, and answered in a later `consume` or `contact`: librdkafka calls back only there.
Who waits for an answer in another way holds up all other calls of the client (confluent-kafka lets
one thread in at a time), and waits for ever when the client is stuck.

A client can be stuck for good. When the last broker, in the moment before it closes its
connections, answers that there are no brokers, librdkafka (2.10 to 2.16 at least, its issue 5301)
forgets them all and asks nobody any more; what it was asked before stays unanswered, and closing
it may take for ever.

And closing can stop all of Python. Partitions are given back in a callback, where confluent-kafka
(2.16) waits for librdkafka and lets no other thread work; what a group is asked that has just ended
is never answered (`rd_kafka_cgrp_op_serve`). So a client is watched while it closes, and the
process ended if that happens: what it had not acknowledged comes again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import NamedTuple

import confluent_kafka
import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from quadrupel.standstill import start_watched

from .kafka_client import FETCH_AHEAD_KILOBYTES, FETCH_BYTES, Cluster, LibraryLog, reason
from .silence import Silence

SAMPLES = 3
"""How often in a session timeout librdkafka tells whether it has a coordinator."""


class Settled(NamedTuple):
    """What became of one partition of a commit: `error` is None when it is durable."""

    partition: int
    after: int
    error: KafkaError | None


class Timeouts(NamedTuple):
    """How long a member may be silent, and how long it may not poll, in seconds."""

    session: float
    poll: float


class Listener(NamedTuple):
    """Who is called when partitions leave (and whether they are lost already), and on answers."""

    leave: Callable[[set[int], bool], None]
    settled: Callable[[Sequence[Settled]], None]


class _Group(msgspec.Struct):
    state: str = ""


class _Statistics(msgspec.Struct):
    cgrp: _Group = msgspec.field(default_factory=_Group)


class Member:
    """A member of the group of one topic. Used by one thread, in which `listener` is called."""

    def __init__(
        self, cluster: Cluster, topic: str, group: str, timeouts: Timeouts, listener: Listener
    ) -> None:
        self.away: KafkaError | None = None
        self.silence = Silence(timeouts.session, timeouts.session + timeouts.poll)
        self._topic = topic
        self._listener: Listener | None = listener
        self._unanswered = 0
        self._client = confluent_kafka.Consumer(
            cluster.settings(
                group_id=group,
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                auto_offset_reset="earliest",
                partition_assignment_strategy="cooperative-sticky",
                session_timeout_ms=int(timeouts.session * 1000),
                heartbeat_interval_ms=int(timeouts.session * 1000 / 10),
                max_poll_interval_ms=int(timeouts.poll * 1000),
                fetch_queue_backoff_ms=50,
                fetch_max_bytes=FETCH_BYTES,
                queued_max_messages_kbytes=FETCH_AHEAD_KILOBYTES,
                topic_metadata_refresh_interval_ms=30_000,
                statistics_interval_ms=max(1_000, int(timeouts.session * 1000 / SAMPLES)),
                on_error=self._on_error,
            )
            | {"on_commit": self._on_commit, "stats_cb": self._on_statistics},
            logger=LibraryLog(),
        )
        self._client.subscribe([topic], on_revoke=self._on_revoke, on_lost=self._on_lost)

    @property
    def awaits_answer(self) -> bool:
        """Whether a commit was sent and is not answered yet."""
        return self._unanswered > 0

    def consume(self, count: int, timeout: float) -> list[confluent_kafka.Message]:
        """Up to so many messages, or errors. Raises KafkaException."""
        return self._client.consume(count, timeout)

    def contact(self) -> confluent_kafka.Message | None:
        """Take part in the group; what may be delivered all the same. Raises KafkaException."""
        owned = self._client.assignment()
        self._client.pause(owned)
        surprise = self._client.poll(0)
        self._client.resume(owned)  # also what was lost: being paused outlives that
        return surprise

    def seek(self, partition: int, offset: int) -> None:
        """Go on from that offset. Raises KafkaException."""
        self._client.seek(TopicPartition(self._topic, partition, offset))

    def commit(self, after: Mapping[int, int]) -> None:
        """Send a commit of these offsets, and do not wait. Raises KafkaException."""
        offsets = [TopicPartition(self._topic, part, offset) for part, offset in after.items()]
        self._client.commit(offsets=offsets, asynchronous=True)
        self._unanswered += 1
        self.silence.asked(time.monotonic())

    def unreachable(self, timeout: float) -> KafkaError | None:
        """Why this client reaches no broker; None when one answers. Blocks for the timeout."""
        try:
            self._client.list_topics(self._topic, timeout=timeout)
        except KafkaException as failure:
            return self.away or reason(failure)
        self.away = None
        return None

    def close(self, timeout: float) -> None:
        """Leave the group; with brokers that do not answer, for so many seconds at most."""
        self._closing().join(timeout)

    def give_up(self) -> None:
        """Be done with the client, without waiting and without being called any more."""
        self._listener = None
        self._closing()

    def _closing(self) -> Thread:
        thread = Thread(target=self._close, name="leaving a group", daemon=True)
        start_watched(thread)
        return thread

    def _close(self) -> None:
        with suppress(KafkaException):
            self._client.close()

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        self._unanswered -= 1
        if self._unanswered == 0:
            self.silence.answered()
        if self._listener is not None:
            self._listener.settled(
                [Settled(part.partition, part.offset, part.error or error) for part in partitions]
            )

    def _on_revoke(self, _: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        self._leave(partitions, lost=False)

    def _on_lost(self, _: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        self._leave(partitions, lost=True)

    def _leave(self, partitions: list[TopicPartition], *, lost: bool) -> None:
        if self._listener is not None:
            self._listener.leave({part.partition for part in partitions}, lost)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - its public name
            self.away = error

    def _on_statistics(self, text: str) -> None:
        found = msgspec.json.decode(text, type=_Statistics).cgrp.state == "up"
        self.silence.coordinator(time.monotonic(), found=found)
