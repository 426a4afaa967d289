"""Turns by themselves: time is an argument."""

import dataclasses
import itertools
import random
from collections import defaultdict

import pytest

from quadrupel.api.turns import Turns


@dataclasses.dataclass(eq=False)
class Member:
    is_open: bool = True


@pytest.mark.parametrize("members", [1, 3, 150, 5_000])
def test_each_has_a_turn_in_every_round_and_never_many_at_once(members: int) -> None:
    turns, taken = Turns[Member](), defaultdict(list)
    for _ in range(members):
        turns.add(Member())
    for tick in range(600):  # a minute of rounds of 15 seconds
        now = list(turns.take(0.1, 15.0))
        assert len(now) <= members / 150 + 1
        for each in now:
            taken[each].append(tick / 10)
    assert len(taken) == members
    for moments in taken.values():
        assert len(moments) in (3, 4)
        waits = [later - earlier for earlier, later in itertools.pairwise(moments)]
        assert all(wait == pytest.approx(15.0, abs=0.2) for wait in waits)


def test_nobody_waits_longer_than_a_round_while_others_come_and_go() -> None:
    turns, chance = Turns[Member](), random.Random(1)
    came: dict[Member, float] = {}
    members: list[Member] = []
    for tick in range(2_000):
        now = tick / 10
        if chance.random() < 0.3 or not members:
            member = Member()
            members.append(member)
            turns.add(member)
            came[member] = now
        if chance.random() < 0.2:
            gone = members.pop(chance.randrange(len(members)))
            gone.is_open = False
            del came[gone]
        for each in turns.take(0.1, 15.0):
            came[each] = now
        assert all(now - since <= 15.2 for since in came.values())


def test_who_has_left_has_no_turn_and_takes_none_from_others() -> None:
    turns = Turns[Member]()
    left, stayed = [Member() for _ in range(100)], Member()
    for each in (*left, stayed):
        turns.add(each)
        each.is_open = each is stayed
    assert list(turns.take(1.0, 15.0)) == [stayed]
    assert list(turns.take(3.9, 15.0)) == []
    assert list(turns.take(11.1, 15.0)) == [stayed]


def test_after_a_long_pause_nobody_has_two_turns() -> None:
    turns = Turns[Member]()
    for _ in range(10):
        turns.add(Member())
    taken = list(turns.take(3_600.0, 15.0))
    assert len(taken) == len(set(taken)) == 10


def test_nobody_has_a_turn_where_nobody_is() -> None:
    turns = Turns[Member]()
    assert list(turns.take(60.0, 15.0)) == []
