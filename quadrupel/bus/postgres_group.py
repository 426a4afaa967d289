"""Which member of a group owns which partitions, by advisory locks of its database session.

A session holds one shared lock per membership and one exclusive lock per partition it owns. The
server frees both the moment the session ends, however its process died, and never while the
session lives: so there is no heartbeat, no lease that expires during a pause, and a commit made
through the same session proves that the partitions are still owned.
"""

from collections.abc import Collection

from psycopg import sql

from .postgres_connection import Connection, channel
from .postgres_log import count_partitions, wake
from .share import fair_share

# The first number of all our locks of two: this plus the number of the group.
LOCK_BASE = 0x5142_0000
MEMBER = 0x7FFF_FFFF
REBALANCE = "rebalance"

REGISTER = """
    INSERT INTO bus.groups (topic, name) VALUES (%(topic)s, %(group)s) ON CONFLICT DO NOTHING
"""
GROUP_ID = "SELECT id FROM bus.groups WHERE topic = %(topic)s AND name = %(group)s"

LOCKS = """
    SELECT objid::bigint, pid FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
JOIN = "SELECT pg_advisory_lock_shared(%s, %s)"
ACQUIRE = "SELECT p FROM unnest(%(parts)s::int[]) AS p WHERE pg_try_advisory_lock(%(group)s, p)"
RELEASE = "SELECT pg_advisory_unlock(%(group)s, p) FROM unnest(%(parts)s::int[]) AS p"


class Membership:
    """One session's part in a group. Everything may raise errors of the driver."""

    def __init__(self, connection: Connection, topic: str, group: str) -> None:
        self._connection = connection
        self._topic = topic
        self._partitions = count_partitions(connection, topic)
        names = {"topic": topic, "group": group}
        connection.execute(REGISTER, names)
        [[self.group_id]] = connection.execute(GROUP_ID, names).fetchall()
        self._lock = LOCK_BASE + self.group_id
        self.owned: set[int] = set()
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel(topic))))
        connection.execute(JOIN, [self._lock, MEMBER])
        wake(connection, topic, REBALANCE)

    def rebalance(self, busy: Collection[int]) -> None:
        """Come nearer to the fair share: give away what is not `busy`, or take what is free."""
        locks = self._connection.execute(LOCKS, [self._lock]).fetchall()
        members = sorted(pid for number, pid in locks if number == MEMBER)
        rank = members.index(self._connection.info.backend_pid)
        share = fair_share(self._partitions, len(members), rank)
        if len(self.owned) > share:
            self._release(sorted(self.owned - set(busy))[share - len(self.owned) :])
            return
        taken = {number for number, _ in locks}
        free = [number for number in range(self._partitions) if number not in taken]
        self._acquire(free[: share - len(self.owned)])

    def leave(self) -> None:
        """Release everything and tell the others."""
        self._connection.execute("SELECT pg_advisory_unlock_all()")
        self.owned.clear()
        wake(self._connection, self._topic, REBALANCE)

    def _acquire(self, partitions: list[int]) -> None:
        if partitions:
            arguments = {"group": self._lock, "parts": partitions}
            self.owned |= {number for [number] in self._connection.execute(ACQUIRE, arguments)}

    def _release(self, partitions: list[int]) -> None:
        if partitions:
            arguments = {"group": self._lock, "parts": partitions}
            self._connection.execute(RELEASE, arguments)
            self.owned -= set(partitions)
            wake(self._connection, self._topic, REBALANCE)
