"""Test doubles of the ports, for the project's own tests and for those of its users."""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from quadrupel.bus.outstanding import Outstanding
from quadrupel.bus.share import allot, fair_share, partition_of
from quadrupel.bus.topics import check_partitions, check_sizes, missing_topic
from quadrupel.core.errors import BusUnavailable
from quadrupel.core.ports import Message, Outgoing, Progress, Topic
from quadrupel.core.positions import Position


@dataclass(slots=True)
class _Group:
    """The members of a group on a topic in order of joining, who owns what, and how far it is."""

    members: list["MemoryConsumer"] = field(default_factory=list)
    owners: dict[int, "MemoryConsumer"] = field(default_factory=dict)
    committed: dict[int, int] = field(default_factory=dict)

    def owned(self, member: "MemoryConsumer") -> list[int]:
        return sorted(part for part, owner in self.owners.items() if owner is member)

    def rebalance(self, member: "MemoryConsumer", partitions: int, busy: Collection[int]) -> bool:
        """Give away excess that is not `busy`, take what is free; say if anything changed."""
        before = dict(self.owners), len(self.members)
        if member not in self.members:
            self.members.append(member)
        rank = self.members.index(member)
        excess = len(self.owned(member)) - fair_share(partitions, len(self.members), rank)
        idle = [part for part in self.owned(member) if part not in busy]
        for partition in idle[len(idle) - excess :] if excess > 0 else []:
            del self.owners[partition]
        free = [part for part in range(partitions) if part not in self.owners]
        for partition in free[: max(0, -excess)]:
            self.owners[partition] = member
        return before != (self.owners, len(self.members))

    def remove(self, member: "MemoryConsumer") -> None:
        for partition in self.owned(member):
            del self.owners[partition]
        if member in self.members:
            self.members.remove(member)


class MemoryBus:
    """The bus in the memory of one process, for any number of threads.

    While `down` is true, everything raises BusUnavailable. `topics` holds the messages by topic and
    partition, for tests to look at.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.down = False
        self.topics: dict[str, list[list[Message]]] = {}
        self.changed = threading.Condition()
        self.now = now
        self._groups: dict[tuple[str, str], _Group] = {}

    def producer(self) -> "MemoryProducer":
        """See `Bus.producer`."""
        return MemoryProducer(self)

    def consumer(self, topic: str, group: str) -> "MemoryConsumer":
        """See `Bus.consumer`."""
        return MemoryConsumer(self, topic, group)

    def admin(self) -> "MemoryAdmin":
        """See `Bus.admin`."""
        return MemoryAdmin(self)

    def close(self) -> None:
        """See `Bus.close`."""

    def group(self, topic: str, group: str) -> _Group:
        """The state of a group, made at its first use."""
        return self._groups.setdefault((topic, group), _Group())

    def partitions(self, topic: str) -> list[list[Message]]:
        """The messages of a topic by partition; raises as every use of the bus does."""
        self.check_up()
        if topic not in self.topics:
            raise missing_topic(topic)
        return self.topics[topic]

    def check_up(self) -> None:
        """Raise BusUnavailable while the bus is `down`."""
        if self.down:
            raise BusUnavailable("the memory bus is down, as its test wants it")


class MemoryProducer:
    """Publishes to a MemoryBus, all messages or none."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Producer.publish`."""
        self.publish_and_locate(messages)

    def publish_and_locate(self, messages: Sequence[Outgoing]) -> list[Position]:
        """See `Producer.publish_and_locate`."""
        check_sizes(messages)
        positions = []
        with self._bus.changed:
            logs = {message.topic: self._bus.partitions(message.topic) for message in messages}
            for message in messages:
                log = logs[message.topic]
                number = partition_of(message.key, len(log))
                offset, at = len(log[number]), self._bus.now()
                log[number].append(
                    Message(message.topic, number, offset, message.key, message.value, at)
                )
                positions.append(Position(number, offset))
            self._bus.changed.notify_all()
        return positions

    def close(self) -> None:
        """See `Producer.close`."""


