"""What every bus does: the same tests for Kafka, Postgres and the in-memory double."""

import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.postgres import PostgresBus
from quadrupel.bus.topics import MESSAGE_LIMIT
from quadrupel.core.errors import AssignmentLost, BusUnavailable, InputRefused, TopicRefused
from quadrupel.core.ports import Bus, Consumer, Message, Outgoing, Progress, Topic
from quadrupel.testing import MemoryBus

MEMBER = Path(__file__).parents[1] / "bus" / "member.py"
PARTITIONS = 4
CLOSED = "127.0.0.1:1"


@dataclass
class Kit:
    """A bus, and what a test needs to know of it beyond the port."""

    bus: Bus
    away: Bus
    address: str | None  # what a member in another process opens
    patience: float = 0.3  # seconds after which a silent member has lost its partitions, if ever

    def __post_init__(self) -> None:
        self.producer = self.bus.producer()

    def lose(self, consumer: Any) -> None:
        """Let the consumer's partitions go to others without its knowing."""
        if isinstance(self.bus, MemoryBus):
            consumer.lose_partitions()
        elif isinstance(self.bus, PostgresBus):
            assert self.address is not None
            with psycopg.connect(self.address) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
                    "WHERE application_name LIKE 'quadrupel bus reader%'"
                )
        else:
            time.sleep(self.patience)

    def die_with(self, topic: str, group: str, count: int) -> None:
        """Let a member poll so many messages and be killed before it commits them."""
        if self.address is None:
            consumer = MemoryBus.consumer(self.bus, topic, group)
            take(consumer, count)
            consumer.lose_partitions()
            return
        with self.spawn("hold", topic, group, count) as member:
            assert member.stdout is not None
            assert member.stdout.readline() == "holding\n"
            member.kill()

    def spawn(self, mode: str, topic: str, group: str, count: int) -> "subprocess.Popen[str]":
        command = [sys.executable, str(MEMBER), mode, self.address, topic, group, str(count)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


REAL = ["postgres", pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.fixture(params=["memory", *REAL])
def kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    if request.param == "memory":
        away = MemoryBus()
        away.down = True
        made = Kit(MemoryBus(), away, None)
    elif request.param == "postgres":
        url = request.getfixturevalue("database_url")
        made = Kit(PostgresBus(url), PostgresBus(f"postgresql://{CLOSED}/nowhere"), url)
    else:
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        bus = KafkaBus(bootstrap, session_timeout=1.5, poll_timeout=2.0)
        made = Kit(bus, KafkaBus(CLOSED, timeout=0.5), f"kafka:{bootstrap}", 2.5)
    yield made
    made.producer.close()
    made.bus.close()


@pytest.fixture
def topic(kit: Kit) -> str:
    name = f"test.{uuid.uuid4().hex}"
    assert kit.bus.admin().create([Topic(name, PARTITIONS)]) == [name]
    return name


@pytest.fixture
def group() -> str:
    return f"test.{uuid.uuid4().hex}"


@pytest.fixture
def join(kit: Kit, topic: str, group: str) -> Iterator[Any]:
    """Opens members of the group, and closes those that the test did not."""
    with ExitStack() as stack:

        def join() -> Consumer:
            return stack.enter_context(closing(kit.bus.consumer(topic, group)))

        yield join


def publish(kit: Kit, topic: str, messages: list[tuple[str, str]]) -> None:
    kit.producer.publish([Outgoing(topic, k.encode(), v.encode()) for k, v in messages])


def numbered(count: int, keys: int = 20, start: int = 0) -> list[tuple[str, str]]:
    """Messages whose values count up, on `keys` keys in turn."""
    return [(f"key {number % keys}", str(number)) for number in range(start, start + count)]


def take(consumer: Consumer, count: int, within: float = 20.0) -> list[Message]:
    """Poll until there are `count` messages; commits nothing."""
    messages: list[Message] = []
    deadline = time.monotonic() + within
    while len(messages) < count and time.monotonic() < deadline:
        messages += consumer.poll(count - len(messages), timeout=0.2)
    assert len(messages) == count
    return messages


def nothing_more(consumer: Consumer) -> bool:
    return consumer.poll(100, timeout=0.3) == []


def values(messages: list[Message]) -> list[int]:
    return sorted(int(message.value) for message in messages)


def assert_in_order_per_key(messages: list[Message]) -> None:
    seen: dict[bytes | None, list[int]] = defaultdict(list)
    for message in messages:
        seen[message.key].append(int(message.value))
    assert all(numbers == sorted(numbers) for numbers in seen.values())


class TestDelivery:
    def test_messages_of_a_key_arrive_in_the_order_they_were_published(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        for start in range(0, 300, 100):
            publish(kit, topic, numbered(100, start=start))
        messages = take(join(), 300)
        assert values(messages) == list(range(300))
        assert_in_order_per_key(messages)
        assert len({message.partition for message in messages}) > 1

    def test_a_message_arrives_as_it_was_published(self, kit: Kit, topic: str, join: Any) -> None:
        sent = {
            b"": b"empty key",
            b"empty value": b"",
            bytes(range(256)): bytes(range(256)),
            "ключ".encode(): "значение".encode(),
            b"large": b"\x00\xff" * (MESSAGE_LIMIT // 2 - 10),
        }
        kit.producer.publish([Outgoing(topic, key, value) for key, value in sent.items()])
        messages = take(join(), len(sent))
        assert {message.key: message.value for message in messages} == sent
        assert {message.topic for message in messages} == {topic}
        age = datetime.now(UTC) - messages[0].timestamp
        assert abs(age) < timedelta(minutes=1)
        assert messages[0].timestamp.utcoffset() == timedelta(0)

    def test_a_poll_returns_as_soon_as_there_is_something(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        consumer = join()
        publish(kit, topic, [("key", "0")])
        take(consumer, 1)
        timer = threading.Timer(0.3, publish, [kit, topic, [("key", "1")]])
        timer.start()
        began = time.monotonic()
        assert values(consumer.poll(1_000, timeout=10.0)) == [1]
        assert time.monotonic() - began < 1.0
        timer.join()

    def test_a_poll_keeps_to_its_limit_and_to_its_timeout(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(50))
        consumer = join()
        take(consumer, 1)
        some = consumer.poll(7, timeout=5.0)
        assert 1 <= len(some) <= 7
        take(consumer, 50 - 1 - len(some))
        began = time.monotonic()
        assert consumer.poll(100, timeout=0.5) == []
        assert 0.4 < time.monotonic() - began < 1.5

    def test_every_group_gets_everything(self, kit: Kit, topic: str, group: str) -> None:
        publish(kit, topic, numbered(20))
        for name in (f"{group}.one", f"{group}.two"):
            with closing(kit.bus.consumer(topic, name)) as consumer:
                assert values(take(consumer, 20)) == list(range(20))
                consumer.commit()

    def test_fifty_thousand_messages_go_through_at_once(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(50_000, keys=1_000))
        consumer, messages, polls = join(), [], 0
        while len(messages) < 50_000:
            batch = consumer.poll(10_000, timeout=10.0)
            assert 0 < len(batch) <= 10_000
            consumer.commit()
            messages += batch
            polls += 1
        assert polls < 200  # what is there comes in batches, also after a commit
        assert values(messages) == list(range(50_000))
        assert_in_order_per_key(messages)

    def test_publishing_nothing_does_nothing(self, kit: Kit, topic: str, group: str) -> None:
        publish(kit, topic, [])
        assert kit.bus.admin().progress(topic, group).lag == 0

    def test_who_asks_is_told_where_each_message_went_in_the_order_given(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        other = f"{topic}.other"
        kit.bus.admin().create([Topic(other, PARTITIONS)])
        publish(kit, topic, numbered(10))
        sent = [
            Outgoing(topic if number % 3 else other, b"key %d" % (number % 20), b"%d" % number)
            for number in range(12_000)
        ]
        told = kit.producer.publish_and_locate(sent)
        publish(kit, topic, numbered(10))
        found = {
            (message.topic, message.partition, message.offset): message.value
            for name in (topic, other)
            for message in kit.bus.admin().browse(name)
        }
        places = zip(sent, told, strict=True)
        assert all(found[each.topic, *position] == each.value for each, position in places)
        assert kit.producer.publish_and_locate([]) == []


class TestAcknowledgement:
    def test_what_was_rewound_is_delivered_again(self, kit: Kit, topic: str, join: Any) -> None:
        publish(kit, topic, numbered(30))
        consumer = join()
        first = take(consumer, 30)
        consumer.rewind()
        again = take(consumer, 30)
        assert sorted(first, key=position) == sorted(again, key=position)
        assert_in_order_per_key(again)

    def test_a_rewind_goes_back_to_the_last_commit(self, kit: Kit, topic: str, join: Any) -> None:
        publish(kit, topic, numbered(10))
        consumer = join()
        take(consumer, 10)
        consumer.commit()
        publish(kit, topic, numbered(10, start=10))
        take(consumer, 4)
        take(consumer, 6)
        consumer.rewind()
        assert values(take(consumer, 10)) == list(range(10, 20))
        consumer.commit()
        consumer.rewind()
        assert nothing_more(consumer)

    def test_what_was_not_committed_goes_to_the_next_member(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(30))
        gone = join()
        take(gone, 30)
        gone.close()
        assert values(take(join(), 30)) == list(range(30))

    def test_what_was_committed_is_not_delivered_again(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(30))
        done = join()
        take(done, 30)
        done.commit()
        publish(kit, topic, numbered(5, start=30))
        done.close()
        successor = join()
        assert values(take(successor, 5)) == list(range(30, 35))
        assert nothing_more(successor)

    def test_what_was_committed_soon_is_not_delivered_again_after_a_rewind_or_by_another(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(30))
        done = join()
        take(done, 30)
        done.commit(soon=True)
        done.rewind()
        assert nothing_more(done)
        publish(kit, topic, numbered(5, start=30))
        assert values(take(done, 5)) == list(range(30, 35))
        done.commit(soon=True)
        done.close()
        assert nothing_more(join())

    def test_what_was_committed_soon_is_acknowledged_while_messages_keep_coming(
        self, kit: Kit, topic: str, group: str, join: Any
    ) -> None:
        consumer, sent = join(), 0
        deadline = time.monotonic() + 10
        while kit.bus.admin().progress(topic, group).committed < 50:
            assert time.monotonic() < deadline
            publish(kit, topic, numbered(10, start=sent))
            sent += 10
            take(consumer, 10)
            consumer.commit(soon=True)

    def test_what_was_committed_soon_stays_so_when_its_partition_goes_to_another(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(200))
        first = join()
        take(first, 200)
        first.commit(soon=True)
        second, came = join(), []
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            came += first.poll(100, timeout=0.1)
            came += second.poll(100, timeout=0.1)
        assert came == []
        publish(kit, topic, numbered(200, start=200))
        while len(came) < 200 and time.monotonic() < deadline + 10:
            came += first.poll(100, timeout=0.1)
            came += second.poll(100, timeout=0.1)
        assert values(came) == list(range(200, 400))

    def test_a_commit_without_a_poll_does_nothing(self, kit: Kit, topic: str, join: Any) -> None:
        publish(kit, topic, numbered(3))
        consumer = join()
        consumer.commit()
        consumer.rewind()
        consumer.keep_alive()
        assert values(take(consumer, 3)) == [0, 1, 2]


class TestGroups:
    def test_two_members_share_the_partitions_and_lose_nothing(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(200))
        first = join()
        delivered = work(first, 50)
        second = join()
        number, owners = 200, defaultdict(set)
        deadline = time.monotonic() + 20
        while not both_have_two(owners) and time.monotonic() < deadline:
            owners.clear()
            publish(kit, topic, numbered(40, start=number))
            number += 40
            for name, member in (("first", first), ("second", second)):
                for _ in range(3):
                    batch = member.poll(100, timeout=0.1)
                    member.commit(soon=True)  # nobody else polls for the other one meanwhile
                    delivered += batch
                    owners[name] |= {message.partition for message in batch}
        assert both_have_two(owners), owners
        while batch := first.poll(100, timeout=0.3) + second.poll(100, timeout=0.3):
            delivered += batch
        assert values(delivered) == list(range(number))
        assert_in_order_per_key(delivered)

    def test_a_member_that_leaves_leaves_its_partitions_to_the_other(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        members = [join(), join()]
        publish(kit, topic, numbered(40))
        delivered: list[Message] = []
        while len(delivered) < 40:
            for member in members:
                delivered += member.poll(100, timeout=0.1)
                member.commit(soon=True)
        members[0].close()
        publish(kit, topic, numbered(40, start=40))
        assert values(take(members[1], 40)) == list(range(40, 80))

    def test_a_member_killed_in_the_middle_loses_nothing(
        self, kit: Kit, topic: str, group: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(60))
        kit.die_with(topic, group, 60)
        assert values(take(join(), 60)) == list(range(60))

    def test_a_commit_after_the_partitions_went_away_says_so(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(40))
        late = join()
        take(late, 40)
        kit.lose(late)
        successor = join()
        batch = take(successor, 1)
        with pytest.raises(AssignmentLost, match="drop the batch"):
            commit_until_certain(late)
        batch += take(successor, 39)
        assert values(batch) == list(range(40))
        successor.commit()
        successor.close()
        late.commit()
        assert nothing_more(late)

    def test_keeping_alive_says_that_the_partitions_went_away(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(40))
        late = join()
        take(late, 40)
        kit.lose(late)
        with pytest.raises(AssignmentLost):
            keep_alive_for(late, seconds=5.0)
        assert values(take(late, 40)) == list(range(40))

    def test_keeping_alive_keeps_the_partitions_during_long_work(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(40))
        slow = join()
        take(slow, 40)
        keep_alive_for(slow, seconds=kit.patience)
        slow.commit()
        slow.close()
        assert nothing_more(join())

    def test_a_member_that_only_stays_alive_takes_nothing_and_misses_nothing(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        halted = join()
        publish(kit, topic, numbered(20))
        keep_alive_for(halted, seconds=kit.patience)
        publish(kit, topic, numbered(20, start=20))
        keep_alive_for(halted, seconds=kit.patience)
        messages = take(halted, 40)
        assert values(messages) == list(range(40))
        assert_in_order_per_key(messages)
        halted.commit()
        keep_alive_for(halted, seconds=kit.patience)
        publish(kit, topic, numbered(20, start=40))
        keep_alive_for(halted, seconds=kit.patience)
        assert values(take(halted, 20)) == list(range(40, 60))


@pytest.mark.parametrize("kit", REAL, indirect=True)
class TestProcesses:
    def test_a_frozen_member_keeps_its_partitions_or_is_told_that_it_lost_them(
        self, kit: Kit, topic: str, group: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(60))
        with kit.spawn("hold", topic, group, 60) as frozen:
            assert frozen.stdin is not None
            assert frozen.stdout is not None
            assert frozen.stdout.readline() == "holding\n"
            frozen.send_signal(signal.SIGSTOP)
            successor, end = join(), time.monotonic() + 3
            taken: list[Message] = []
            while time.monotonic() < end and len(taken) < 60:
                taken += successor.poll(100, timeout=0.2)
            frozen.send_signal(signal.SIGCONT)
            outcome, _ = frozen.communicate("commit\n", timeout=20)
        assert (outcome.strip(), len(taken)) in {("committed", 0), ("AssignmentLost", 60)}

    def test_a_backlog_of_200_mb_is_read_in_a_fraction_of_it(
        self, kit: Kit, topic: str, group: str
    ) -> None:
        value = random.Random(0).randbytes(200_000)
        kit.producer.publish([Outgoing(topic, b"%d" % key, value) for key in range(1_000)])
        with kit.spawn("drain", topic, group, 1_000) as member:
            alarm = threading.Timer(30.0, member.kill)
            alarm.start()
            output, _ = member.communicate()
            alarm.cancel()
        assert int(output) < 120_000_000


class TestAdministration:
    def test_existing_topics_are_left_as_they_are(self, kit: Kit, topic: str) -> None:
        publish(kit, topic, numbered(3))
        new = f"{topic}.new"
        wanted = [Topic(topic, PARTITIONS), Topic(new, 2)]
        assert kit.bus.admin().create(wanted) == [new]
        assert kit.bus.admin().create(wanted) == []
        kit.bus.admin().verify(wanted)
        assert len(list(kit.bus.admin().browse(topic))) == 3

    def test_every_missing_topic_and_wrong_number_of_partitions_is_named(
        self, kit: Kit, topic: str
    ) -> None:
        wanted = [Topic("missing.one", 1), Topic(topic, 8), Topic("missing.two", 1)]
        with pytest.raises(TopicRefused) as refusal:
            kit.bus.admin().verify(wanted)
        assert "missing.one, missing.two; run `quadrupel bus create`" in str(refusal.value)
        assert f"{topic} has {PARTITIONS} partitions, not 8" in str(refusal.value)

    def test_no_use_of_a_missing_topic_creates_it(self, kit: Kit, group: str) -> None:
        missing = f"missing.{uuid.uuid4().hex}"
        with pytest.raises(TopicRefused, match="quadrupel bus create"):
            publish(kit, missing, [("key", "value")])
        with (
            closing(kit.bus.consumer(missing, group)) as consumer,
            pytest.raises(TopicRefused, match="quadrupel bus create"),
        ):
            take(consumer, 1)
        with pytest.raises(TopicRefused, match="quadrupel bus create"):
            kit.bus.admin().progress(missing, group)
        with pytest.raises(TopicRefused, match="quadrupel bus create"):
            list(kit.bus.admin().browse(missing))
        with pytest.raises(TopicRefused, match=f"missing topics: {missing}"):
            kit.bus.admin().verify([Topic(missing, 1)])

    def test_progress_is_what_came_what_the_group_committed_and_who_is_in_it(
        self, kit: Kit, topic: str, group: str, join: Any
    ) -> None:
        admin = kit.bus.admin()
        assert admin.progress(topic, group) == Progress(end=0, committed=0, members=0)
        publish(kit, topic, numbered(30))
        assert admin.progress(topic, group) == Progress(end=30, committed=0, members=0)
        consumer = join()
        take(consumer, 10)
        assert admin.progress(topic, group) == Progress(end=30, committed=0, members=1)
        assert admin.progress(topic, group, members=False).members == 0
        consumer.commit()
        assert admin.progress(topic, group).committed == 10
        assert admin.progress(topic, group).lag == 20
        assert admin.progress(topic, f"{group}.other") == Progress(end=30, committed=0, members=0)
        take(consumer, 20)
        consumer.commit()
        consumer.close()
        assert admin.progress(topic, group) == Progress(end=30, committed=30, members=0)

    def test_every_member_of_a_group_is_counted(
        self, kit: Kit, topic: str, group: str, join: Any
    ) -> None:
        members = [join(), join(), join()]
        admin = kit.bus.admin()

        def counted(expected: int) -> int:
            """How many are counted, as soon as it is so many; all take part meanwhile."""
            deadline = time.monotonic() + 20
            while (found := admin.progress(topic, group).members) != expected:
                if time.monotonic() > deadline:
                    break
                for member in members:
                    member.poll(1, timeout=0.1)
            return found

        assert counted(3) == 3
        members.pop().close()
        assert counted(2) == 2

    def test_browsing_shows_everything_and_acknowledges_nothing(
        self, kit: Kit, topic: str, group: str
    ) -> None:
        assert list(kit.bus.admin().browse(topic)) == []
        publish(kit, topic, numbered(3_000))
        messages = list(kit.bus.admin().browse(topic))
        assert values(messages) == list(range(3_000))
        assert_in_order_per_key(messages)
        assert kit.bus.admin().progress(topic, group).lag == 3_000


class TestRefusals:
    def test_a_message_too_large_is_refused_before_any_is_published(
        self, kit: Kit, topic: str, group: str
    ) -> None:
        messages = [
            Outgoing(topic, b"good", b"value"),
            Outgoing(topic, b"key", bytes(MESSAGE_LIMIT)),
        ]
        with closing(kit.bus.producer()) as producer:
            for publish in (producer.publish, producer.publish_and_locate):
                with pytest.raises(InputRefused, match="too-large"):
                    publish(messages)
        assert kit.bus.admin().progress(topic, group).lag == 0

    def test_a_bus_that_is_away_is_unavailable_to_everyone(self, kit: Kit, group: str) -> None:
        topic, away = "quadrupel.events", kit.away
        with closing(away.producer()) as producer:
            for publish in (producer.publish, producer.publish_and_locate):
                with pytest.raises(BusUnavailable):
                    publish([Outgoing(topic, b"key", b"value")])
        with closing(away.consumer(topic, group)) as consumer:
            for _ in range(2):
                with pytest.raises(BusUnavailable):
                    consumer.poll(1, timeout=0.2)
            consumer.rewind()
        for use in (
            lambda: away.admin().create([Topic(topic, 1)]),
            lambda: away.admin().verify([Topic(topic, 1)]),
            lambda: away.admin().progress(topic, group),
            lambda: list(away.admin().browse(topic)),
        ):
            with pytest.raises(BusUnavailable):
                use()


def work(consumer: Consumer, at_least: int) -> list[Message]:
    """Poll and commit until there were so many messages."""
    messages: list[Message] = []
    while len(messages) < at_least:
        messages += consumer.poll(25, timeout=0.2)
        consumer.commit()
    return messages


def keep_alive_for(consumer: Consumer, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        consumer.keep_alive()
        time.sleep(0.1)


def commit_until_certain(consumer: Consumer) -> None:
    """Commit again while it is not known whether it succeeded."""
    for _ in range(50):
        try:
            consumer.commit()
        except BusUnavailable:
            time.sleep(0.1)
        else:
            return


def both_have_two(owners: dict[str, set[int]]) -> bool:
    shares = [owners["first"], owners["second"]]
    return all(len(share) == PARTITIONS // 2 for share in shares) and not shares[0] & shares[1]


def position(message: Message) -> tuple[int, int]:
    return message.partition, message.offset
