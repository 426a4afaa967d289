"""The calendar of holidays: `rules/holidays.txt`, a day in a line, and what it is.

2026-01-01 New Year
2026-01-07 Christmas

A line that begins with # is a note. The calendar covers every year from that of its first day to
that of its last; of a day outside of them `is_holiday` is an error, not a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from quadrupel.rules.source import Source, read

FILE_NAME = "holidays.txt"
MAX_HOLIDAYS = 2_000


@dataclass(frozen=True, slots=True)
class Holidays:
    """The holidays, sorted; none where there is no calendar."""

    days: tuple[date, ...] = ()

    @property
    def first(self) -> date:
        """The first day of the years that the calendar covers."""
        return date(self.days[0].year, 1, 1)

    @property
    def last(self) -> date:
        """The last day of the years that the calendar covers."""
        return date(self.days[-1].year, 12, 31)


NO_HOLIDAYS = Holidays()


def declared(folder: Path) -> tuple[Holidays, Sequence[Source]]:
    """The calendar of a folder of rules, and its source, if it has one."""
    path = folder / FILE_NAME
    if not path.exists():
        return NO_HOLIDAYS, ()
    source = read(path, str(path))
    days: set[date] = set()
    for number, line in enumerate(source.lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        day = _day(text.split()[0])
        if day is None or day in days:
            what = "is there twice" if day else "is not a day"
            message = f'line {number}: "{text[:40]}" {what}'
            source.refuse(None, message, "2026-01-01 New Year")
        else:
            days.add(day)
    if len(days) > MAX_HOLIDAYS:
        source.refuse(None, f"has more than {MAX_HOLIDAYS} holidays")
    return Holidays(tuple(sorted(days))), (source,)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text else None
