"""What docs/reference/api.md says of problems, for tests that hold the API to it."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/reference/api.md"
_ROW = re.compile(r"^\| ([0-9, ]+) \| ([^|]+) \|", re.MULTILINE)


def documented_reasons() -> set[tuple[int, str]]:
    """The statuses and reasons of the table; of two statuses in one row each has its own reason."""
    found: set[tuple[int, str]] = set()
    for statuses, reasons in _ROW.findall(PAGE.read_text()):
        numbers, names = [int(each) for each in statuses.split(",")], re.findall("`(.+?)`", reasons)
        if not names:
            continue  # from the server itself, which sends no document
        if len(numbers) == 1:
            numbers *= len(names)
        found |= set(zip(numbers, names, strict=True))
    return found
