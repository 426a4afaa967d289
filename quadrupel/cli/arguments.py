"""Types of command-line arguments that several commands take."""

from datetime import date
from typing import Annotated

import typer


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day; write YYYY-MM-DD") from None


Day = Annotated[date, typer.Option(parser=_day, metavar="YYYY-MM-DD")]
