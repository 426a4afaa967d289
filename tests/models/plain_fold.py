"""What the documentation says that profiles are, computed in the plainest way.

It imports nothing of Quadrupel. It goes through the events once, in the order in which they were
first judged, keeps those of each user that count, and then looks at all of them for each attribute.
From docs/reference/profile.md, docs/reference/events.md, docs/decisions/0006, 0010 and 0011.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

DUPLICATES = timedelta(days=7)
FUTURE = timedelta(minutes=5)
REGISTERED, ERASED = "user.registered", "user.erased"


class Delivery(NamedTuple):
    """An event as the bus delivered it first: where, when, and what; None is no JSON."""

    partition: int
    offset: int
    arrived: datetime
    raw: Any


class Refused(Exception):
    """The event does not count, and is put aside for a reason."""


@dataclass
class Counted:
    """An event that counts."""

    type: str
    time: datetime
    identity: int
    data: dict
    arrived: datetime


@dataclass
class User:
    """What counts of one user."""

    erased_at: datetime | None = None
    registered_at: datetime | None = None
    counted: list[Counted] = field(default_factory=list)
    arrived: dict[tuple[str, str], date] = field(default_factory=dict)
    """When each (source, id) came for the first time, or again after it was to be forgotten."""

    @property
    def is_erased(self):
        if self.erased_at is None:
            return False
        return self.registered_at is None or self.registered_at <= self.erased_at


def fold(deliveries, attributes):
    """All users, and the reason by (partition, offset) of what is refused."""
    users, refused = {}, {}
    for each in deliveries:
        try:
            judge(each, users, attributes)
        except Refused as reason:
            refused[each.partition, each.offset] = str(reason)
    return users, refused


def judge(delivery, users, attributes):
    raw = delivery.raw
    if raw is None:
        raise Refused("not-json")
    time = moment(raw["time"])
    if time > delivery.arrived + FUTURE:
        raise Refused("in-the-future")
    user = users.setdefault(raw["subject"], User())
    if raw["type"] == ERASED:
        if user.erased_at is None or time > user.erased_at:
            user.erased_at, user.counted, user.arrived = time, [], {}
        return
    data = raw.get("data") or {}
    takers = [
        (kind, feed)
        for kind, *feeds in attributes.values()
        for feed in feeds
        if takes(feed, raw["type"], data)
    ]
    if not takers and raw["type"] != REGISTERED:
        return
    pair, day = (raw["source"], raw["id"]), delivery.arrived.date()
    if pair in user.arrived and day - user.arrived[pair] <= DUPLICATES:
        return
    if user.erased_at is not None and (
        time <= user.erased_at or (user.is_erased and raw["type"] != REGISTERED)
    ):
        raise Refused("user-erased")
    for kind, feed in takers:
        check(kind, feed, data)
    if raw["type"] == REGISTERED:
        user.registered_at = max(time, user.registered_at or time)
    user.arrived[pair] = day
    user.counted.append(Counted(raw["type"], time, identity(*pair), data, delivery.arrived))


def moment(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def identity(source, id):
    name = f"{source}\0{id}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")


def takes(feed, type_, data):
    return feed["event"] == type_ and all(
        name in data and type(data[name]) is type(value) and data[name] == value
        for name, value in feed["where"].items()
    )


def check(kind, feed, data):
    """Refuse what a feed cannot take."""
    if feed["key"] is not None and feed["key"] in data:
        check_text(data[feed["key"]], range(1, 65))
    raw = data.get(feed["field"])
    if feed["field"] not in data or (raw is None and feed["operation"] == "latest"):
        return
    if kind in ("date", "moment"):
        read_time(kind, raw)
    elif kind in ("text", "sex"):
        check_text(raw, range(257))
        if kind == "sex" and raw not in ("female", "male"):
            raise Refused("unknown-value")
    else:
        check_number(kind, raw)


def check_text(raw, lengths):
    if type(raw) is not str:
        raise Refused("wrong-type")
    if len(raw) not in lengths:
        raise Refused("out-of-range")


def check_number(kind, raw):
    if type(raw) is not int and (kind == "integer" or type(raw) is not Decimal):
        raise Refused("wrong-type")
    if kind != "integer" and (abs(raw) >= 10**18 or Decimal(raw) != round(Decimal(raw), 6)):
        raise Refused("out-of-range")


def read_time(kind, raw):
    try:
        return date.fromisoformat(raw) if kind == "date" else moment(raw)
    except (TypeError, ValueError):
        raise Refused("wrong-type") from None


def values(user, attributes):
    """The attributes of a user that have a value."""
    found = {name: value(user.counted, *declared) for name, declared in attributes.items()}
    return {name: each for name, each in found.items() if each is not None}


def value(counted, kind, *feeds):
    taken = [
        (each, feed) for each in counted for feed in feeds if takes(feed, each.type, each.data)
    ]
    operations = {feed["operation"] for feed in feeds}
    if isinstance(kind, int):
        return days(kind, {id(each): each for each, _ in taken}.values())
    if operations <= {"latest", "set", "clear"}:
        return latest(kind, taken)
    if operations == {"statistics"}:
        return statistics([each for each, _ in taken], feeds[0])
    if operations <= {"first_time", "last_time"}:
        times = [each.time.date() if kind == "date" else each.time for each, _ in taken]
        return None if not times else min(times) if "first_time" in operations else max(times)
    amounts = [
        1
        if feed["operation"] == "count"
        else each.data[feed["field"]] * (-1 if feed["operation"] == "subtract" else 1)
        for each, feed in taken
        if feed["operation"] == "count" or feed["field"] in each.data
    ]
    return sum(amounts) if amounts else None


def latest(kind, taken):
    """Of the event with the latest time, and at equal times with the greatest identity."""
    deciding = [
        (each, feed)
        for each, feed in taken
        if feed["operation"] != "latest" or feed["field"] in each.data
    ]
    if not deciding:
        return None
    each, feed = max(deciding, key=lambda one: (one[0].time, one[0].identity))
    if feed["operation"] != "latest":
        return feed["value"]
    raw = each.data[feed["field"]]
    return read_time(kind, raw) if kind in ("date", "moment") and raw is not None else raw


def statistics(counted, feed):
    found = {}
    for each in counted:
        if feed["key"] in each.data:
            found.setdefault(each.data[feed["key"]], []).append(each)
    return {
        key: (
            len(under),
            sum(Decimal(each.data.get(feed["field"], 0)) for each in under),
            min(each.time for each in under),
            max(each.time for each in under),
        )
        for key, under in found.items()
    } or None


def days(window, counted):
    """Events by day, without the days that had left the window when the last one was counted."""
    kept = {}
    for each in counted:
        last_gone = each.arrived.date() - timedelta(days=1 + window)
        if each.time.date() > last_gone:
            kept = {day: number for day, number in kept.items() if day > last_gone}
            kept[each.time.date()] = kept.get(each.time.date(), 0) + 1
    return kept or None
