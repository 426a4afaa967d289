"""Ingest on a real database, told any history of events in any way, beside a plain fold.

Two workers fold batches cut at random; partitions move between them, they are started anew, and
crash after the commit: before or after they published, and long before they acknowledged. Whatever
happens, the rows are what the documentation says of the events, and versions only grow.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.rows import dict_row

from quadrupel.bus import codec, topics
from quadrupel.core.ports import Message
from quadrupel.stages.ingest import Ingest, declared
from quadrupel.store import schema
from quadrupel.store.database import driver, open_engine, transaction

from . import plain_fold
from .declared import IN_WORDS, SCHEMA
from .histories import PARTITIONS, START, TIMES, WITH_ALL, Writer, histories

NOW = START + timedelta(days=300)
WORKERS = 2
WAYS = st.sampled_from(
    ["acknowledged"] * 6
    + ["crashed before it published", "crashed before it acknowledged", "moved", "started anew"]
)
FROM_THE_START = 1_000


@pytest.fixture(scope="module")
def applied(shared_url):
    """An engine on a database with the columns of SCHEMA, for all histories of this file."""
    engine = open_engine(shared_url)
    with transaction(engine) as connection:
        schema.apply(connection, SCHEMA, NOW)
    yield engine
    engine.dispose()


class Portal:
    """The workers of ingest, and how far they are in each partition."""

    def __init__(self, engine, log):
        self.engine, self.log = engine, log
        self.judged = []  # in the order in which they came first
        self.known = [0] * PARTITIONS
        self.next = [0] * PARTITIONS
        self.worker_of = [0, 1]
        self.published, self.lost = {}, {}
        self.versions = {}
        self.workers = [self.worker() for _ in range(WORKERS)]

    def worker(self):
        return Ingest(self.engine, lambda: declared(SCHEMA), lambda: NOW)

    def ends(self):
        """Up to where each partition may be delivered: a day after all of the day before."""
        waiting = [
            held[known].arrived.date()
            for held, known in zip(self.log.partitions, self.known, strict=True)
            if known < len(held)
        ]
        today = min(waiting, default=date.max)
        return [
            max(known, sum(each.arrived.date() <= today for each in held))
            for held, known in zip(self.log.partitions, self.known, strict=True)
        ]

    def is_done(self):
        lengths = [len(held) for held in self.log.partitions]
        return self.known == lengths and self.next == lengths

    def stretch(self, partition, most):
        """The next messages of a partition, up to one that begins a batch."""
        first = self.next[partition]
        last = min(first + most, self.ends()[partition])
        for offset in range(max(first + 1, self.known[partition]), last):
            if (partition, offset) in self.log.first_of_a_batch:
                return self.log.partitions[partition][first:offset]
        return self.log.partitions[partition][first:last]

    def deliver(self, worker, batch, *, publishes=True):
        """Let a worker fold a batch, and look at what it did."""
        new = [each for each in batch if each.offset >= self.known[each.partition]]
        self.judged += new
        for each in new:
            self.known[each.partition] = each.offset + 1
        for each in batch:
            self.next[each.partition] = each.offset + 1
        outgoing = self.workers[worker].process([self.message(each) for each in batch])
        (self.published if publishes else self.lost).update(letters(outgoing))
        before, self.versions = self.versions, self.read_versions()
        assert all(self.versions[user] >= version for user, version in before.items())
        if not new:
            assert self.versions == before

    def message(self, each):
        at = each.partition, each.offset
        user = None if each.raw is None else each.raw["subject"].encode()
        return Message(topics.EVENTS, *at, user, self.log.bodies[at], each.arrived)

    def users(self):
        return {each.raw["subject"] for each in self.judged if each.raw is not None}

    def rows(self):
        with (
            transaction(self.engine) as connection,
            driver(connection).cursor(row_factory=dict_row) as cursor,
        ):
            cursor.execute("SET LOCAL timezone = 'UTC'")
            cursor.execute("SELECT * FROM profiles WHERE user_id = ANY(%s)", [sorted(self.users())])
            return {row["user_id"]: row for row in cursor}

    def read_versions(self):
        with transaction(self.engine) as connection:
            query = "SELECT user_id, version FROM profiles WHERE user_id = ANY(%s)"
            return dict(driver(connection).execute(query, [sorted(self.users())]).fetchall())


def letters(outgoing):
    """The reason of each dead letter, by the position of its event."""
    dead = [each for each in outgoing if each.topic == topics.DEAD_LETTERS]
    read = [
        codec.read_dead_letter(Message(each.topic, 0, 0, each.key, each.value, NOW))
        for each in dead
    ]
    return {(letter.partition, letter.offset): letter.reason for letter in read}


def run(portal, draw):
    """Deliver everything, one way or another."""
    trouble = 8
    while not portal.is_done():
        worker = draw(st.integers(0, WORKERS - 1))
        held = [each for each in range(PARTITIONS) if portal.worker_of[each] == worker]
        most = draw(st.sampled_from([1, 2, 5, 20]))
        batch = [each for partition in held for each in portal.stretch(partition, most)]
        if not batch:
            portal.worker_of = [1 - worker] * PARTITIONS
            batch = portal.stretch(0, most) + portal.stretch(1, most)
            worker = 1 - worker
        way = draw(WAYS) if trouble else "acknowledged"
        portal.deliver(worker, batch, publishes=way != "crashed before it published")
        if way == "acknowledged":
            continue
        trouble -= 1
        if way == "moved":
            partition = draw(st.integers(0, PARTITIONS - 1))
            portal.worker_of[partition] = 1 - portal.worker_of[partition]
        elif way == "started anew":
            portal.workers[worker] = portal.worker()
        else:
            portal.workers[worker] = portal.worker()
            back = draw(st.sampled_from([1, 1, 3, FROM_THE_START]))
            for partition in {each.partition for each in batch}:
                first = min(each.offset for each in batch if each.partition == partition)
                portal.next[partition] = max(0, first if back == 1 else first - back)


def in_words(row, name):
    """A column as the plain fold has it."""
    value, kind = row[name], IN_WORDS[name][0]
    if value is None:
        return None
    if isinstance(kind, int):
        epoch = date(1970, 1, 1)
        return {epoch + timedelta(days=each >> 32): each & 0xFFFFFFFF for each in value}
    if kind == "statistics":
        return {
            key: (
                each["count"],
                Decimal(each["sum"]),
                datetime.fromisoformat(each["first"]),
                datetime.fromisoformat(each["last"]),
            )
            for key, each in value.items()
        }
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def compare(portal):
    """The rows, beside what the documentation says of the events in their order."""
    users, refused = plain_fold.fold(portal.judged, IN_WORDS)
    rows = portal.rows()
    for name, user in users.items():
        row = rows.get(name)
        found = {} if row is None else {each: in_words(row, each) for each in IN_WORDS}
        known = {each: value for each, value in found.items() if value is not None}
        assert known == plain_fold.values(user, IN_WORDS)
        assert (row is not None and row["erased"]) == user.is_erased
    assert portal.published | portal.lost == refused
    missing = refused.keys() - portal.published.keys()
    assert {refused[each] for each in missing} <= {"user-erased"}


@pytest.fixture(scope="module")
def names():
    """Makes user ids of each history its own."""
    return count()


@pytest.mark.timeout(300 * TIMES)
@histories(80)
@given(history=WITH_ALL, data=st.data())
def test_rows_are_what_the_documentation_says_of_the_events(applied, names, history, data):
    writer = Writer(f"-{next(names)}")
    for each in history:
        writer.write(each)
    portal = Portal(applied, writer.log)
    run(portal, data.draw)
    compare(portal)
    before = portal.rows()
    portal.next = [0] * PARTITIONS
    portal.workers = [portal.worker()]
    portal.deliver(0, [each for held in writer.log.partitions for each in held])
    assert portal.rows() == before
