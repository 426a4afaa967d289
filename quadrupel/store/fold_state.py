"""The packed form of a profile's fold state, the column `profiles.fold_state`.

Little-endian: a format byte (1), the number of marks (uint16), per mark the attribute's tag
(uint32), event time in microseconds (int64), identity (uint64) and tag of the event's type
(uint32); then per seen event its identity (uint64) and the day it arrived, counted from 1970
(uint16). 24 and 10 bytes each.
"""

import struct
from datetime import date

from quadrupel.core.profiles import FoldState

_HEADER = struct.Struct("<BH")
_MARK = struct.Struct("<IqQI")
_SEEN = struct.Struct("<QH")
_FORMAT = 1
_EPOCH = date(1970, 1, 1).toordinal()


def pack(state: FoldState) -> bytes:
    """The bytes of the state; equal states give equal bytes."""
    parts = [_HEADER.pack(_FORMAT, len(state.marks))]
    parts += [_MARK.pack(tag, *mark) for tag, mark in sorted(state.marks.items())]
    parts += [_SEEN.pack(identity, day - _EPOCH) for identity, day in sorted(state.seen.items())]
    return b"".join(parts)


def unpack(packed: bytes) -> FoldState:
    """The state of the bytes. Raises ValueError if a newer Quadrupel wrote them."""
    version, marks = _HEADER.unpack_from(packed)
    if version != _FORMAT:
        raise ValueError(f"fold state of format {version}, this version reads {_FORMAT}")
    middle = _HEADER.size + marks * _MARK.size
    view = memoryview(packed)
    return FoldState(
        {
            tag: (time, key, kind)
            for tag, time, key, kind in _MARK.iter_unpack(view[_HEADER.size : middle])
        },
        {identity: day + _EPOCH for identity, day in _SEEN.iter_unpack(view[middle:])},
    )
