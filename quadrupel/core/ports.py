"""The ports: what the stages need of the world, each with at least two implementations.

The bus has three (Kafka, Postgres, the in-memory double in `quadrupel.testing`) held to one
contract suite, `tests/contracts`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from quadrupel.core.positions import Position


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should exist: its full name and its number of partitions."""

    name: str
    partitions: int


class Outgoing(NamedTuple):
    """A message to publish. Messages with one key keep their order; `key` chooses the partition."""

    topic: str
    key: bytes
    value: bytes


class Message(NamedTuple):
    """A message as delivered. (`topic`, `partition`, `offset`) is its position, unique for ever.

    `key` is None or arbitrary bytes when a foreign client wrote it. `timestamp` is aware (UTC):
    when the bus took the message.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a group is in a topic, summed over the partitions.

    `end`: the offsets that come next; it grows by one with every message. `committed`: the offsets
    the group goes on from, never before the oldest message still kept. `members` are in the group,
    where it was asked.
    """

    end: int
    committed: int
    members: int

    @property
    def lag(self) -> int:
        """How many messages the group has not committed yet."""
        return self.end - self.committed


class Producer(Protocol):
    """Writes to the bus. Not safe for use by several threads at once."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return when every message is durable on the bus.

        Raises BusUnavailable when one may not be. After an error some of the messages may be on
        the bus: publishing all of them again is correct, since every reader is idempotent. Memory
        is bounded whatever the length. Raises TopicRefused when a topic does not exist, and
        InputRefused, before any message is sent, when one is too large for the bus.
        """

    def publish_and_locate(self, messages: Sequence[Outgoing]) -> list[Position]:
        """`publish`, and return where each message went, in the order given.

        For who has few messages and needs to know; costs more than `publish`.
        """

    def close(self) -> None:
        """Release connections. Nothing is pending after a `publish` that returned."""


class Consumer(Protocol):
    """Reads one topic as a member of a group. Used by one thread.

    Each partition belongs to one member of a group at a time and is delivered in order.
    Nothing is acknowledged until `commit`; what was polled and not committed is delivered
    again, to this member after `rewind`, to another after this one is gone.
    """

    def poll(self, limit: int, timeout: float) -> list[Message]:
        """Up to `limit` messages, as soon as there are any; empty after `timeout` seconds.

        Returns fewer when they are large, so that memory is bounded. Raises BusUnavailable; the
        consumer then stays usable and recovers by itself. Raises TopicRefused when the topic does
        not exist.
        """

    def commit(self, *, soon: bool = False) -> None:
        """Acknowledge everything polled since the last commit or rewind.

        `soon`: it need not be durable at the return, but is within a moment of further polls or
        keeping alive, and at `close`. What a crash leaves out is delivered again, as ever.

        Raises AssignmentLost when some of it belongs to another member now (that part is
        redelivered there, the rest is acknowledged), BusUnavailable when it is not known: then
        `commit` may be tried again, or `rewind` lets it be delivered again.
        """

    def rewind(self) -> None:
        """Forget everything polled since the last commit, so that it is delivered again."""

    def keep_alive(self) -> None:
        """Stay a member during long work: call at least every 30 s between poll and commit.

        Delivers nothing and costs little, so call it often. Raises AssignmentLost when polled
        partitions moved to another member; what else was polled is then rewound. Raises
        BusUnavailable.
        """

    def close(self) -> None:
        """Leave the group at once, without acknowledging what was not committed."""


class Admin(Protocol):
    """Looks after topics."""

    def create(self, topics: Sequence[Topic]) -> list[str]:
        """Create the missing ones and return their names; existing ones are left as they are."""

    def verify(self, topics: Sequence[Topic]) -> None:
        """Raise TopicRefused naming every missing topic and wrong partition count, and the mend."""

    def progress(self, topic: str, group: str, *, members: bool = True) -> Progress:
        """How far the group is in the topic. Cheap enough for every second.

        Who asks without a person looking should not ask for `members` as well: 0 are told then.
        """

    def browse(self, topic: str) -> Iterator[Message]:
        """Every message now in the topic, from its start to its present end, joining no group."""


class Bus(Protocol):
    """A durable, partitioned log; the factory of everything above."""

    def producer(self) -> Producer:
        """Open a new producer."""

    def consumer(self, topic: str, group: str) -> Consumer:
        """Open a new member of the group; it starts at the group's last commit, or at the start."""

    def admin(self) -> Admin:
        """Look after topics through this."""

    def close(self) -> None:
        """Release what the bus itself holds. Producers and consumers are closed by their owners."""
