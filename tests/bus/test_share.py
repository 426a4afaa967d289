from hypothesis import given
from hypothesis import strategies as st

from quadrupel.bus.share import allot, fair_share, partition_of


@given(st.integers(1, 200), st.integers(1, 50))
def test_shares_are_within_one_of_each_other_and_leave_no_partition_over(
    partitions: int, members: int
) -> None:
    shares = [fair_share(partitions, members, rank) for rank in range(members)]
    assert sum(shares) == partitions
    assert max(shares) - min(shares) <= 1


@given(st.dictionaries(st.integers(0, 20), st.integers(0, 10_000)), st.integers(0, 20_000))
def test_a_poll_takes_as_much_as_it_may_and_no_more_than_there_is(
    waiting: dict[int, int], limit: int
) -> None:
    taken = allot(waiting, limit)
    assert sum(taken.values()) == min(limit, sum(waiting.values()))
    assert all(0 < count <= waiting[partition] for partition, count in taken.items())


def test_a_long_partition_does_not_starve_the_short_ones() -> None:
    assert allot({0: 1_000_000, 1: 10, 2: 500}, 300) == {1: 10, 2: 145, 0: 145}


def test_a_key_stays_in_its_partition_in_every_release() -> None:
    keys = [b"", b"1", b"1000000001", "ключ".encode(), bytes(range(256))]
    assert [partition_of(key, 8) for key in keys] == [0, 7, 6, 2, 3]
