"""Write docs/reference/settings.md from the descriptions in `quadrupel/config.py`.

With `--check`, write nothing and fail when the page is not what would be written.
"""

import sys
from datetime import time
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from quadrupel.config import Settings

PAGE = Path(__file__).parent.parent / "docs/reference/settings.md"

HEAD = """\
<!-- Written by scripts/settings_reference.py from quadrupel/config.py: change it there. -->
# Settings

Every process reads its settings once, at start, from environment variables. One that is wrong
ends the process with exit code 2 and a sentence that names it; an empty one counts as not set.
Options of the command line (`quadrupel COMMAND --help`) go before the environment. Lists and
mappings are written as JSON: `QUADRUPEL_LANGUAGES='["en"]'`.

| variable | default | meaning |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return HEAD + "".join(rows)


def _row(name: str, field: FieldInfo) -> str:
    meaning = "; ".join(part for part in (field.description, _limits(field)) if part)
    cells = (f"`QUADRUPEL_{name.upper()}`", _default(field.default), meaning.replace("|", "\\|"))
    return f"| {' | '.join(cells)} |\n"


def _default(value: Any) -> str:
    if value is None or value in ({}, ()):
        return ""
    if isinstance(value, tuple):
        value = "[" + ", ".join(f'"{part}"' for part in value) + "]"
    elif isinstance(value, time):
        value = value.isoformat("minutes")
    return f"`{value}`"


def _limits(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    low = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
    high = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
    return "" if low is None else f"{low} to {high}"


def main() -> None:
    """Write the page, or check it."""
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        sys.exit(f"{PAGE.name} is out of date: run `python scripts/settings_reference.py`")


if __name__ == "__main__":
    main()
