"""How attribute values are told beside their text form: to people, and in JSON."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from quadrupel.core.values import Statistic, Value, to_text


def told(value: Value) -> str:
    """A value for people: yes or no, statistics by key, the days of a windowed count."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_statistic(entry)}" for key, entry in value.items())
    if isinstance(value, tuple):
        return ", ".join(_day(date.fromordinal(day), number) for day, number in value)
    return {"true": "yes", "false": "no"}.get(to_text(value), to_text(value))


def as_json(value: Value | float | None) -> Any:
    """A value in JSON: numbers, texts and booleans as they are, days and times as texts.

    Statistics are objects by key; a windowed count says how many events it has, and on which days.
    """
    if isinstance(value, Mapping):
        return {
            key: {
                "count": each.count,
                "sum": to_text(each.sum),
                "first": to_text(each.first),
                "last": to_text(each.last),
            }
            for key, each in sorted(value.items())
        }
    if isinstance(value, tuple):
        days = {date.fromordinal(day).isoformat(): number for day, number in value}
        return {"count": sum(days.values()), "days": days}
    return value if value is None or isinstance(value, bool | int | float) else to_text(value)


def _statistic(entry: Any) -> str:
    if not isinstance(entry, Statistic):
        return str(entry)
    times = "once" if entry.count == 1 else f"{entry.count} times"
    return f"{times}, last on {entry.last.date()}"


def _day(day: date, number: int) -> str:
    return f"{day}" if number == 1 else f"{day} ({number} times)"
