"""The packed form of a profile's fold state, the column `profiles.fold_state`.

Little-endian: a format byte (2), the number of marks (uint16) and of places (uint16); per mark the
attribute's tag (uint32), event time in microseconds (int64), identity (uint64) and tag of the
event's type (uint32); per place up to which events were judged its partition (uint32), time in
microseconds (int64) and offset (uint64); then per seen event its identity (uint64) and the day it
arrived, counted from 1970 (uint16). 24, 20 and 10 bytes each. Format 1, which is read too, has
neither the places nor their number.
"""

import struct
from datetime import date
from functools import lru_cache

from quadrupel.core.profiles import FoldState

_HEADER = struct.Struct("<BHH")
_MARK = struct.Struct("<IqQI")
_PLACE = struct.Struct("<IqQ")
_SEEN = struct.Struct("<QH")
_FORMAT = 2
_EPOCH = date(1970, 1, 1).toordinal()


def pack(state: FoldState) -> bytes:
    """The bytes of the state; equal states give equal bytes."""
    marks = [part for tag in sorted(state.marks) for part in (tag, *state.marks[tag])]
    places = [part for key in sorted(state.reached) for part in (key, *state.reached[key])]
    seen = [part for key in sorted(state.seen) for part in (key, state.seen[key] - _EPOCH)]
    return (
        _HEADER.pack(_FORMAT, len(state.marks), len(state.reached))
        + _repeated(_MARK.format, len(state.marks)).pack(*marks)
        + _repeated(_PLACE.format, len(state.reached)).pack(*places)
        + _repeated(_SEEN.format, len(state.seen)).pack(*seen)
    )


def unpack(packed: bytes) -> FoldState:
    """The state of the bytes. Raises ValueError if a newer Quadrupel wrote them."""
    if packed[0] == 1:
        packed = _with_places(packed)
    if packed[0] != _FORMAT:
        raise ValueError(f"fold state of format {packed[0]}, this version reads {_FORMAT}")
    _, marked, placed = _HEADER.unpack_from(packed)
    second = _HEADER.size + marked * _MARK.size
    third = second + placed * _PLACE.size
    marks = _repeated(_MARK.format, marked).unpack_from(packed, _HEADER.size)
    places = _repeated(_PLACE.format, placed).unpack_from(packed, second)
    seen = _repeated(_SEEN.format, (len(packed) - third) // _SEEN.size).unpack_from(packed, third)
    return FoldState(
        dict(zip(marks[::4], zip(marks[1::4], marks[2::4], marks[3::4], strict=True), strict=True)),
        {key: day + _EPOCH for key, day in zip(seen[::2], seen[1::2], strict=True)},
        dict(zip(places[::3], zip(places[1::3], places[2::3], strict=True), strict=True)),
    )


def _with_places(packed: bytes) -> bytes:
    """What format 1 has, in the present format."""
    return bytes([_FORMAT]) + packed[1:3] + bytes(2) + packed[3:]


@lru_cache(maxsize=4096)
def _repeated(form: str, times: int) -> struct.Struct:
    """Many of one after the other, read at once: a profile is unpacked for each batch it is in."""
    return struct.Struct("<" + form[1:] * times)
