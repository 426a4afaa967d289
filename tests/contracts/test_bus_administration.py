"""Topics, progress and browsing on every bus, and what every bus refuses."""

import time
import uuid
from contextlib import closing
from typing import Any

import pytest

from quadrupel.bus.topics import MESSAGE_LIMIT
from quadrupel.core.errors import BusUnavailable, InputRefused, TopicRefused
from quadrupel.core.ports import Outgoing, Progress, Topic

from .bus_kit import PARTITIONS, Kit, assert_in_order_per_key, numbered, publish, take, values


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
