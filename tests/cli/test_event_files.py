import io
import json
import tracemalloc
from datetime import UTC, datetime

import pytest

from quadrupel.bus.event_codec import MAX_EVENT
from quadrupel.cli.event_files import CHUNK_BYTES, MAX_ARRAY, BadEvent, chunks, read_events
from quadrupel.core.errors import InputRefused
from quadrupel.core.ports import Outgoing

GOOD = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "t",
    "subject": "u1",
    "time": "2026-11-23T10:00:00Z",
}
LINE = json.dumps(GOOD).encode()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
AHEAD = LINE.replace(b"T10:00", b"T12:06")


def kinds(body: bytes) -> list[str]:
    found = read_events(io.BytesIO(body), lambda: NOW)
    return [
        f"{each.place} {each.reason}" if isinstance(each, BadEvent) else "good" for each in found
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"\n \r\n", []),
        (LINE, ["good"]),
        (LINE + b"\r\n\r\n" + LINE + b"\n", ["good", "good"]),
        (LINE + b"\n{\n" + LINE, ["good", "line 2 not-json", "good"]),
        (LINE + b"\n[" + LINE + b"]", ["good", "line 2 not-an-object"]),
        (b"\xef\xbb\xbf" + LINE, ["line 1 not-json"]),
        (b"x" * (MAX_EVENT * 3) + b"\n" + LINE, ["line 1 too-large", "good"]),
        (LINE[:-1] + b" " * (MAX_EVENT - len(LINE)) + b"}\r\n" + LINE, ["good", "good"]),
        (LINE + b"\n" + AHEAD, ["good", "line 2 in-the-future"]),
        (b"[]", []),
        (b"\n [" + LINE + b",\n{}]", ["good", "event 2 missing-attribute"]),
        (b"[" + b",".join([LINE] * 2000) + b"]", ["good"] * 2000),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_is_read_event_by_event(body: bytes, expected: list[str]) -> None:
    assert kinds(body) == expected


@pytest.mark.parametrize("body", [b"[", b"[1,", b"[1] [2]", b"[" * 100_000, b'["\xff"'])
def test_a_broken_array_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InputRefused, match="not-json"):
        kinds(body)


def test_an_array_that_is_too_long_says_to_write_lines() -> None:
    with pytest.raises(InputRefused, match="one event a line"):
        kinds(b"[" + b" " * MAX_ARRAY)


def test_chunks_fit_a_request() -> None:
    large = [Outgoing("t", b"k", b"x" * 60_000)] * 40
    assert all(sum(len(each.value) for each in chunk) <= CHUNK_BYTES for chunk in chunks(large))
    assert sum(map(len, chunks(large))) == 40
    assert [len(chunk) for chunk in chunks([Outgoing("t", b"k", b"x")] * 2500)] == [1000, 1000, 500]


class Endless(io.RawIOBase):
    """Lines without end, none of them kept."""

    def __init__(self, count: int) -> None:
        self.left = count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if self.left == 0:
            return 0
        self.left -= 1
        data = LINE + b"\n"
        buffer[: len(data)] = data
        return len(data)


def test_memory_does_not_grow_with_the_file() -> None:
    tracemalloc.start()
    try:
        for _ in chunks(read_events(io.BufferedReader(Endless(20_000)), lambda: NOW)):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
