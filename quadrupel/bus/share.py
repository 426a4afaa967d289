"""Who gets what: a key its partition, a member its share, a poll so much of each partition."""

import zlib
from collections.abc import Mapping


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: the same in every process and release."""
    return zlib.crc32(key) % partitions


def fair_share(partitions: int, members: int, rank: int) -> int:
    """The share of member number `rank`, from 0; the shares add up to `partitions`."""
    share, rest = divmod(partitions, members)
    return share + (rank < rest)


def allot(waiting: Mapping[int, int], limit: int) -> dict[int, int]:
    """How many messages to take of each partition, of those `waiting` there, `limit` in all.

    What a short partition leaves goes to the longer ones; nobody's part depends on its number.
    """
    taken: dict[int, int] = {}
    rest = limit
    for done, (partition, count) in enumerate(sorted(waiting.items(), key=lambda item: item[1])):
        taken[partition] = min(count, rest // (len(waiting) - done))
        rest -= taken[partition]
    return {partition: count for partition, count in taken.items() if count}
