"""Events as bytes: strict JSON in, canonical JSON out.

JSON is UTF-8 without a byte order mark, and nothing the grammar does not know (NaN, Infinity)
passes. Of members with the same name the last one counts, as in most parsers.

Nearly every event has the attributes of `_Plain` and nothing else: msgspec checks their types while
it decodes, in a third of the time. Whatever is not as usual takes the strict way, which alone says
why an event is refused; `tests/bus/test_event_codec.py` holds the two to the same answers.
"""

from decimal import Decimal
from typing import Any, Literal

import msgspec

from quadrupel.bus.topics import EVENTS
from quadrupel.core.errors import EventRefused
from quadrupel.core.events import Event, plain_event, read_event
from quadrupel.core.ports import Outgoing

MAX_EVENT = 64 * 1024
"""The most bytes of one event."""


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The attributes of an event as they nearly always are."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: str
    data: dict[str, Any] = {}
    datacontenttype: Literal["application/json"] | None = None


_decoder = msgspec.json.Decoder(float_hook=Decimal)
_plain_decoder = msgspec.json.Decoder(_Plain, float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode_event(body: bytes | memoryview) -> Event:
    """Read a CloudEvents 1.0 JSON object.

    Raises EventRefused: `too-large`, `not-json`, or a reason of `read_event`.
    """
    if len(body) > MAX_EVENT:
        raise _too_large(len(body))
    return _decode_plain(body) or decode_strictly(body)


def decode_strictly(body: bytes | memoryview) -> Event:
    """The event in JSON of any size, decoded and checked attribute by attribute.

    Raises EventRefused like `decode_event`, except for `too-large`.
    """
    return read_event(decode_json(body))


def _decode_plain(body: bytes | memoryview) -> Event | None:
    """The event, if it is as nearly all are; None: decode it strictly."""
    if b"\\u0000" in bytes(body):  # the only way for a NUL into a text
        return None
    try:
        plain = _plain_decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, ArithmeticError, RecursionError):
        return None
    return plain_event(plain.id, plain.source, plain.type, plain.subject, plain.time, plain.data)


def decode_json(body: bytes | memoryview) -> object:
    """A JSON value, with Decimal for numbers that have a point or an exponent.

    Raises EventRefused: `not-json`, `bad-number`, `too-deep`.
    """
    try:
        return _decoder.decode(body)
    except RecursionError as error:
        raise EventRefused("too-deep", "the JSON is nested too deeply to be read") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EventRefused("not-json", str(error)) from error
    except ArithmeticError as error:
        raise EventRefused("bad-number", "a number is too large or too small") from error


def encode_event(event: Event) -> bytes:
    """The canonical bytes of an event: `decode_event` gives an equal event, of the same data.

    Raises EventRefused (`too-large`) if they are more than `MAX_EVENT`.
    """
    body = _encoder.encode(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": event.subject,
            "time": event.time,
            "data": event.data,
        }
    )
    if len(body) > MAX_EVENT:
        raise _too_large(len(body))
    return body


def event_message(event: Event) -> Outgoing:
    """The event as a message of the topic of events, in the user's order."""
    return Outgoing(EVENTS, event.subject.encode(), encode_event(event))


def _too_large(size: int) -> EventRefused:
    return EventRefused("too-large", f"the event has {size} of at most {MAX_EVENT} bytes")
