"""Many rows as one text that Postgres reads fast: CSV for COPY, and literals of arrays.

A line of JSON without its brackets is a line of CSV, and a list of JSON is nearly a literal of an
array: both quote with `"` and escape that with a backslash. So C code writes them, without a look
at each value. Values are None, integers, days, times, and strings without control characters,
which the two would not read back; JSON in a string has none.
"""

from collections.abc import Iterable, Sequence
from typing import LiteralString

import msgspec

CSV: LiteralString = r"WITH (FORMAT csv, ESCAPE '\', NULL 'null')"
"""The options of the COPY that reads `csv`."""

_json = msgspec.json.Encoder()


def csv(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows of values, at least one of each, as CSV."""
    return _json.encode_lines(rows)[1:-2].replace(b"]\n[", b"\n")


def array(values: Iterable[object]) -> str:
    """The literal of an array, to be cast to its type."""
    return "{" + _json.encode(list(values))[1:-1].decode() + "}"
