"""What only the Postgres bus has to prove: its offsets, locks, wake-up calls and deletions."""

import statistics
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import psycopg
import pytest

from quadrupel.bus.postgres import CHUNK, CHUNK_BYTES, PostgresBus, chunks
from quadrupel.bus.postgres_connection import table
from quadrupel.core.errors import BusUnavailable, TopicRefused
from quadrupel.core.ports import Consumer, Message, Outgoing, Producer, Topic

TOPIC = "test.events"


@pytest.fixture
def bus(database_url: str) -> PostgresBus:
    made = PostgresBus(database_url)
    made.admin().create([Topic(TOPIC, 4)])
    return made


def messages(count: int) -> list[Outgoing]:
    return [Outgoing(TOPIC, b"key %d" % number, b"%d" % number) for number in range(count)]


def drain(consumer: Consumer) -> list[Message]:
    """Poll and commit until nothing comes any more."""
    taken: list[Message] = []
    while batch := consumer.poll(1_000, timeout=0.3):
        consumer.commit()
        taken += batch
    return taken


def stored(url: str) -> int:
    with psycopg.connect(url) as connection:
        query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(table(TOPIC))
        [[count]] = connection.execute(query).fetchall()
        return int(count)


def cut_connections(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
            "WHERE application_name LIKE 'quadrupel bus%'"
        )


def test_readers_never_pass_an_offset_that_is_committed_later(bus: PostgresBus) -> None:
    publishers, rounds, size = 4, 40, 10

    def publish(number: int) -> None:
        with closing(bus.producer()) as producer:
            for turn in range(rounds):
                producer.publish(messages(size + (number + turn) % 3))

    seen: dict[int, list[int]] = defaultdict(list)
    with ThreadPoolExecutor() as pool, closing(bus.consumer(TOPIC, "group")) as consumer:
        running = [pool.submit(publish, number) for number in range(publishers)]
        while not all(task.done() for task in running) or bus.admin().progress(TOPIC, "group").lag:
            for message in consumer.poll(37, timeout=0.1):
                seen[message.partition].append(message.offset)
            consumer.commit()
        for task in running:
            task.result()
    assert sum(map(len, seen.values())) >= publishers * rounds * size
    assert all(offsets == list(range(len(offsets))) for offsets in seen.values())


def test_a_reader_is_woken_at_once(bus: PostgresBus) -> None:
    delays: list[float] = []

    def publish(producer: Producer) -> None:
        time.sleep(0.02)
        delays.append(-time.monotonic())
        producer.publish(messages(1))

    with (
        ThreadPoolExecutor() as pool,
        closing(bus.producer()) as producer,
        closing(bus.consumer(TOPIC, "group")) as consumer,
    ):
        consumer.poll(1, timeout=0.1)
        for _ in range(20):
            published = pool.submit(publish, producer)
            assert len(consumer.poll(10, timeout=5.0)) == 1
            delays[-1] += time.monotonic()
            published.result()
    assert statistics.median(delays) < 0.05


def test_three_members_of_four_partitions_own_two_one_and_one(bus: PostgresBus) -> None:
    with ExitStack() as stack:
        members = [stack.enter_context(closing(bus.consumer(TOPIC, "group"))) for _ in range(3)]
        for _ in range(4):
            for member in members:
                member.poll(1, timeout=0.05)
        with closing(bus.producer()) as producer:
            producer.publish(messages(100))
        owned = [{message.partition for message in drain(member)} for member in members]
    assert sorted(map(len, owned)) == [1, 1, 2]
    assert set.union(*owned) == {0, 1, 2, 3}


def test_more_members_than_partitions_wait_for_their_turn(bus: PostgresBus) -> None:
    with ExitStack() as stack:
        members = [stack.enter_context(closing(bus.consumer(TOPIC, "group"))) for _ in range(6)]
        for member in members:
            member.poll(1, timeout=0.05)
        with closing(bus.producer()) as producer:
            producer.publish(messages(50))
        for member in members[:5]:
            member.close()
        assert len(drain(members[5])) == 50


