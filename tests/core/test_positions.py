from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from quadrupel.core.positions import Cause, Position, contains, latest

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_of_two_causes_in_one_partition_the_greater_offset_is_the_latest():
    low, high = Cause(3, 7, NOON), Cause(3, 8, NOON - timedelta(seconds=1))
    assert latest(low, high) == latest(high, low) == high


def test_of_causes_in_different_partitions_the_last_to_arrive_is_the_latest():
    early, late = Cause(3, 7, NOON), Cause(1, 2, NOON + timedelta(seconds=1))
    assert latest(early, late) == latest(late, early) == late


def test_no_cause_is_before_every_cause():
    cause = Cause(0, 0, NOON)
    assert latest(None, cause) == latest(cause, None) == cause
    assert latest(None, None) is None


def test_the_latest_of_several_in_one_partition_does_not_depend_on_their_order():
    causes = [None, Cause(3, 5, NOON), Cause(3, 9, NOON), Cause(3, 7, NOON)]
    for first, *rest in permutations(causes):
        for each in rest:
            first = latest(first, each)
        assert first == Cause(3, 9, NOON)


@pytest.mark.parametrize(
    ("contained", "expected"),
    [
        (Position(3, 7), True),
        (Position(3, 8), True),
        (Position(3, 6), False),
        (Position(2, 99), False),
        (None, False),
    ],
)
def test_what_is_contained_is_known_of_one_partition(contained, expected):
    assert contains(contained, Position(3, 7)) is expected


@pytest.mark.parametrize(
    "change",
    [
        {"partition": -1},
        {"partition": 2**31},
        {"offset": -1},
        {"offset": 2**63},
        {"arrived_at": NOON.replace(tzinfo=None)},
    ],
)
def test_a_cause_that_cannot_be_stored_or_compared_is_none(change):
    with pytest.raises(ValueError, match=r"position|offset"):
        replace(Cause(0, 0, NOON), **change)
