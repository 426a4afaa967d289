"""A member of a Kafka consumer group.

Partitions move one by one (cooperative-sticky), so that a member that comes or goes does not stop
the others. They move only inside `poll`, `commit`, `keep_alive` and `close`, because librdkafka
calls back only there: between a `poll` and its `commit` a partition is lost only by silence longer
than the session or the poll timeout, or through `keep_alive`.

Offsets are never committed without a `commit`. What is committed `soon` is owed until the broker
says that it is durable: one request acknowledges the batches of SOON seconds, and nobody waits for
it. It is dropped with a partition that is lost, since its next owner may have gone further.

It fetches ahead, within a bound in bytes.

A client that is stuck while the brokers answer others is replaced by a new one, which starts from
what is committed: for whoever reads, that is as if all partitions had moved away and back.
"""

import time
from collections.abc import Collection, Mapping, Sequence

import confluent_kafka
import structlog
from confluent_kafka import KafkaError, KafkaException

from quadrupel.core.errors import BusUnavailable, TopicRefused
from quadrupel.core.ports import Message
from quadrupel.telemetry import KAFKA_CLIENTS_REPLACED

from .kafka_client import Cluster, from_kafka, reason
from .kafka_member import Listener, Member, Settled, Timeouts
from .outstanding import Outstanding

POLL_BYTES = 8 * 1024 * 1024
"""A poll returns when it has this many bytes, however many messages it may return."""

CHUNK = 1_000
SOON = 0.2
"""Seconds for which an acknowledgement may be owed while there are messages."""
QUIET = 0.02
"""And while there are none: who waits for it, as a run waits for publish, should not wait long."""

CONTACTS = 10
"""How often in a poll timeout `keep_alive` speaks to librdkafka."""

SHORTEST_WAIT, LONGEST_WAIT = 0.001, 0.05
"""How long a `commit` that waits for its answer sleeps before it looks again."""

PROBE_TIMEOUT = 1.0
NEW_CLIENT_TIMEOUT = 2.0
RECONNECT_TIMEOUT = 3.0
"""By when a client that is well finds a broker that answers others: it tries every second."""

# The commit is good, and comes too early or too late: the group moves on to its next generation,
# or its coordinator still reads what the group committed before.
TOO_EARLY = {
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}

EVICTED = {
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - confluent-kafka names librdkafka's own errors so
}

log = structlog.get_logger(__name__)


