"""Events in HTTP requests: every form that CloudEvents and its clients send JSON events in.

One event as `application/cloudevents+json`, several as `application/cloudevents-batch+json`, lines
as `application/x-ndjson`, one or several as `application/json`, and one in binary mode: attributes
as `ce-` headers, the data as the body.

Specification: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import re
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.datastructures import Headers

from quadrupel.api.bodies import unsupported
from quadrupel.bus.event_codec import decode_event, decode_json, event_message
from quadrupel.core.errors import EventRefused, EventsRefused, InputRefused
from quadrupel.core.events import Event, check_time, is_json, read_event
from quadrupel.core.feedback import check_outside
from quadrupel.core.ports import Outgoing

MAX_EVENTS = 1_000

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"
JSON = "application/json"

_PREFIX = "ce-"
_ESCAPED = re.compile(r"\\(.)")
_array = msgspec.json.Decoder(list[msgspec.Raw])

Documents = list[tuple[int, bytes | memoryview]]
"""The bytes of each event, with its place in the request."""


class Taken(NamedTuple):
    """An event of a request, and as a message for the bus."""

    event: Event
    message: Outgoing


def read_events(media_type: str, headers: Headers, body: bytes, now: datetime) -> list[Taken]:
    """The events of a request that comes `now`, all of them good.

    Raises EventsRefused with every bad event; InputRefused (`not-json`, `too-many-events`,
    `unsupported-media-type`) when there is no telling the events.
    """
    if _in_binary_mode(media_type, headers):
        if media_type and not is_json(media_type):
            raise unsupported("the data of an event must be JSON")
        try:
            return [_taken(_binary(headers, body), now)]
        except EventRefused as error:
            raise EventsRefused("index", [(0, error)]) from error
    if media_type == LINES:
        return _decode("line", _lines(body), now)
    if media_type == BATCH or (media_type == JSON and body.lstrip()[:1] == b"["):
        return _decode("index", _elements(body), now)
    if media_type in (ONE, JSON):
        return _decode("index", [(0, body)], now)
    raise unsupported(f"events come as {ONE}, {BATCH}, {LINES} or {JSON}")


def _taken(event: Event, now: datetime) -> Taken:
    check_time(event, now)
    check_outside(event)
    return Taken(event, event_message(event))


def _decode(unit: Literal["index", "line"], documents: Documents, now: datetime) -> list[Taken]:
    if len(documents) > MAX_EVENTS:
        raise InputRefused(
            "too-many-events", f"{len(documents)} events in one request, {MAX_EVENTS} at most"
        )
    taken = []
    refused = []
    for place, document in documents:
        try:
            taken.append(_taken(decode_event(document), now))
        except EventRefused as error:
            refused.append((place, error))
    if refused:
        raise EventsRefused(unit, refused)
    return taken


def _elements(body: bytes) -> Documents:
    try:
        return [(index, memoryview(raw)) for index, raw in enumerate(_array.decode(body))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputRefused("not-json", f"the body is not a JSON array: {error}") from error


def _lines(body: bytes) -> Documents:
    lines = enumerate(body.split(b"\n"), start=1)
    documents: Documents = [(number, line) for number, line in lines if line.strip()]
    if not documents:
        raise InputRefused("not-json", "the body has no line with an event")
    return documents


def _in_binary_mode(media_type: str, headers: Headers) -> bool:
    structured = media_type.startswith("application/cloudevents")
    return not structured and any(name.startswith(_PREFIX) for name in headers)


def _binary(headers: Headers, body: bytes) -> Event:
    """The event of a request in binary mode, whose attributes are headers."""
    fields: dict[str, object] = {}
    for header, value in headers.items():
        if header.startswith(_PREFIX):
            name = header.removeprefix(_PREFIX)
            if name in fields:
                raise EventRefused("wrong-attribute", f"the header {header} is there twice")
            fields[name] = _attribute(header, value)
    fields["datacontenttype"] = headers.get("content-type")
    fields["data"] = decode_json(body) if body else None
    return read_event(fields)


def _attribute(header: str, value: str) -> str:
    """An attribute from its header: unquoted, then percent-decoded (section 3.1.3.2)."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError as error:
        raise EventRefused(
            "bad-text", f"the header {header} is not percent-encoded UTF-8"
        ) from error
