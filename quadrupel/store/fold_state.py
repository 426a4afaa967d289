"""The packed form of a profile's fold state, the column `profiles.fold_state`.

Little-endian: a format byte (1), the number of marks (uint16), per mark the attribute's tag
(uint32), event time in microseconds (int64), identity (uint64) and tag of the event's type
(uint32); then per seen event its identity (uint64) and the day it arrived, counted from 1970
(uint16). 24 and 10 bytes each.
"""

import struct
from datetime import date
from functools import lru_cache

from quadrupel.core.profiles import FoldState

_HEADER = struct.Struct("<BH")
_MARK = struct.Struct("<IqQI")
_SEEN = struct.Struct("<QH")
_FORMAT = 1
_EPOCH = date(1970, 1, 1).toordinal()


def pack(state: FoldState) -> bytes:
    """The bytes of the state; equal states give equal bytes."""
    marks = [part for tag in sorted(state.marks) for part in (tag, *state.marks[tag])]
    seen = [part for key in sorted(state.seen) for part in (key, state.seen[key] - _EPOCH)]
    return (
        _HEADER.pack(_FORMAT, len(state.marks))
        + _repeated(_MARK.format, len(state.marks)).pack(*marks)
        + _repeated(_SEEN.format, len(state.seen)).pack(*seen)
    )


def unpack(packed: bytes) -> FoldState:
    """The state of the bytes. Raises ValueError if a newer Quadrupel wrote them."""
    version, count = _HEADER.unpack_from(packed)
    if version != _FORMAT:
        raise ValueError(f"fold state of format {version}, this version reads {_FORMAT}")
    middle = _HEADER.size + count * _MARK.size
    marks = _repeated(_MARK.format, count).unpack_from(packed, _HEADER.size)
    seen = _repeated(_SEEN.format, (len(packed) - middle) // _SEEN.size).unpack_from(packed, middle)
    return FoldState(
        dict(zip(marks[::4], zip(marks[1::4], marks[2::4], marks[3::4], strict=True), strict=True)),
        {key: day + _EPOCH for key, day in zip(seen[::2], seen[1::2], strict=True)},
    )


@lru_cache(maxsize=4096)
def _repeated(form: str, times: int) -> struct.Struct:
    """Many of one after the other, read at once: a profile is unpacked for each batch it is in."""
    return struct.Struct("<" + form[1:] * times)
