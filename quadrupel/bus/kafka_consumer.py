"""A member of a Kafka consumer group.

Partitions move one by one (cooperative-sticky), so that a member that comes or goes does not stop
the others. They move only inside `poll`, `keep_alive` and `close`, because librdkafka calls back
only there: between a `poll` and its `commit` a partition is lost only by silence longer than the
session or the poll timeout, or through `keep_alive`.

Offsets are never committed without a `commit`, and in a thread, since librdkafka would hold the
caller, deaf to signals, for as long as a broker is frozen. What is committed `soon` is owed until
then: one request to the broker acknowledges the batches of SOON seconds. It is dropped with a
partition that is lost, since its next owner may have gone further.

It fetches ahead, within a bound in bytes.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Thread

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from quadrupel.core.errors import BusUnavailable
from quadrupel.core.ports import Message

from .kafka_client import (
    FETCH_AHEAD_KILOBYTES,
    FETCH_BYTES,
    Cluster,
    LibraryLog,
    from_kafka,
    reason,
)
from .outstanding import Outstanding

POLL_BYTES = 8 * 1024 * 1024
"""A poll returns when it has this many bytes, however many messages it may return."""

CHUNK = 1_000
SOON = 0.2
"""Seconds for which an acknowledgement may be owed while there are messages."""

Offsets = list[TopicPartition]

PROBE_TIMEOUT = 1.0

# The group moves on to its next generation: the commit is good, and comes too early or too late.
REBALANCING = {KafkaError.REBALANCE_IN_PROGRESS, KafkaError.ILLEGAL_GENERATION}

EVICTED = {
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - confluent-kafka names librdkafka's own errors so
}


class KafkaConsumer:
    """Reads one topic as a member of a group, see `Consumer`."""

    def __init__(
        self, cluster: Cluster, topic: str, group: str, session_timeout: float, poll_timeout: float
    ) -> None:
        self._cluster = cluster
        self._topic = topic
        self._outstanding = Outstanding(topic, group)
        self._session_timeout = session_timeout
        self._contact_interval = poll_timeout / 10
        self._last_contact = time.monotonic()
        self._gathered: list[Message] = []
        self._positions: dict[int, int] = {}
        self._owed: dict[int, int] = {}
        self._due = 0.0
        self._failure: KafkaError | None = None
        self._away: KafkaError | None = None
        self._committing: Future[Offsets] | None = None
        self._client = confluent_kafka.Consumer(
            cluster.settings(
                group_id=group,
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                auto_offset_reset="earliest",
                partition_assignment_strategy="cooperative-sticky",
                session_timeout_ms=int(session_timeout * 1000),
                heartbeat_interval_ms=int(session_timeout * 1000 / 10),
                max_poll_interval_ms=int(poll_timeout * 1000),
                fetch_queue_backoff_ms=50,
                fetch_max_bytes=FETCH_BYTES,
                queued_max_messages_kbytes=FETCH_AHEAD_KILOBYTES,
                topic_metadata_refresh_interval_ms=30_000,
                on_error=self._on_error,
            ),
            logger=LibraryLog(),
        )
        self._client.subscribe([topic], on_revoke=self._on_revoke, on_lost=self._on_lost)

    def poll(self, limit: int, timeout: float) -> list[Message]:
        """See `Consumer.poll`."""
        self._last_contact = time.monotonic()
        self._settle(timeout)
        self._go_back()
        if self._owed:
            timeout -= self._gather_or_pay(limit, timeout)
        if not self._gathered:
            self._gather(limit, timeout)
        messages, self._gathered = self._gathered, []
        if not messages:
            self._report_failure()
        self._outstanding.add(messages)
        return messages

    def _gather_or_pay(self, limit: int, timeout: float) -> float:
        """Pay what is owed when it is due, or nothing comes before; the seconds that may have gone.

        With messages in hand a failure is no news: the next thing that is asked will tell.
        """
        patience = min(timeout, max(0.0, self._due - time.monotonic()))
        self._gather(limit, patience)
        if not self._gathered:
            self._pay(now=True)
        else:
            with suppress(BusUnavailable):
                self._pay()
        return patience

    def commit(self, *, soon: bool = False) -> None:
        """See `Consumer.commit`. Waits for the session timeout at most."""
        if soon:
            self._owe()
        else:
            self._commit_now()
        self._outstanding.report_lost()

    def _owe(self) -> None:
        if not self._owed:
            self._due = time.monotonic() + SOON
        self._owed |= self._outstanding.after
        self._outstanding.acknowledged(self._outstanding.after)

    def _pay(self, *, now: bool = False) -> None:
        """Commit what is owed, if it is due; what cannot be now stays owed."""
        if self._owed and (now or time.monotonic() >= self._due):
            self._try_commit(self._owed)

    def _commit_now(self) -> None:
        deadline = time.monotonic() + self._session_timeout
        while (after := self._owed | self._outstanding.after) and not self._try_commit(after):
            if time.monotonic() > deadline:
                raise BusUnavailable(f"the group of {self._topic} is rebalancing for too long")
            time.sleep(0.05)

    def rewind(self) -> None:
        """See `Consumer.rewind`. The next `poll` does the work."""
        self._positions.update(self._outstanding.take_back())
        self._outstanding.lost.clear()

    def keep_alive(self) -> None:
        """See `Consumer.keep_alive`. Costs nothing when the last contact was a moment ago."""
        if time.monotonic() - self._last_contact >= self._contact_interval:
            self._last_contact = time.monotonic()
            self._contact()
        self._pay()
        if self._outstanding.lost:
            self._positions.update(self._outstanding.take_back())
            self._outstanding.report_lost()

    def close(self) -> None:
        """See `Consumer.close`. While the broker is frozen, it notices by the session timeout."""
        with suppress(BusUnavailable):
            self._pay(now=True)
        with suppress(BusUnavailable):
            self._settle(PROBE_TIMEOUT)
            self._client.close()

    def _contact(self) -> None:
        """Take part in the group without being delivered anything."""
        self._settle(PROBE_TIMEOUT)
        owned = self._client.assignment()
        try:
            self._client.pause(owned)
            surprise = self._client.poll(0)
            self._client.resume(owned)  # also what was lost: being paused outlives that
        except KafkaException as failure:
            raise self._cluster.unavailable("keeping alive", reason(failure)) from failure
        if surprise is not None and surprise.error() is None:
            message = from_kafka(surprise, self._topic)
            self._positions.setdefault(message.partition, message.offset)

    def _gather(self, limit: int, timeout: float) -> None:
        size = 0
        chunk = self._consume(1, timeout)
        while chunk:
            for raw in chunk:
                error = raw.error()
                if error is not None:
                    self._failure = error
                    continue
                message = from_kafka(raw, self._topic)
                self._gathered.append(message)
                size += len(message.value)
            room = min(CHUNK, limit - len(self._gathered))
            chunk = self._consume(room, 0) if room and size < POLL_BYTES else []

    def _consume(self, count: int, timeout: float) -> list[confluent_kafka.Message]:
        try:
            return self._client.consume(count, timeout)
        except KafkaException as failure:
            self._failure = reason(failure)
            return []

    def _report_failure(self) -> None:
        """Raise what a `poll` that found nothing should raise, if anything."""
        failure, self._failure = self._failure, None
        if failure is not None and failure.code() != KafkaError._MAX_POLL_EXCEEDED:  # noqa: SLF001
            raise self._cluster.refusal(self._topic, f"reading {self._topic}", failure)
        if self._away is not None:
            self._probe(self._away)

    def _probe(self, away: KafkaError) -> None:
        """Ask whether the brokers, once all away, are back: librdkafka does not tell."""
        try:
            self._client.list_topics(self._topic, timeout=PROBE_TIMEOUT)
        except KafkaException as failure:
            doing = f"reading {self._topic}"
            raise self._cluster.unavailable(doing, away) from failure
        self._away = None

    def _go_back(self) -> None:
        """Seek where `rewind` asked; what cannot be done now is tried again by the next poll."""
        for partition, offset in list(self._positions.items()):
            try:
                self._client.seek(TopicPartition(self._topic, partition, offset))
            except KafkaException as failure:
                self._contact()  # learns of it, in case the partition is not ours any more
                doing = f"going back in {self._topic}"
                raise self._cluster.unavailable(doing, reason(failure)) from failure
            del self._positions[partition]

    def _try_commit(self, after: Mapping[int, int]) -> bool:
        """Commit these offsets; False when the group is rebalancing and it is too early."""
        offsets = [TopicPartition(self._topic, part, offset) for part, offset in after.items()]
        self._settle(PROBE_TIMEOUT)
        committing: Future[Offsets] = Future()
        self._committing = committing
        Thread(target=self._send_commit, args=[committing, offsets], daemon=True).start()
        self._settle(self._session_timeout)
        try:
            results = committing.result()
        except KafkaException as failure:
            return self._judge_commit(reason(failure), list(after))
        for result in results:
            if result.error is None:
                self._acknowledged(result.partition, result.offset)
        failed = {part.partition: part.error for part in results if part.error is not None}
        return all(self._judge_commit(error, [part]) for part, error in failed.items())

    def _acknowledged(self, partition: int, after: int) -> None:
        self._owed.pop(partition, None)
        if self._outstanding.after.get(partition) == after:
            self._outstanding.acknowledged([partition])

    def _send_commit(self, committing: Future[Offsets], offsets: Offsets) -> None:
        try:
            committing.set_result(self._client.commit(offsets=offsets, asynchronous=False))
        except KafkaException as failure:
            committing.set_exception(failure)

    def _settle(self, timeout: float) -> None:
        """Wait for the commit under way, if there is one: nothing else can be asked before."""
        if self._committing is not None:
            wait([self._committing], timeout)
            if not self._committing.done():
                raise BusUnavailable(
                    f"Kafka at {self._cluster.bootstrap} does not answer a commit of {self._topic}"
                )
            self._committing = None

    def _judge_commit(self, error: KafkaError, partitions: list[int]) -> bool:
        """What a refused commit means: True when settled, False when to be tried again."""
        if error.code() in REBALANCING:
            return False
        if error.code() not in EVICTED:
            raise self._cluster.refusal(self._topic, f"committing {self._topic}", error)
        self._forget_owed(partitions)
        self._positions.update(self._outstanding.lose(partitions))
        return True

    def _on_revoke(self, _: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        """Pay before the partitions go: their next owner starts from what is committed."""
        with suppress(BusUnavailable):
            self._pay(now=True)
        self._let_go(partitions)

    def _on_lost(self, _: confluent_kafka.Consumer, partitions: list[TopicPartition]) -> None:
        self._let_go(partitions)

    def _let_go(self, partitions: list[TopicPartition]) -> None:
        gone = {part.partition for part in partitions}
        self._forget_owed(gone)
        self._outstanding.lose(gone)
        self._gathered = [message for message in self._gathered if message.partition not in gone]
        self._positions = {p: at for p, at in self._positions.items() if p not in gone}

    def _forget_owed(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._owed.pop(partition, None)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._away = error