def test_producers_and_readers_recover_from_cut_connections(
    bus: PostgresBus, database_url: str
) -> None:
    with closing(bus.producer()) as producer, closing(bus.consumer(TOPIC, "group")) as consumer:
        producer.publish(messages(10))
        taken = consumer.poll(4, timeout=1.0)
        consumer.commit()
        consumer.poll(2, timeout=1.0)
        cut_connections(database_url)
        with pytest.raises(BusUnavailable):
            producer.publish(messages(1))
        producer.publish(messages(1))
        with pytest.raises(BusUnavailable):
            consumer.poll(10, timeout=1.0)
        consumer.rewind()
        taken += drain(consumer)
        assert len(taken) == 11
        cut_connections(database_url)
        with pytest.raises(BusUnavailable, match="check that the database runs"):
            consumer.keep_alive()
        assert consumer.poll(10, timeout=0.1) == []


def test_what_every_group_has_committed_is_deleted(bus: PostgresBus, database_url: str) -> None:
    with closing(bus.producer()) as producer:
        producer.publish(messages(100))
        with closing(bus.consumer(TOPIC, "slow")) as slow:
            assert len(slow.poll(10, timeout=1.0)) == 10
            slow.commit()
        with closing(bus.consumer(TOPIC, "quick")) as quick:
            assert len(drain(quick)) == 100
        with closing(bus.consumer(TOPIC, "quick")) as quick:
            assert drain(quick) == []
        assert stored(database_url) == 90
        with closing(bus.consumer(TOPIC, "slow")) as slow:
            assert len(drain(slow)) == 90
        with closing(bus.consumer(TOPIC, "slow")) as slow:
            assert drain(slow) == []
        assert stored(database_url) == 0
        producer.publish(messages(5))
    with closing(bus.consumer(TOPIC, "new")) as new:
        assert len(drain(new)) == 5
    assert bus.admin().progress(TOPIC, "another").lag == 5


def test_wake_up_calls_do_not_pile_up_while_a_reader_only_stays_alive(bus: PostgresBus) -> None:
    with closing(bus.consumer(TOPIC, "group")) as idle, closing(bus.producer()) as producer:
        idle.poll(1, timeout=0.1)
        for _ in range(50):
            producer.publish(messages(1))
            idle.keep_alive()
        waiting = idle._connection._notifies_backlog
        assert waiting is not None
        assert len(waiting) <= 1
        assert len(idle.poll(100, timeout=5.0)) == 50


def test_without_a_group_everything_is_kept(bus: PostgresBus, database_url: str) -> None:
    with closing(bus.producer()) as producer:
        producer.publish(messages(10))
        producer.publish(messages(10))
    assert stored(database_url) == 20


def test_a_database_without_topics_is_told_apart_from_one_that_is_away(database_url: str) -> None:
    bus = PostgresBus(database_url)
    with pytest.raises(TopicRefused), closing(bus.producer()) as producer:
        producer.publish(messages(1))
    with pytest.raises(TopicRefused), closing(bus.consumer(TOPIC, "group")) as consumer:
        consumer.poll(1, timeout=0.1)
    with pytest.raises(TopicRefused):
        bus.admin().verify([Topic(TOPIC, 4)])


def test_several_may_create_topics_at_once(database_url: str) -> None:
    wanted = [Topic(f"topic.{number}", 2) for number in range(5)]
    with ThreadPoolExecutor() as pool:
        created = pool.map(lambda _: PostgresBus(database_url).admin().create(wanted), range(4))
    names = [name for answer in created for name in answer]
    assert sorted(names) == [topic.name for topic in wanted]


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "two words",
        'x"; DROP SCHEMA bus; --',
        "a" * 56,
        "naïve",
        "line\n",
        "\x00",
        "a/b",
        "%s",
    ],
)
def test_a_name_that_makes_no_table_is_refused(bus: PostgresBus, name: str) -> None:
    with pytest.raises(TopicRefused, match="cannot be named"):
        bus.admin().create([Topic("good", 1), Topic(name, 1)])
    with pytest.raises(TopicRefused, match="missing topics: good"):
        bus.admin().verify([Topic("good", 1)])


def test_long_lists_are_published_in_parts() -> None:
    small = [Outgoing(TOPIC, b"", b"x")] * (2 * CHUNK + 1)
    assert [len(chunk) for chunk in chunks(small)] == [CHUNK, CHUNK, 1]
    large = [Outgoing(TOPIC, b"", bytes(CHUNK_BYTES // 2))] * 5
    assert [len(chunk) for chunk in chunks(large)] == [2, 2, 1]
    assert list(chunks([])) == []
