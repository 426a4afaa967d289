"""Marks: which event decided something, so that an older or a repeated one decides it no more."""

import zlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from quadrupel.core.events import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Mark = tuple[int, int, int]
"""What decided: event time in microseconds since 1970, identity of the event, tag of its type."""

NEVER: Mark = (-(2**63), 0, 0)
"""Before every mark."""


@lru_cache(maxsize=4096)
def event_tag(event_type: str) -> int:
    """A stable 32-bit number for a declared type of events: it tells which brought a value."""
    return zlib.crc32(event_type.encode())


def mark_of(event: Event) -> Mark:
    """The mark that the event leaves where it decides."""
    return (event.time - _EPOCH) // _MICROSECOND, event.identity, event_tag(event.type)


@lru_cache(maxsize=1024)
def microseconds(time: datetime) -> int:
    """The microseconds from 1970 to the time; remembered, since many messages come at one time."""
    return (time - _EPOCH) // _MICROSECOND


def mark_time(mark: Mark) -> datetime:
    """When the deciding event happened (UTC)."""
    return _EPOCH + mark[0] * _MICROSECOND
