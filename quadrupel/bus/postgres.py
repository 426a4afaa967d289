"""The bus in the Postgres database: durable and ordered, with nothing more to install.

It claims no more than one machine. Everything that is hard is left to the database: durability and
order to transactions (`postgres_schema`), membership to session locks (`postgres_group`), and
waking readers to NOTIFY.
"""

from collections.abc import Iterable, Iterator, Sequence

from quadrupel.core.ports import Outgoing
from quadrupel.core.positions import Position

from .postgres_admin import PostgresAdmin
from .postgres_connection import Connection, connect, driver_errors
from .postgres_consumer import PostgresConsumer
from .postgres_log import append, count_partitions
from .share import partition_of
from .topics import check_sizes

CHUNK = 5_000
CHUNK_BYTES = 8 * 1024 * 1024
"""One transaction takes at most so many messages, and stops after so many bytes."""


class PostgresProducer:
    """Publishes through one connection, replaced by a new one after any failure."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._partitions: dict[str, int] = {}

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Producer.publish`. A long list takes several transactions."""
        for _ in self._appended(messages):
            pass

    def publish_and_locate(self, messages: Sequence[Outgoing]) -> list[Position]:
        """See `Producer.publish_and_locate`."""
        return [
            next(positions[message.topic])
            for chunk, positions in self._appended(messages)
            for message in chunk
        ]

    def close(self) -> None:
        """See `Producer.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._partitions.clear()

    def _appended(
        self, messages: Sequence[Outgoing]
    ) -> Iterator[tuple[list[Outgoing], dict[str, Iterator[Position]]]]:
        """Append chunk by chunk; gives each, and by topic where its messages of it went."""
        check_sizes(messages)
        try:
            for chunk in chunks(messages):
                positions = {
                    topic: self._append(topic, [each for each in chunk if each.topic == topic])
                    for topic in sorted({message.topic for message in chunk})
                }
                yield chunk, positions
        except BaseException:
            self.close()
            raise

    def _append(self, topic: str, messages: list[Outgoing]) -> Iterator[Position]:
        with driver_errors(f"publishing to {topic}", topic):
            if self._connection is None:
                self._connection = connect(self._url, "producer")
            if topic not in self._partitions:
                self._partitions[topic] = count_partitions(self._connection, topic)
            count = self._partitions[topic]
            placed = [(partition_of(message.key, count), message) for message in messages]
            following = append(self._connection, topic, placed)
        return _positions((partition for partition, _ in placed), following)


def _positions(partitions: Iterable[int], following: dict[int, int]) -> Iterator[Position]:
    """Count up from the first offset in each partition."""
    for partition in partitions:
        yield Position(partition, following[partition])
        following[partition] += 1


def chunks(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Cut into the parts that are published together."""
    chunk: list[Outgoing] = []
    size = 0
    for message in messages:
        chunk.append(message)
        size += len(message.value)
        if len(chunk) == CHUNK or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class PostgresBus:
    """The bus in the database at `url`, a libpq URL of a direct connection (no pooler)."""

    def __init__(self, url: str) -> None:
        self._url = url

    def producer(self) -> PostgresProducer:
        """See `Bus.producer`."""
        return PostgresProducer(self._url)

    def consumer(self, topic: str, group: str) -> PostgresConsumer:
        """See `Bus.consumer`."""
        return PostgresConsumer(self._url, topic, group)

    def admin(self) -> PostgresAdmin:
        """See `Bus.admin`."""
        return PostgresAdmin(self._url)

    def close(self) -> None:
        """See `Bus.close`; the bus itself holds nothing."""
