"""What docs/reference/api.md says of problems, for tests that hold the API to it."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/reference/api.md"
EVENTS = PAGE.with_name("events.md")
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


def named_for_feedback() -> set[str]:
    """All that is named where it says why a piece of feedback is refused: reasons, and members."""
    sections = ((EVENTS, "Why an event is refused"), (PAGE, "Feedback on banners"))
    return {name for each in sections for name in re.findall("`(.+?)`", _section(*each))}


def _section(page: Path, title: str) -> str:
    return page.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
