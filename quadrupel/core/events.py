"""Events: one fact about one user, as a CloudEvents 1.0 JSON object, checked before anything else.

`read_event` takes an already decoded JSON value; bytes are read by `quadrupel.bus.event_codec`.
What is refused here would otherwise break a later stage: a NUL kills an insert, an integer past
64 bits turns into another one, a time without an offset means another instant on another machine.

Specification: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from quadrupel.core.errors import EventRefused

MAX_ID = 256
MAX_SOURCE = 256
MAX_TYPE = 128
MAX_DEPTH = 8
"""How many objects and lists may be inside one another in `data`, `data` itself included."""
MAX_EXPONENT = 308
YEARS = range(1900, 2201)
MAX_AHEAD = timedelta(minutes=5)
"""How far the clock of a source may be ahead of the bus."""
LATE = timedelta(days=1)
"""An event that comes later than this after it became true is counted as late."""

_USER_ID = re.compile(r"[A-Za-z0-9._:@-]{1,64}")
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_JSON_MEDIA_TYPE = re.compile(
    r"((application|text)/json|[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+\+json)\s*(;.*)?", re.IGNORECASE
)
_EXTENSION_NAME = re.compile(r"[a-z0-9]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")

_first_64_bits = struct.Struct(">Q").unpack

_KNOWN = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "data", "datacontenttype"}
)


@dataclass(slots=True)
class Event:
    """One fact about the user `subject`. `time` is when it became true, in UTC.

    Events with equal `source` and `id` are the same event. `data` holds JSON values, with Decimal
    for numbers that have a point or an exponent. Nobody changes an event: it is not frozen only
    because to make a frozen one takes four times as long, and ingest makes 40,000 a second.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: Mapping[str, object]

    def __post_init__(self) -> None:
        if self.time.tzinfo is not UTC:
            raise ValueError(f"the time of event {self.id} must be in UTC, it is {self.time!r}")

    @property
    def identity(self) -> int:
        """64 bits (0 to 2**64-1) that stand for `source` and `id`, for ever the same."""
        name = f"{self.source}\0{self.id}".encode()
        identity: int = _first_64_bits(blake2b(name, digest_size=8).digest())[0]
        return identity

    def has(self, members: Iterable[tuple[str, object]]) -> bool:
        """Whether its data has all of these members. True is not 1 here."""
        return all(
            type(found := self.data.get(name)) is type(value) and found == value
            for name, value in members
        )


def read_event(fields: object) -> Event:
    """The event in a decoded JSON value; extension attributes are checked and left out.

    Raises EventRefused with one of the reasons `not-an-object`, `missing-attribute`,
    `wrong-attribute`, `bad-user-id`, `bad-time`, `bad-text`, `bad-number`, `too-deep`.
    """
    if type(fields) is not dict:
        raise EventRefused("not-an-object", "an event is a JSON object")
    if fields.get("specversion") != "1.0":
        raise _wrong_version(fields)
    if not fields.keys() <= _KNOWN:
        for name in fields.keys() - _KNOWN:
            _check_extension(name, fields[name])
    if fields.get("datacontenttype") is not None:
        _check_content_type(fields["datacontenttype"])
    return Event(
        id=_text(fields, "id", MAX_ID),
        source=_text(fields, "source", MAX_SOURCE),
        type=_type(fields),
        subject=check_user_id(_attribute(fields, "subject")),
        time=read_time(_attribute(fields, "time")),
        data=_data(fields.get("data")),
    )


def plain_event(
    id_: str, source: str, type_: str, subject: str, time: str, data: dict[str, object]
) -> Event | None:
    """What `read_event` makes of these attributes, if they are such as nearly all events have.

    None: ask `read_event`. Names and texts in `data` must have neither NUL nor surrogates, which
    are not looked for. Raises EventRefused as `read_event` does.
    """
    if not (id_ and len(id_) <= MAX_ID and id_.isascii() and id_.isprintable()):
        return None
    if len(source) > MAX_SOURCE or len(type_) > MAX_TYPE:
        return None
    origin = _plain_origin(source, type_)
    if origin is None:
        return None
    source, type_ = origin
    user_id, moment = check_user_id(subject), read_time(time)
    for value in data.values():
        if type(value) is not str:
            _check_value(value, 1)
    return Event(id_, source, type_, user_id, moment, data)


@lru_cache(maxsize=1024)
def _plain_origin(source: str, type_: str) -> tuple[str, str] | None:
    """Source and type, if events can have both; None: they may not.

    Few sources send nearly all events, so it is remembered, and their events share the texts.
    """
    if source and source.isascii() and source.isprintable() and _TYPE.fullmatch(type_):
        return source, type_
    return None


