"""CSV files at the door: streamed, with every bad row told by its line, and nothing half-taken."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from quadrupel.core.errors import InputRefused

MAX_FIELD = 4_096
MAX_SHOWN = 20

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not taken: its line, counted from 1, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class CsvFile:
    """A UTF-8 file with these columns, in any order. Counts its rows while it is read.

    `optional` are columns that may be there too: what they are called in words, and a pattern of
    their names.
    """

    path: Path
    columns: Sequence[str]
    optional: Mapping[str, str] = field(default_factory=dict)
    good: int = 0
    bad: int = 0
    first_bad: list[BadRow] = field(default_factory=list)

    def read(self, row: Callable[[Mapping[str, str]], _Read]) -> Iterator[_Read]:
        """What `row` makes of each row; those it raises InputRefused for are counted as bad.

        Raises InputRefused (`bad-file`) where the file cannot be read on.
        """
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                yield from self._rows(file, row)
        except UnicodeDecodeError as error:
            raise self._refusal("it is not UTF-8; save it as CSV in UTF-8") from error
        except OSError as error:
            raise self._refusal(str(error.strerror)) from error
        except csv.Error as error:
            raise self._refusal(str(error)) from error

    def require_all(self) -> None:
        """Raise InputRefused (`bad-rows`) that lists the bad rows, if there are any."""
        if not self.bad:
            return
        lines = [f"{self.path}:{each.line}: {each.reason}" for each in self.first_bad]
        if self.bad > len(lines):
            lines.append(f"... and {self.bad - len(lines):,} more")
        count = f"{self.bad:,} of {self.good + self.bad:,} rows are wrong, so none was taken"
        raise InputRefused("bad-rows", "\n".join([count, *lines]))

    def _rows(
        self, file: io.TextIOBase, row: Callable[[Mapping[str, str]], _Read]
    ) -> Iterator[_Read]:
        csv.field_size_limit(MAX_FIELD)
        lines = csv.reader(file, strict=True)
        header = next(lines, [])
        if not self._is_header(header):
            found = ",".join(header)[:200] or "nothing"
            wanted = f"the first line must be {','.join(self.columns)}, it is {found!a}"
            more = f"; it may also have {', '.join(self.optional)}" if self.optional else ""
            raise self._refusal(wanted + more)
        for fields in lines:
            if not fields:
                continue
            try:
                read = row(_by_column(header, fields))
            except InputRefused as error:
                self._note(lines.line_num, error)
            else:
                self.good += 1
                yield read

    def _is_header(self, names: Sequence[str]) -> bool:
        complete = set(self.columns) <= set(names) and len(set(names)) == len(names)
        others = set(names) - set(self.columns)
        patterns = self.optional.values()
        return complete and all(
            any(re.fullmatch(each, name) for each in patterns) for name in others
        )

    def _note(self, line: int, error: InputRefused) -> None:
        self.bad += 1
        if len(self.first_bad) < MAX_SHOWN:
            self.first_bad.append(BadRow(line, error.detail))

    def _refusal(self, reason: str) -> InputRefused:
        return InputRefused("bad-file", f"{self.path}: {reason}")


def _by_column(header: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    if len(fields) != len(header):
        raise InputRefused("bad-row", f"{len(fields)} fields, not {len(header)}")
    return dict(zip(header, fields, strict=True))
