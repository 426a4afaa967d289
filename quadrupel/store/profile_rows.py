"""Rows of profiles as COPY carries them in text: read when asked for, written back untouched.

A profile has many columns, an event changes few. So what a row holds stays as the server sent it
until somebody asks for a value, and what nobody changed goes back byte for byte.

The format: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"; days and times as
ISO 8601, which takes DateStyle ISO and the time zone UTC.
"""

import re
from binascii import hexlify, unhexlify
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from quadrupel.core.attributes import Schema, Type
from quadrupel.core.values import Statistic, Value, to_text
from quadrupel.core.windows import DayCounts, pack, unpack

NULL = b"\\N"

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_SPECIAL = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class Columns:
    """The columns of a schema's attributes, in their order: where each is, how it is written."""

    def __init__(self, schema: Schema) -> None:
        self.names = tuple(schema.attributes)
        self.places = {name: place for place, name in enumerate(self.names)}
        types = [attribute.type for attribute in schema.attributes.values()]
        self.loads = [_LOADS[type_] for type_ in types]
        self.dumps = [_DUMPS[type_] for type_ in types]


class RowValues(MutableMapping[str, Value]):
    """The values of one profile, over the fields of its row."""

    __slots__ = ("_changed", "_columns", "_fields", "_loaded")

    def __init__(self, columns: Columns, fields: list[bytes]) -> None:
        self._columns = columns
        self._fields = fields
        self._loaded: dict[str, Value] = {}
        self._changed: set[str] = set()

    @classmethod
    def of(cls, columns: Columns, values: Mapping[str, Value]) -> "RowValues":
        """The values of a profile that has no row yet; KeyError for one without a column."""
        row = cls(columns, [NULL] * len(columns.names))
        for name, value in values.items():
            row[name] = value
        return row

    def fields(self) -> Sequence[bytes]:
        """The fields as they are to be saved."""
        for name in self._changed:
            place = self._columns.places[name]
            value = self._loaded.get(name)
            self._fields[place] = NULL if value is None else self._columns.dumps[place](value)
        self._changed.clear()
        return self._fields

    def get(self, name: str, default: Any = None) -> Any:
        """See `Mapping.get`."""
        if name in self._loaded:
            return self._loaded[name]
        place = self._columns.places.get(name)
        if place is None or name in self._changed or self._fields[place] == NULL:
            return default
        value = self._loaded[name] = self._columns.loads[place](self._fields[place])
        return value

    def __getitem__(self, name: str) -> Value:
        value: Value | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: Value) -> None:
        if name not in self._columns.places:
            raise KeyError(name)
        self._loaded[name] = value
        self._changed.add(name)

    def update(self, values: Mapping[str, Value]) -> None:  # type: ignore[override]
        """See `dict.update`. A name without a column is a KeyError, here or in `fields`."""
        for name, value in values.items():
            self._loaded[name] = value
            self._changed.add(name)

    def __delitem__(self, name: str) -> None:
        self[name]
        del self._loaded[name]
        self._changed.add(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._columns.names if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def split(lines: bytes) -> Iterator[list[bytes]]:
    """The fields of each row of a COPY."""
    return (line.split(b"\t") for line in lines.splitlines())


def join(rows: Sequence[Sequence[bytes]]) -> bytes:
    """The rows as a COPY."""
    return b"".join(b"\t".join(fields) + b"\n" for fields in rows)


def load_bytes(field: bytes) -> bytes:
    """A bytea."""
    return unhexlify(field[3:])


def dump_bytes(value: bytes) -> bytes:
    """A bytea as a field."""
    return b"\\\\x" + hexlify(value)


def _unescaped(field: bytes) -> bytes:
    if b"\\" in field:
        return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), field)
    return field


def _load_text(field: bytes) -> str:
    return _unescaped(field).decode()


def _dump_text(value: Any) -> bytes:
    return str(value).translate(_SPECIAL).encode()


_statistics = msgspec.json.Decoder(dict[str, Statistic])
_statistics_as_json = msgspec.json.Encoder().encode


def _load_statistics(field: bytes) -> dict[str, Statistic]:
    return _statistics.decode(_unescaped(field))


def _dump_statistics(value: Any) -> bytes:
    # JSON has no bare control characters, so nothing else is special to COPY.
    return _statistics_as_json(value).replace(b"\\", b"\\\\")


def _load_counts(field: bytes) -> DayCounts:
    return unpack([int(each) for each in field.strip(b"{}").split(b",") if each])


def _dump_counts(value: Any) -> bytes:
    return b"{%s}" % b",".join([b"%d" % each for each in pack(value)])


def _dump_time(value: Any) -> bytes:
    text: str = value.isoformat()
    return text.encode()


_LOADS: Mapping[Type, Callable[[bytes], Value]] = {
    Type.DATE: lambda field: date.fromisoformat(field.decode()),
    Type.DATETIME: lambda field: datetime.fromisoformat(field.decode()).astimezone(UTC),
    Type.INTEGER: int,
    Type.DECIMAL: lambda field: Decimal(field.decode()),
    Type.BOOLEAN: lambda field: field == b"t",
    Type.TEXT: _load_text,
    Type.STATISTICS: _load_statistics,
    Type.WINDOWED_COUNT: _load_counts,
}

_DUMPS: Mapping[Type, Callable[[Any], bytes]] = {
    Type.DATE: _dump_time,
    Type.DATETIME: _dump_time,
    Type.INTEGER: lambda value: b"%d" % value,
    Type.DECIMAL: lambda value: to_text(value).encode(),
    Type.BOOLEAN: lambda value: b"t" if value else b"f",
    Type.TEXT: _dump_text,
    Type.STATISTICS: _dump_statistics,
    Type.WINDOWED_COUNT: _dump_counts,
}
