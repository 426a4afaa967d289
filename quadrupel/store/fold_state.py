"""The packed form of a profile's fold state, the column `profiles.fold_state`.

Little-endian: a format byte (2), the number of marks (uint16) and of places (uint16); per mark the
attribute's tag (uint32), event time in microseconds (int64), identity (uint64) and tag of the
event's type (uint32); per place up to which events were judged its partition (uint32), time in
microseconds (int64) and offset (uint64); then per seen event its identity (uint64) and the day it
arrived, counted from 1970 (uint16). 24, 20 and 10 bytes each. Format 1, which is read too, has
neither the places nor their number.
"""

import struct
from collections.abc import Iterator, Mapping, MutableMapping
from functools import lru_cache
from itertools import chain
from typing import Any

from quadrupel.core.marks import Mark
from quadrupel.core.profiles import FoldState

_HEADER = struct.Struct("<BHH")
_TAGGED = struct.Struct("<I20s")
_MARK = struct.Struct("<qQI")
_PLACE = struct.Struct("<IqQ")
_SEEN = struct.Struct("<QH")
_FORMAT = 2
_EPOCH = 719_163  # 1 January 1970 as an ordinal


class PackedMarks(MutableMapping[int, Mark]):
    """The marks of a packed state: an event asks for few of them, so the others stay packed."""

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes = b"") -> None:
        self._packed: dict[int, bytes] = dict(_TAGGED.iter_unpack(packed))

    @classmethod
    def of(cls, marks: Mapping[int, Mark]) -> "PackedMarks":
        """The same marks, packed."""
        packed = cls()
        packed.update(marks)
        return packed

    def pack(self) -> bytes:
        """All marks, in the order of their tags."""
        parts = chain.from_iterable(sorted(self._packed.items()))
        return _repeated("I20s", len(self._packed)).pack(*parts)

    def get(self, tag: int, default: Any = None) -> Any:
        """See `Mapping.get`."""
        packed = self._packed.get(tag)
        return default if packed is None else _MARK.unpack(packed)

    def update(self, marks: Mapping[int, Mark]) -> None:  # type: ignore[override]
        """See `dict.update`."""
        for tag, mark in marks.items():
            self._packed[tag] = _MARK.pack(*mark)

    def __contains__(self, tag: object) -> bool:
        return tag in self._packed

    def __getitem__(self, tag: int) -> Mark:
        time, identity, type_tag = _MARK.unpack(self._packed[tag])
        return time, identity, type_tag

    def __setitem__(self, tag: int, mark: Mark) -> None:
        self._packed[tag] = _MARK.pack(*mark)

    def __delitem__(self, tag: int) -> None:
        del self._packed[tag]

    def __iter__(self) -> Iterator[int]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


def pack(state: FoldState) -> bytes:
    """The bytes of the state; equal states give equal bytes."""
    marks = state.marks if isinstance(state.marks, PackedMarks) else PackedMarks.of(state.marks)
    places = [part for key in sorted(state.reached) for part in (key, *state.reached[key])]
    seen = [part for key in sorted(state.seen) for part in (key, state.seen[key] - _EPOCH)]
    return (
        _HEADER.pack(_FORMAT, len(marks), len(state.reached))
        + marks.pack()
        + _repeated("IqQ", len(state.reached)).pack(*places)
        + _repeated("QH", len(state.seen)).pack(*seen)
    )


def unpack(packed: bytes) -> FoldState:
    """The state of the bytes. Raises ValueError if a newer Quadrupel wrote them."""
    if packed[0] == 1:
        packed = _with_places(packed)
    if packed[0] != _FORMAT:
        raise ValueError(f"fold state of format {packed[0]}, this version reads {_FORMAT}")
    _, marked, placed = _HEADER.unpack_from(packed)
    second = _HEADER.size + marked * _TAGGED.size
    third = second + placed * _PLACE.size
    return FoldState(
        PackedMarks(packed[_HEADER.size : second]),
        {identity: day + _EPOCH for identity, day in _SEEN.iter_unpack(packed[third:])},
        {key: (at, offset) for key, at, offset in _PLACE.iter_unpack(packed[second:third])},
    )


def _with_places(packed: bytes) -> bytes:
    """What format 1 has, in the present format."""
    return bytes([_FORMAT]) + packed[1:3] + bytes(2) + packed[3:]


@lru_cache(maxsize=4096)
def _repeated(form: str, times: int) -> struct.Struct:
    """Many of one after the other, written at once: a profile is packed for each batch it is in."""
    return struct.Struct("<" + form * times)
