from datetime import UTC, datetime

import pytest

from quadrupel.bus.outstanding import Outstanding
from quadrupel.core.errors import AssignmentLost
from quadrupel.core.ports import Message


def message(partition: int, offset: int) -> Message:
    return Message("topic", partition, offset, b"", b"", datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture
def outstanding() -> Outstanding:
    made = Outstanding("topic", "group")
    made.add([message(0, 5), message(1, 7), message(0, 6)])
    made.add([message(0, 9)])
    return made


def test_several_polls_are_one_span_per_partition(outstanding: Outstanding) -> None:
    assert outstanding.first == {0: 5, 1: 7}
    assert outstanding.after == {0: 10, 1: 8}


def test_what_was_acknowledged_is_forgotten(outstanding: Outstanding) -> None:
    outstanding.acknowledged([0, 3])
    assert outstanding.take_back() == {1: 7}
    assert outstanding.take_back() == {}


def test_a_loss_is_reported_once_and_names_what_was_lost(outstanding: Outstanding) -> None:
    assert outstanding.lose([0, 2]) == {0: 5}
    with pytest.raises(AssignmentLost, match="partitions 0 of topic left this member of group"):
        outstanding.report_lost()
    outstanding.report_lost()
    assert outstanding.after == {1: 8}


def test_losing_what_is_not_outstanding_is_no_loss(outstanding: Outstanding) -> None:
    outstanding.lose([2, 3])
    outstanding.report_lost()


def test_a_partition_that_came_back_was_lost_all_the_same(outstanding: Outstanding) -> None:
    outstanding.lose([0])
    outstanding.add([message(0, 5)])
    assert outstanding.after == {1: 8, 0: 6}
    with pytest.raises(AssignmentLost):
        outstanding.report_lost()
