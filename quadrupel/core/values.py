"""Attribute values: their text forms, which travel in topics and are stored, and their limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from quadrupel.core.windows import DayCounts


@dataclass(frozen=True, slots=True)
class Statistic:
    """What is remembered of one key of a keyed statistic. Times are aware, in UTC."""

    count: int
    sum: Decimal
    first: datetime
    last: datetime


Value = date | datetime | int | Decimal | bool | str | Mapping[str, Statistic] | DayCounts


def to_text(value: Value) -> str:
    """The canonical text of a scalar value: ISO 8601 for days and times (UTC, `Z`), `true`/`false`.

    Decimals are written without exponent and without trailing zeros. Raises TypeError for
    statistics and windowed counts, which have no text form.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
    if isinstance(value, int | str):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no text form")
