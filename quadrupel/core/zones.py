"""Days in time zones: which day it is for a user, when it begins, and when its night is due.

A local time is turned into an instant by one rule: the first instant at which the clocks of the
zone show it or, where they skip it, what comes after. So a local time that comes twice means the
first of the two, and one that does not exist means the end of the gap. The first day of a zone
whose clocks were never set is as any other; a day that a zone skipped whole begins together with
the next one.

A day that has begun is not taken back: where clocks are set back over midnight (in St. John's they
were until 2011, at one minute past), the new day stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC_ZONE = ZoneInfo("UTC")

_DAY = timedelta(days=1)
_FURTHEST_EAST = timedelta(hours=14)
_QUARTER = 900.0  # seconds


@dataclass(frozen=True, slots=True)
class Night:
    """The nightly run of the users of one zone for a day; `zone` None: of all users."""

    name: str
    day: date
    zone: str | None = None


def find_zone(name: str | None) -> ZoneInfo | None:
    """The zone of that name in the IANA database; None if it holds none. May read a file once."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def first_instant(zone: ZoneInfo, local: datetime) -> datetime:
    """The first instant, in UTC, at which the clocks of the zone show `local` (naive) or later."""
    instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _shown(zone, instant) == local:
        return instant
    # The clocks skip `local`: they were set forward between these two, and that once.
    later = instant
    earlier = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while (between := (later - earlier) // 2 // timedelta(seconds=1)) > 0:
        middle = earlier + timedelta(seconds=between)
        if _shown(zone, middle) < local:
            earlier = middle
        else:
            later = middle
    return later


def day_begins(zone: ZoneInfo, day: date) -> datetime:
    """The first instant of a day, in UTC; that of the next day if the zone skipped this one."""
    return first_instant(zone, datetime.combine(day, time.min))


def is_skipped(zone: ZoneInfo, day: date) -> bool:
    """Whether the calendar of the zone has no such day."""
    return day_begins(zone, day) == day_begins(zone, day + _DAY)


def day_in(zone: ZoneInfo, now: datetime) -> date:
    """The day it is in the zone: the latest that has begun by `now` (aware)."""
    day = now.astimezone(zone).date()
    return day + _DAY if day_begins(zone, day + _DAY) <= now else day


def day_of(name: str | None, own: ZoneInfo, now: datetime) -> date:
    """The day it is for a user in the zone of that name; None, or one not known: in `own`."""
    return day_in(find_zone(name) or own, now)


def may_have_begun(day: date, since: datetime, now: datetime) -> bool:
    """Whether a day may have begun in some zone between two times (aware). Quick, and never a miss.

    In no zone is it later than 14 hours after UTC, and in all of them days begin at quarters of an
    hour.
    """
    if since.timestamp() // _QUARTER >= now.timestamp() // _QUARTER:
        return False
    return day <= (now.astimezone(UTC) + _FURTHEST_EAST).date()


def night_due(zone: ZoneInfo, day: date, at: time) -> datetime:
    """When the night of a day is due, in UTC, if it is at local time `at`."""
    return first_instant(zone, datetime.combine(day, at))


def night_by(zone: ZoneInfo, at: time, now: datetime) -> date | None:
    """The day whose night has come due in the day that it is; None while none has.

    That is today, or yesterday if clocks that were set forward left it no time before midnight.
    """
    today = day_in(zone, now)
    began = day_begins(zone, today)
    for day in (today, today - _DAY):
        if began <= night_due(zone, day, at) <= now and not is_skipped(zone, day):
            return day
    return None


def nights_by(zones: Iterable[str], own: ZoneInfo, at: time, now: datetime) -> list[Night]:
    """The nights that should have been started by `now`, each again until its zone's day ends.

    `zones` are those that users have; `own` is that of all others, among them users whose zone
    the database of zones does not know (any more). A zone is told from another by its name. Where
    nobody has another zone than `own`, its night is that of all users.
    """
    others = other_zones(zones, own)
    nights = []
    if (day := night_by(own, at, now)) is not None:
        nights.append(Night(f"nightly-{day}", day, own.key if others else None))
    for name, zone in others.items():
        if (day := night_by(zone, at, now)) is not None:
            nights.append(Night(f"nightly-{day}@{name}", day, name))
    return nights


def other_zones(zones: Iterable[str], own: ZoneInfo) -> dict[str, ZoneInfo]:
    """Those of the zones that have nights of their own, by name, in its order."""
    found = {name: find_zone(name) for name in sorted(set(zones)) if name != own.key}
    return {name: zone for name, zone in found.items() if zone is not None}


def _shown(zone: ZoneInfo, instant: datetime) -> datetime:
    """What the clocks of the zone show, naive and without fold."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
