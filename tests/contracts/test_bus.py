"""What every bus does: the same tests for Kafka, Postgres and the in-memory double."""

import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from quadrupel.bus.topics import MESSAGE_LIMIT
from quadrupel.core.ports import Message, Outgoing, Topic

from .bus_kit import (
    PARTITIONS,
    Kit,
    assert_in_order_per_key,
    nothing_more,
    numbered,
    publish,
    take,
    values,
)


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
        took = []
        for number in (1, 2, 3):
            timer = threading.Timer(0.3, publish, [kit, topic, [("key", f"{number}")]])
            timer.start()
            began = time.monotonic()
            assert values(consumer.poll(1_000, timeout=10.0)) == [number]
            took.append(time.monotonic() - began)
            timer.join()
        assert min(took) < 1.0

    def test_a_poll_keeps_to_its_limit_and_to_its_timeout(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(50))
        consumer = join()
        take(consumer, 1)
        some = consumer.poll(7, timeout=5.0)
        assert 1 <= len(some) <= 7
        take(consumer, 50 - 1 - len(some))
        took = []
        for _ in range(3):
            began = time.monotonic()
            assert consumer.poll(100, timeout=0.5) == []
            took.append(time.monotonic() - began)
        assert 0.4 < min(took) < 1.5

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
        second, number, came, moved = join(), 200, [], []
        deadline = time.monotonic() + 20
        while not moved and time.monotonic() < deadline:
            publish(kit, topic, numbered(40, start=number))
            number += 40
            for member, found in ((first, came), (second, moved)):
                found += member.poll(100, timeout=0.1)
                member.commit(soon=True)
        assert moved
        while batch := first.poll(100, timeout=0.3) + second.poll(100, timeout=0.3):
            came += batch
        assert values(came + moved) == list(range(200, number))

    def test_a_commit_without_a_poll_does_nothing(self, kit: Kit, topic: str, join: Any) -> None:
        publish(kit, topic, numbered(3))
        consumer = join()
        consumer.commit()
        consumer.rewind()
        consumer.keep_alive()
        assert values(take(consumer, 3)) == [0, 1, 2]


def position(message: Message) -> tuple[int, int]:
    return message.partition, message.offset