def check_time(event: Event, arrived_at: datetime) -> None:
    """Raise EventRefused (`in-the-future`) for an event from long after the bus took it."""
    if event.time > arrived_at + MAX_AHEAD:
        minutes = int(MAX_AHEAD.total_seconds() / 60)
        raise EventRefused(
            "in-the-future",
            f"time is more than {minutes} minutes after the event came, at"
            f" {arrived_at.isoformat(timespec='seconds')}; mend the clock of its source",
        )


def is_late(event: Event, arrived_at: datetime) -> bool:
    """Whether the event came more than LATE after it became true. It counts all the same."""
    return arrived_at - event.time > LATE


def check_user_id(text: object) -> str:
    """The user id itself; EventRefused (`bad-user-id`) if no user can have it."""
    if type(text) is not str or not _USER_ID.fullmatch(text):
        raise EventRefused(
            "bad-user-id", "a user id is 1 to 64 of the characters A-Z a-z 0-9 . _ : @ -"
        )
    return text


def read_time(value: object) -> datetime:
    """The time in UTC; EventRefused (`bad-time`) if it is not as RFC 3339 with an offset."""
    if type(value) is not str or not _TIME.fullmatch(value):
        raise EventRefused(
            "bad-time", "time must be as RFC 3339 with an offset: 2026-11-23T10:00:00Z"
        )
    try:
        time = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise EventRefused("bad-time", f"there is no time {value}") from error
    if time.year not in YEARS:
        raise EventRefused(
            "bad-time", f"time must be in the years {YEARS.start} to {YEARS.stop - 1}"
        )
    return time


def is_json(media_type: str) -> bool:
    """Whether data of this media type is JSON; parameters do not matter."""
    return _JSON_MEDIA_TYPE.fullmatch(media_type) is not None


def _attribute(fields: Mapping[str, object], name: str) -> object:
    value = fields.get(name)
    if value is None:
        raise EventRefused("missing-attribute", f"the attribute {name} is missing")
    return value


def _text(fields: Mapping[str, object], name: str, limit: int) -> str:
    value = _attribute(fields, name)
    if type(value) is not str or not 1 <= len(value) <= limit:
        raise EventRefused("wrong-attribute", f"{name} must be a text of 1 to {limit} characters")
    if not (value.isascii() and value.isprintable()) and _UNPRINTABLE.search(value):
        raise EventRefused("bad-text", f"{name} has a control character")
    return value


def _type(fields: Mapping[str, object]) -> str:
    value = _attribute(fields, "type")
    if type(value) is not str or not _TYPE.fullmatch(value):
        raise EventRefused(
            "wrong-attribute", "type must be 1 to 128 of the characters A-Z a-z 0-9 . _ : / -"
        )
    return value


def _data(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if type(value) is not dict:
        raise EventRefused("wrong-attribute", "data must be a JSON object")
    _check_value(value, 0)
    return value


def _check_value(value: object, depth: int) -> None:
    """Raise EventRefused unless every part of a JSON value can be stored."""
    if isinstance(value, str):
        _check_text(value)
    elif value is None or isinstance(value, bool):
        return
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise EventRefused("bad-number", "a whole number in data does not fit 64 bits")
    elif isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT:
            raise EventRefused("bad-number", "a number in data is too large or too small")
    elif isinstance(value, dict | list):
        _check_parts(value, depth + 1)
    else:
        kind = type(value).__name__
        raise EventRefused("bad-number", f"a {kind} in data is not from exact JSON")


def _check_parts(value: dict[str, object] | list[object], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EventRefused("too-deep", f"data is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, list):
        for part in value:
            _check_value(part, depth)
        return
    for name, part in value.items():
        _check_text(name)
        _check_value(part, depth)


def _check_text(text: str) -> None:
    if (not text.isascii() or "\0" in text) and _UNSTORABLE.search(text):
        raise EventRefused("bad-text", "a text in data has a NUL or half a surrogate pair")


def _check_extension(name: str, value: object) -> None:
    if name == "data_base64":
        raise EventRefused("wrong-attribute", "data must be JSON, data_base64 is not taken")
    if name == "dataschema":
        return
    if not _EXTENSION_NAME.fullmatch(name):
        raise EventRefused(
            "wrong-attribute", f"attribute names are lower-case letters and digits: {name[:64]!a}"
        )
    if isinstance(value, dict | list | Decimal):
        raise EventRefused("wrong-attribute", f"{name} must be a text, an integer or a boolean")


def _check_content_type(value: object) -> None:
    if not isinstance(value, str) or not is_json(value):
        raise EventRefused("wrong-attribute", "datacontenttype must be a JSON media type")


def _wrong_version(fields: Mapping[str, object]) -> EventRefused:
    if fields.get("specversion") is None:
        return EventRefused("missing-attribute", "the attribute specversion is missing")
    return EventRefused("wrong-attribute", 'specversion must be "1.0"')
