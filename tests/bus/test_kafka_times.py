"""The times of messages: a topic that was made by hand has whatever its producers say."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from quadrupel.bus.kafka_client import FIRST_TIME, LAST_TIME, from_kafka
from quadrupel.core.profiles import FoldState
from quadrupel.store import fold_state


@dataclass(frozen=True)
class Raw:
    """A message as confluent-kafka gives it."""

    milliseconds: int

    def timestamp(self) -> tuple[int, int]:
        return 1, self.milliseconds

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7

    def key(self) -> bytes:
        return b"u1"

    def value(self) -> bytes:
        return b"{}"


def time_of(milliseconds: int) -> datetime:
    return from_kafka(Raw(milliseconds), "quadrupel.events").timestamp  # type: ignore[arg-type]


def test_a_time_is_what_the_message_tells_to_the_millisecond() -> None:
    assert time_of(1_795_435_200_123) == datetime(2026, 11, 23, 12, 0, 0, 123_000, UTC)


@pytest.mark.parametrize(
    ("milliseconds", "nearest"),
    [
        (-1, FIRST_TIME),  # a producer that tells no time
        (-(10**17), FIRST_TIME),
        (1_795_435_200_123_456, LAST_TIME),  # one that counts microseconds
        (10**18, LAST_TIME),
    ],
)
def test_a_time_that_no_message_can_have_stops_no_stage(
    milliseconds: int, nearest: datetime
) -> None:
    taken = time_of(milliseconds)
    assert taken == nearest
    state = FoldState(seen={1: taken.toordinal()})
    assert fold_state.unpack(fold_state.pack(state)).seen == state.seen
