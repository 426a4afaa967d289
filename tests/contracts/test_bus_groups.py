"""Who shares the work in a group, on every bus: members that come, go, freeze and are killed."""

import random
import signal
import threading
import time
from collections import defaultdict
from typing import Any

import pytest

from quadrupel.core.errors import AssignmentLost, BusUnavailable
from quadrupel.core.ports import Consumer, Message, Outgoing

from .bus_kit import (
    PARTITIONS,
    REAL,
    Kit,
    assert_in_order_per_key,
    nothing_more,
    numbered,
    publish,
    take,
    values,
)


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

    def test_what_was_in_work_as_another_joined_is_acknowledged_or_comes_again_and_not_both(
        self, kit: Kit, topic: str, join: Any
    ) -> None:
        publish(kit, topic, numbered(40))
        first = join()
        take(first, 40)
        second, came = join(), []
        deadline = time.monotonic() + 4 * kit.patience
        try:
            while not came and time.monotonic() < deadline:
                first.keep_alive()
                came = second.poll(100, timeout=0.1)
            first.commit()
        except AssignmentLost:
            while len(came) < 40 and time.monotonic() < deadline + 20:
                for member in (first, second):
                    came += member.poll(100, timeout=0.1)
                    member.commit(soon=True)
            assert values(came) == list(range(40))
        else:
            assert came == []
            assert nothing_more(second)

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
