"""Appending to, reading and trimming the messages of one topic in Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from psycopg import sql

from quadrupel.core.ports import Message, Outgoing

from .postgres_connection import Connection, channel, table
from .topics import missing_topic

TRIM_BATCH = 20_000

COUNT_PARTITIONS = "SELECT count(*) FROM bus.partitions WHERE topic = %s"

ADVANCE = """
    WITH locked AS (
        SELECT partition FROM bus.partitions
        WHERE topic = %(topic)s AND partition = ANY(%(partitions)s::int[])
        ORDER BY partition FOR UPDATE
    )
    UPDATE bus.partitions AS p SET next_offset = p.next_offset + added.count
    FROM locked
    JOIN unnest(%(partitions)s::int[], %(counts)s::bigint[]) AS added (partition, count)
        USING (partition)
    WHERE p.topic = %(topic)s AND p.partition = locked.partition
    RETURNING p.partition, p.next_offset - added.count
"""

COPY = 'COPY {table} (partition, "offset", key, value) FROM STDIN (FORMAT binary)'

# Waking readers is not worth waiting for the disk: who misses it looks again within a second.
WAKE = "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, %s)"

READ = """
    SELECT "offset", key, value, taken_at
    FROM (
        SELECT *, sum(length(value)) OVER (ORDER BY "offset") - length(value) AS bytes_before
        FROM {table}
        WHERE partition = %(partition)s AND "offset" >= %(low)s AND "offset" < %(high)s
    ) AS ahead
    WHERE bytes_before < %(most_bytes)s
    ORDER BY "offset"
"""

TRIMMABLE = """
    SELECT p.partition, p.first_offset, min(coalesce(c.next_offset, 0)) AS floor
    FROM bus.partitions AS p
    JOIN bus.groups AS g USING (topic)
    LEFT JOIN bus.commits AS c ON c.group_id = g.id AND c.partition = p.partition
    WHERE p.topic = %(topic)s AND p.partition = ANY(%(partitions)s::int[])
    GROUP BY p.topic, p.partition
    HAVING min(coalesce(c.next_offset, 0)) > p.first_offset
"""

TRIM = """
    WITH gone AS (
        DELETE FROM {table}
        WHERE partition = %(partition)s AND "offset" >= %(low)s AND "offset" < %(high)s
    )
    UPDATE bus.partitions SET first_offset = greatest(first_offset, %(high)s)
    WHERE topic = %(topic)s AND partition = %(partition)s
"""


def count_partitions(connection: Connection, topic: str) -> int:
    """The number of partitions of the topic; raises TopicRefused when there is no such topic."""
    [[count]] = connection.execute(COUNT_PARTITIONS, [topic]).fetchall()
    if not count:
        raise missing_topic(topic)
    return int(count)


def append(
    connection: Connection, topic: str, messages: Sequence[tuple[int, Outgoing]]
) -> dict[int, int]:
    """Append messages to their partitions in one transaction, then wake the readers.

    Returns the offset of the first one in each partition; the others of it follow without gaps.
    """
    counts: dict[int, int] = {}
    for partition, _ in messages:
        counts[partition] = counts.get(partition, 0) + 1
    with connection.transaction(), connection.cursor() as cursor:
        arguments = {
            "topic": topic,
            "partitions": list(counts),
            "counts": list(counts.values()),
        }
        first: dict[int, int] = dict(cursor.execute(ADVANCE, arguments).fetchall())
        if len(first) < len(counts):
            raise missing_topic(topic)
        following = dict(first)
        with cursor.copy(_query(COPY, topic)) as copy:
            copy.set_types(["int4", "int8", "bytea", "bytea"])
            for partition, message in messages:
                copy.write_row((partition, following[partition], message.key, message.value))
                following[partition] += 1
    wake(connection, topic)
    return first


def wake(connection: Connection, topic: str, why: str = "") -> None:
    """Wake everyone who waits for the topic."""
    connection.execute(WAKE, [channel(topic), why])


def read(
    connection: Connection, topic: str, spans: Mapping[int, tuple[int, int]], most_bytes: int
) -> list[Message]:
    """The messages of each partition in its span of offsets, in order, from the first on.

    It stops early in a partition after its part of `most_bytes`, but reads one message at least.
    """
    query = _query(READ, topic)
    messages: list[Message] = []
    with connection.pipeline():
        cursors = {}
        for partition, (low, high) in spans.items():
            cursor = cursors[partition] = connection.cursor(binary=True)
            part = most_bytes // len(spans)
            arguments = {"partition": partition, "low": low, "high": high, "most_bytes": part}
            cursor.execute(query, arguments)
        for partition, cursor in cursors.items():
            messages += [Message(topic, partition, *row) for row in cursor]
    return messages


def trim(connection: Connection, topic: str, partitions: Iterable[int]) -> bool:
    """Delete some of what every group of the topic has committed; whether there is more."""
    arguments = {"topic": topic, "partitions": list(partitions)}
    trimmable = connection.execute(TRIMMABLE, arguments).fetchall()
    for partition, first, floor in trimmable:
        high = min(floor, first + TRIM_BATCH)
        span = {"topic": topic, "partition": partition, "low": first, "high": high}
        connection.execute(_query(TRIM, topic), span)
    return any(floor > first + TRIM_BATCH for _, first, floor in trimmable)


@cache
def _query(text: str, topic: str) -> sql.Composed:
    return sql.SQL(text).format(table=table(topic))
