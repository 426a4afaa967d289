"""Topics of the Postgres bus: created, checked, measured, browsed."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import psycopg

from quadrupel.core.ports import Message, Progress, Topic

from .postgres_connection import Connection, connect, driver_errors
from .postgres_consumer import POLL_BYTES
from .postgres_group import LOCK_BASE, MEMBER
from .postgres_log import count_partitions, read
from .postgres_schema import COUNTERS, CREATION_LOCK, PARTITIONS, messages_table
from .topics import check_partitions

BROWSE_CHUNK = 1_000

FOUND = "SELECT topic, count(*) FROM bus.partitions GROUP BY topic"
ENDS = "SELECT partition, first_offset, next_offset FROM bus.partitions WHERE topic = %s"
PROGRESS = """
    SELECT sum(p.next_offset)::bigint,
           sum(greatest(coalesce(c.next_offset, 0), p.first_offset))::bigint,
           (SELECT count(DISTINCT pid) FROM pg_locks
            WHERE locktype = 'advisory' AND classid::bigint = %(lock)s + min(g.id)
              AND objid::bigint = %(member)s AND objsubid = 2 AND granted
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
    FROM bus.partitions AS p
    LEFT JOIN bus.groups AS g ON g.topic = p.topic AND g.name = %(group)s
    LEFT JOIN bus.commits AS c ON c.group_id = g.id AND c.partition = p.partition
    WHERE p.topic = %(topic)s
"""


class PostgresAdmin:
    """Looks after topics, see `Admin`. Every call opens a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url

    def create(self, topics: Sequence[Topic]) -> list[str]:
        """See `Admin.create`. In one transaction: all of them or none."""
        tables = {topic.name: messages_table(topic) for topic in topics}
        with driver_errors("creating topics"), self._connected() as connection:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [CREATION_LOCK])
                connection.execute(COUNTERS)
                found = dict[str, int](connection.execute(FOUND).fetchall())
                missing = [topic for topic in topics if topic.name not in found]
                for topic in missing:
                    connection.execute(tables[topic.name])
                    values = {"topic": topic.name, "partitions": topic.partitions}
                    connection.execute(PARTITIONS, values)
            return [topic.name for topic in missing]

    def verify(self, topics: Sequence[Topic]) -> None:
        """See `Admin.verify`."""
        with driver_errors("looking for topics"), self._connected() as connection:
            try:
                found = dict[str, int](connection.execute(FOUND).fetchall())
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                found = {}
        check_partitions(topics, found)

    def progress(self, topic: str, group: str, *, members: bool = True) -> Progress:
        """See `Admin.progress`."""
        doing = f"measuring how far {group} is in {topic}"
        with driver_errors(doing, topic), self._connected() as connection:
            count_partitions(connection, topic)
            names = {"topic": topic, "group": group, "lock": LOCK_BASE, "member": MEMBER}
            [(end, committed, present)] = connection.execute(PROGRESS, names).fetchall()
            return Progress(end, committed, present if members else 0)

    def browse(self, topic: str) -> Iterator[Message]:
        """See `Admin.browse`. By partition, a chunk at a time."""
        with driver_errors(f"browsing {topic}", topic), self._connected() as connection:
            count_partitions(connection, topic)
            for partition, first, end in connection.execute(ENDS, [topic]).fetchall():
                while first < end:
                    span = {partition: (first, min(end, first + BROWSE_CHUNK))}
                    messages = read(connection, topic, span, POLL_BYTES)
                    yield from messages
                    first = messages[-1].offset + 1 if messages else span[partition][1]

    def _connected(self) -> "closing[Connection]":
        return closing(connect(self._url, "administration"))