class KafkaConsumer:
    """Reads one topic as a member of a group, see `Consumer`."""

    def __init__(self, cluster: Cluster, topic: str, group: str, timeouts: Timeouts) -> None:
        self._cluster = cluster
        self._topic = topic
        self._group = group
        self._timeouts = timeouts
        self._outstanding = Outstanding(topic, group)
        self._last_contact = time.monotonic()
        self._gathered: list[Message] = []
        self._positions: dict[int, int] = {}
        self._owed: dict[int, int] = {}
        self._due = 0.0
        self._failure: KafkaError | None = None
        self._refused: KafkaError | None = None
        self._member = self._join()

    def _join(self) -> Member:
        listener = Listener(self._on_leave, self._on_settled)
        return Member(self._cluster, self._topic, self._group, self._timeouts, listener)

    def poll(self, limit: int, timeout: float) -> list[Message]:
        """See `Consumer.poll`."""
        self._last_contact = time.monotonic()
        self._go_back()
        has_looked = bool(self._owed)
        if has_looked:
            timeout -= self._gather_or_pay(limit, timeout)
        if not (has_looked and self._gathered):  # what came with a commit is no whole batch
            self._gather(limit, timeout)
        messages, self._gathered = self._gathered[:limit], self._gathered[limit:]
        if not messages:
            self._report_failure()
            self._look()
        self._outstanding.add(messages)
        return messages

    def _gather_or_pay(self, limit: int, timeout: float) -> float:
        """Pay what is owed when it is due or nothing comes; the seconds that may have gone."""
        patience = min(timeout, QUIET, max(0.0, self._due - time.monotonic()))
        self._gather(limit, patience)
        self._pay(now=not self._gathered)
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
        """Send a commit of what is owed, if it is due and no other one is on its way."""
        if self._owed and (now or time.monotonic() >= self._due):
            self._due = time.monotonic() + SOON
            if not self._member.awaits_answer:
                self._send(self._owed)

    def _send(self, after: Mapping[int, int]) -> None:
        self._refused = None
        try:
            self._member.commit(after)
        except KafkaException as failure:
            self._refused = reason(failure)

    def _commit_now(self) -> None:
        deadline = time.monotonic() + self._timeouts.session
        pause = SHORTEST_WAIT
        self._listen()  # what has left meanwhile is not ours to commit
        while after := self._owed | self._outstanding.after:
            if not self._member.awaits_answer:
                self._send(after)
            self._listen()
            if self._refused is not None:
                raise self._refusal("committing", self._refused)
            if time.monotonic() > deadline:
                raise self._unanswered()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)

    def _unanswered(self) -> BusUnavailable:
        if self._member.unreachable(PROBE_TIMEOUT) is None:
            return BusUnavailable(f"the group of {self._topic} is rebalancing for too long")
        return BusUnavailable(
            f"Kafka at {self._cluster.bootstrap} does not answer a commit of {self._topic}"
        )

    def rewind(self) -> None:
        """See `Consumer.rewind`. The next `poll` does the work."""
        self._positions.update(self._outstanding.take_back())
        self._outstanding.lost.clear()

    def keep_alive(self) -> None:
        """See `Consumer.keep_alive`. Costs nothing when the last contact was a moment ago."""
        now = time.monotonic()
        if now - self._last_contact >= self._timeouts.poll / CONTACTS:
            self._last_contact = now
            self._contact()
        if self._owed and now >= self._due:
            self._listen()
            self._pay()
        if self._outstanding.lost:
            self._positions.update(self._outstanding.take_back())
            self._outstanding.report_lost()

    def close(self) -> None:
        """See `Consumer.close`. While the brokers are away, it waits for the session timeout."""
        if self._owed:
            self._send(self._owed)
        self._member.close(self._timeouts.session)

    def _contact(self) -> None:
        """Take part in the group without being delivered anything."""
        try:
            surprise = self._member.contact()
        except KafkaException as failure:
            raise self._cluster.unavailable("keeping alive", reason(failure)) from failure
        if surprise is not None:
            self._keep([surprise])

    def _listen(self) -> None:
        """Be called back. A message may come with it, and waits for the next `poll`."""
        self._keep(self._consume(1, 0))

    def _gather(self, limit: int, timeout: float) -> None:
        size = 0
        chunk = self._consume(1, 0 if self._gathered else timeout)
        while chunk:
            size += self._keep(chunk)
            room = min(CHUNK, limit - len(self._gathered))
            chunk = self._consume(room, 0) if room > 0 and size < POLL_BYTES else []

    def _consume(self, count: int, timeout: float) -> list[confluent_kafka.Message]:
        try:
            return self._member.consume(count, timeout)
        except KafkaException as failure:
            self._failure = reason(failure)
            return []

    def _keep(self, raws: Sequence[confluent_kafka.Message]) -> int:
        """Gather what librdkafka delivered, or remember its error; the size of the values."""
        size = 0
        for raw in raws:
            error = raw.error()
            if error is not None:
                self._failure = error
                continue
            message = from_kafka(raw, self._topic)
            self._gathered.append(message)
            size += len(message.value)
        return size

    def _report_failure(self) -> None:
        """Raise what a `poll` that found nothing should raise, if anything."""
        failure, self._failure = self._failure, None
        refused, self._refused = self._refused, None
        if failure is not None and failure.code() != KafkaError._MAX_POLL_EXCEEDED:  # noqa: SLF001
            raise self._refusal("reading", failure)
        if refused is not None:
            raise self._refusal("committing", refused)

    def _refusal(self, doing: str, error: KafkaError) -> BusUnavailable | TopicRefused:
        return self._cluster.refusal(self._topic, f"{doing} {self._topic}", error)

    def _look(self) -> None:
        """Where nothing comes and something may be wrong, find out what.

        Raises BusUnavailable while the brokers are away. When they are not, and the client hears
        nothing all the same, it is replaced.
        """
        silent = self._member.silence.too_long(time.monotonic())
        if silent is None and self._member.away is None:
            return
        away = self._member.unreachable(PROBE_TIMEOUT)
        if away is not None:
            if not self._cluster.answers(self._topic, NEW_CLIENT_TIMEOUT):
                self._member.silence.excused(time.monotonic())
                raise self._refusal("reading", away)
            if self._member.unreachable(RECONNECT_TIMEOUT) is not None:
                silent = "reached no broker"
        if silent is not None:
            self._replace(silent)

    def _replace(self, silent: str) -> None:
        """Give the client up for a new one; what is at hand is as lost as in a rebalance."""
        log.warning(
            "reads on with a new client: Kafka answers, and the old one heard nothing of it",
            topic=self._topic,
            group=self._group,
            old_client=silent,
        )
        KAFKA_CLIENTS_REPLACED.labels(self._topic).inc()
        self._member.give_up()
        self._let_go({*self._owed, *self._outstanding.first, *self._positions})
        self._gathered.clear()
        self._failure = self._refused = None
        self._member = self._join()

    def _go_back(self) -> None:
        """Seek where `rewind` asked; what cannot be done now is tried again by the next poll."""
        for partition, offset in list(self._positions.items()):
            try:
                self._member.seek(partition, offset)
            except KafkaException as failure:
                self._contact()  # learns of it, in case the partition is not ours any more
                self._look()
                doing = f"going back in {self._topic}"
                raise self._cluster.unavailable(doing, reason(failure)) from failure
            self._drop_gathered({partition})
            del self._positions[partition]

    def _on_settled(self, results: Sequence[Settled]) -> None:
        for partition, after, error in results:
            if error is None:
                self._acknowledged(partition, after)
            elif error.code() in EVICTED:
                self._owed.pop(partition, None)
                self._positions.update(self._outstanding.lose([partition]))
            elif error.code() not in TOO_EARLY:
                self._refused = error

    def _acknowledged(self, partition: int, after: int) -> None:
        if self._owed.get(partition, after + 1) <= after:
            del self._owed[partition]
        if self._outstanding.after.get(partition) == after:
            self._outstanding.acknowledged([partition])

    def _on_leave(self, partitions: Collection[int], lost: bool) -> None:
        """Pay before partitions go: their next owner starts from what is committed by then.

        librdkafka lets them go only when what was sent before is answered.
        """
        if self._owed and not lost:
            self._send(self._owed)
        self._let_go(partitions)

    def _let_go(self, partitions: Collection[int]) -> None:
        for partition in partitions:
            self._owed.pop(partition, None)
            self._positions.pop(partition, None)
        self._outstanding.lose(partitions)
        self._drop_gathered(partitions)

    def _drop_gathered(self, partitions: Collection[int]) -> None:
        self._gathered = [each for each in self._gathered if each.partition not in partitions]