class MemoryConsumer:
    """A member of a group on a MemoryBus."""

    def __init__(self, bus: MemoryBus, topic: str, group: str) -> None:
        self._bus = bus
        self._topic = topic
        self._group = bus.group(topic, group)
        self._outstanding = Outstanding(topic, group)
        self._positions: dict[int, int] = {}

    def poll(self, limit: int, timeout: float) -> list[Message]:
        """See `Consumer.poll`."""
        deadline = time.monotonic() + timeout
        with self._bus.changed:
            while True:
                messages = self._take(limit)
                rest = deadline - time.monotonic()
                if messages or rest <= 0:
                    self._outstanding.add(messages)
                    return messages
                self._bus.changed.wait(rest)

    def commit(self, *, soon: bool = False) -> None:  # noqa: ARG002 - it is always at once
        """See `Consumer.commit`."""
        with self._bus.changed:
            self._bus.partitions(self._topic)
            self._group.committed.update(self._outstanding.after)
            self._outstanding.acknowledged(list(self._outstanding.after))
        self._outstanding.report_lost()

    def rewind(self) -> None:
        """See `Consumer.rewind`."""
        self._positions.update(self._outstanding.take_back())
        self._outstanding.lost.clear()

    def keep_alive(self) -> None:
        """See `Consumer.keep_alive`."""
        if self._outstanding.lost:
            self._positions.update(self._outstanding.take_back())
            self._outstanding.report_lost()

    def close(self) -> None:
        """See `Consumer.close`."""
        self.lose_partitions()

    def lose_partitions(self) -> None:
        """Leave the group without knowing, as when the process was killed or frozen too long."""
        with self._bus.changed:
            self._outstanding.lose(self._group.owned(self))
            self._group.remove(self)
            self._positions.clear()
            self._bus.changed.notify_all()

    def _take(self, limit: int) -> list[Message]:
        log = self._bus.partitions(self._topic)
        if self._group.rebalance(self, len(log), busy=self._outstanding.after):
            self._bus.changed.notify_all()
        owned = self._group.owned(self)
        committed = self._group.committed
        at = {part: self._positions.get(part, committed.get(part, 0)) for part in owned}
        waiting = {part: len(log[part]) - at[part] for part in owned if len(log[part]) > at[part]}
        messages: list[Message] = []
        for part, count in allot(waiting, limit).items():
            messages += log[part][at[part] : at[part] + count]
            at[part] += count
        self._positions = at
        return messages


class MemoryAdmin:
    """Looks after the topics of a MemoryBus."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus

    def create(self, topics: Sequence[Topic]) -> list[str]:
        """See `Admin.create`."""
        with self._bus.changed:
            self._bus.check_up()
            missing = [topic for topic in topics if topic.name not in self._bus.topics]
            for topic in missing:
                self._bus.topics[topic.name] = [[] for _ in range(topic.partitions)]
            return [topic.name for topic in missing]

    def verify(self, topics: Sequence[Topic]) -> None:
        """See `Admin.verify`."""
        self._bus.check_up()
        check_partitions(topics, {name: len(log) for name, log in self._bus.topics.items()})

    def progress(self, topic: str, group: str, *, members: bool = True) -> Progress:
        """See `Admin.progress`."""
        with self._bus.changed:
            log = self._bus.partitions(topic)
            known = self._bus.group(topic, group)
            end, committed = sum(map(len, log)), sum(known.committed.values())
            return Progress(end, committed, len(known.members) if members else 0)

    def browse(self, topic: str) -> Iterator[Message]:
        """See `Admin.browse`."""
        with self._bus.changed:
            copy = [message for part in self._bus.partitions(topic) for message in part]
        yield from copy


def midday_zone() -> str:
    """A time zone where it is about noon now, so that no day ends during a test."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
