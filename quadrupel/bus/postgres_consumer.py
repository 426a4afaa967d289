"""A member of a group of readers on the Postgres bus.

Everything goes through one session, which holds the locks of the partitions it reads (see
`postgres_group`). When the session is lost, its partitions are: what was outstanding is reported
as lost, and the next `poll` opens another session and starts from what was committed.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from quadrupel.core.errors import BusUnavailable
from quadrupel.core.ports import Message

from .outstanding import Outstanding
from .postgres_connection import Connection, connect, driver_errors
from .postgres_group import REBALANCE, Membership
from .postgres_log import read, trim
from .share import allot

POLL_BYTES = 8 * 1024 * 1024
"""A poll returns when it has about this many bytes, however many messages it may return."""

LOOK_AROUND = 1.0
"""Seconds between looks at the group; also how late a reader is who missed its wake-up call."""

TRIM_EVERY = 5.0

COMMITTED = """
    SELECT p.partition, coalesce(c.next_offset, 0)
    FROM bus.partitions AS p
    LEFT JOIN bus.commits AS c ON c.group_id = %(group)s AND c.partition = p.partition
    WHERE p.topic = %(topic)s AND p.partition = ANY(%(partitions)s::int[])
"""
ENDS = """
    SELECT partition, first_offset, next_offset FROM bus.partitions
    WHERE topic = %s AND partition = ANY(%s::int[])
"""
COMMIT = """
    INSERT INTO bus.commits (group_id, partition, next_offset)
    SELECT %(group)s, * FROM unnest(%(partitions)s::int[], %(offsets)s::bigint[])
    ON CONFLICT (group_id, partition) DO UPDATE SET next_offset = excluded.next_offset
"""


class PostgresConsumer:
    """Reads one topic as a member of a group, see `Consumer`."""

    def __init__(self, url: str, topic: str, group: str) -> None:
        self._url = url
        self._topic = topic
        self._group = group
        self._outstanding = Outstanding(topic, group)
        self._connection: Connection | None = None
        self._membership: Membership | None = None
        self._positions: dict[int, int] = {}
        self._look_around_at = 0.0
        self._trim_at = 0.0

    def poll(self, limit: int, timeout: float) -> list[Message]:
        """See `Consumer.poll`."""
        deadline = time.monotonic() + timeout
        with self._session(f"reading {self._topic}") as (connection, membership):
            while True:
                self._look_around(connection, membership)
                messages = self._read(connection, membership, limit)
                now = time.monotonic()
                if messages or now >= deadline:
                    self._outstanding.add(messages)
                    return messages
                self._wait(connection, min(deadline, self._look_around_at) - now)

    def commit(self, *, soon: bool = False) -> None:  # noqa: ARG002 - it is always at once
        """See `Consumer.commit`."""
        after = self._outstanding.after
        if after:
            with self._session(f"committing {self._topic}") as (connection, membership):
                arguments = {
                    "group": membership.group_id,
                    "partitions": list(after),
                    "offsets": list(after.values()),
                }
                connection.execute(COMMIT, arguments)
            self._outstanding.acknowledged(after)
        self._outstanding.report_lost()

    def rewind(self) -> None:
        """See `Consumer.rewind`."""
        self._positions.update(self._outstanding.take_back())
        self._outstanding.lost.clear()

    def keep_alive(self) -> None:
        """See `Consumer.keep_alive`: the locks live as long as the session, so look at that."""
        if self._connection is not None:
            try:
                with self._session(f"keeping the session on {self._topic}") as (connection, _):
                    connection.execute("SELECT 1")
                    _forget_notices(connection)
            except BusUnavailable:
                if not self._outstanding.lost:
                    raise
        self._outstanding.report_lost()

    def close(self) -> None:
        """See `Consumer.close`."""
        if self._membership is not None:
            with suppress(BusUnavailable), self._session("leaving") as (_, membership):
                membership.leave()
        self._disconnect()

    @contextmanager
    def _session(self, doing: str) -> Iterator[tuple[Connection, Membership]]:
        """The session, opened when there is none; when it breaks, all it owned is lost."""
        with driver_errors(doing, self._topic):
            try:
                if self._connection is None:
                    self._connection = connect(self._url, f"reader of {self._topic}")
                if self._membership is None:
                    self._membership = Membership(self._connection, self._topic, self._group)
                    self._look_around_at = 0.0
                yield self._connection, self._membership
            finally:
                if self._connection is not None and self._connection.broken:
                    self._disconnect()

    def _disconnect(self) -> None:
        self._outstanding.lose(list(self._outstanding.first))
        self._positions.clear()
        self._membership = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look_around(self, connection: Connection, membership: Membership) -> None:
        """From time to time: rebalance, and delete what nobody needs any more."""
        now = time.monotonic()
        if now < self._look_around_at:
            return
        self._look_around_at = now + LOOK_AROUND
        _forget_notices(connection)
        membership.rebalance(self._outstanding.after.keys())
        self._positions = {p: at for p, at in self._positions.items() if p in membership.owned}
        if gained := membership.owned - self._positions.keys():
            names = {"group": membership.group_id, "topic": self._topic}
            arguments = names | {"partitions": list(gained)}
            self._positions.update(connection.execute(COMMITTED, arguments).fetchall())
        if now >= self._trim_at:
            more = trim(connection, self._topic, membership.owned)
            self._trim_at = now + (0 if more else TRIM_EVERY)

    def _read(self, connection: Connection, membership: Membership, limit: int) -> list[Message]:
        ends = connection.execute(ENDS, [self._topic, list(membership.owned)]).fetchall()
        starts = {part: max(first, self._positions[part]) for part, first, _ in ends}
        waiting = {part: end - starts[part] for part, _, end in ends if end > starts[part]}
        if not waiting:
            return []
        spans = {
            part: (starts[part], starts[part] + count)
            for part, count in allot(waiting, limit).items()
        }
        messages = read(connection, self._topic, spans, POLL_BYTES)
        for message in messages:
            self._positions[message.partition] = message.offset + 1
        return messages

    def _wait(self, connection: Connection, timeout: float) -> None:
        """Until messages or members come, or `timeout` seconds."""
        for notice in connection.notifies(timeout=max(0.0, timeout), stop_after=1):
            if notice.payload == REBALANCE:
                self._look_around_at = 0.0


def _forget_notices(connection: Connection) -> None:
    """Drop wake-up calls, which pile up in memory while nobody waits for them."""
    for _ in connection.notifies(timeout=0):
        pass
