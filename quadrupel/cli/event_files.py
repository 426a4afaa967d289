"""Files of events: NDJSON of any length, or one JSON array; read in bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

import msgspec

from quadrupel.bus.event_codec import MAX_EVENT, decode_event, event_message
from quadrupel.core.errors import EventRefused, InputRefused
from quadrupel.core.events import check_time
from quadrupel.core.ports import Outgoing

MAX_ARRAY = 64 * 1024 * 1024
CHUNK_EVENTS = 1_000
CHUNK_BYTES = 900_000


@dataclass(frozen=True, slots=True)
class BadEvent:
    """An event that is refused. `place` says where it is: `line 3`, `event 3` (from 1)."""

    place: str
    reason: str
    detail: str


def read_events(stream: BinaryIO, now: Callable[[], datetime]) -> Iterator[Outgoing | BadEvent]:
    """Every event of a file as a message for the bus, or what is wrong with it.

    An event from the future, by `now`, is wrong.
    Raises InputRefused when the file is an array that is broken or has more than `MAX_ARRAY` bytes.
    """
    for place, document in _documents(stream):
        try:
            event = decode_event(document)
            check_time(event, now())
            yield event_message(event)
        except EventRefused as error:
            yield BadEvent(place, error.reason, error.detail)


def chunks(messages: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Cut into what fits one request to the API."""
    chunk: list[Outgoing] = []
    size = 0
    for message in messages:
        if chunk and (len(chunk) == CHUNK_EVENTS or size + len(message.value) >= CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += len(message.value) + 1
    if chunk:
        yield chunk


def _documents(stream: BinaryIO) -> Iterator[tuple[str, bytes | memoryview]]:
    begun = False
    for number, line in _lines(stream):
        if not begun and line.lstrip()[:1] == b"[":
            yield from _elements(line + stream.read(MAX_ARRAY + 1 - len(line)))
            return
        if document := line.strip():
            begun = True
            yield f"line {number}", document


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Every line with its number; of one that is too long only as much as shows that it is."""
    number = 0
    while line := stream.readline(MAX_EVENT + 2):
        number += 1
        yield number, line
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_EVENT + 2)


def _elements(body: bytes) -> Iterator[tuple[str, memoryview]]:
    if len(body) > MAX_ARRAY:
        raise InputRefused(
            "too-large", f"an array of more than {MAX_ARRAY} bytes; write one event a line instead"
        )
    try:
        elements = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputRefused("not-json", f"the file is not a JSON array: {error}") from error
    for number, element in enumerate(elements, start=1):
        yield f"event {number}", memoryview(element)
