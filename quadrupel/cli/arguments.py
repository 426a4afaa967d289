"""Options of the command line that several commands take."""

from datetime import date, time
from typing import Any

import typer


def day_option(name: str, meaning: str) -> Any:
    """An option that takes a day."""
    return typer.Option(name, parser=_day, metavar="YYYY-MM-DD", help=meaning)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day; write YYYY-MM-DD") from None


def time_option(name: str, meaning: str) -> Any:
    """An option that takes a time of day."""
    return typer.Option(name, parser=_time, metavar="HH:MM", help=meaning)


def _time(text: str) -> time:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or ":" not in text or found.tzinfo is not None:
        raise typer.BadParameter(f"{text!r} is not a time of day; write HH:MM")
    return found
