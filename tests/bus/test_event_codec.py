import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quadrupel.bus import event_codec
from quadrupel.bus.event_codec import (
    MAX_EVENT,
    decode_event,
    decode_strictly,
    encode_event,
    event_message,
)
from quadrupel.core.errors import EventRefused
from quadrupel.core.events import MAX_DEPTH, Event

HEAD = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"u1",'
GOOD = HEAD + b'"time":"2026-11-23T10:00:00Z"}'


def with_data(data: bytes) -> bytes:
    return GOOD[:-1] + b',"data":' + data + b"}"


def test_numbers_with_a_point_are_decimals() -> None:
    event = decode_event(with_data(b'{"fee": 0.10, "many": 12, "far": 1e2}'))
    assert event.data == {"fee": Decimal("0.10"), "many": 12, "far": Decimal("1E+2")}
    assert str(event.data["fee"]) == "0.10"


def test_the_last_of_members_with_one_name_counts() -> None:
    assert decode_event(with_data(b'{"a": 1, "a": 2}')).data == {"a": 2}
    assert decode_event(GOOD[:-1] + b',"subject":"u2"}').subject == "u2"
    assert decode_event(HEAD + b'"subject":2,"subject":"u2",' + GOOD[len(HEAD) :]).subject == "u2"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not-json"),
        (b" ", "not-json"),
        (b"hello", "not-json"),
        (b"\xef\xbb\xbf" + GOOD, "not-json"),
        (GOOD.decode().encode("utf-16"), "not-json"),
        (GOOD + GOOD, "not-json"),
        (GOOD[:-1], "not-json"),
        (GOOD.replace(b'"1.0"', b"'1.0'"), "not-json"),
        (with_data(b'{"a": NaN}'), "not-json"),
        (with_data(b'{"a": -Infinity}'), "not-json"),
        (with_data(b'{"a": "\xff"}'), "not-json"),
        (with_data(b'{"a": "\xed\xa0\x80"}'), "not-json"),
        (with_data(b'{"a": "\\ud800"}'), "not-json"),
        (with_data(b'{"a": "\\ud800\\u0041"}'), "not-json"),
        (with_data(b'{"\\udfff": 1}'), "not-json"),
        (with_data(b'{"a": "\n"}'), "not-json"),
        (with_data(b'{"a": "\\u0000"}'), "bad-text"),
        (with_data(b'{"\\u0000": 1}'), "bad-text"),
        (with_data(b'{"a": 1e400}'), "bad-number"),
        (with_data(b'{"a": 1e-400}'), "bad-number"),
        (with_data(b'{"a": 1e99999999999999999999}'), "bad-number"),
        (with_data(b'{"a": %d}' % 2**70), "bad-number"),
        (with_data(b'{"a": %d}' % 2**63), "bad-number"),
        (with_data(b'{"a": ' + b"9" * 5000 + b"}"), "not-json"),
        (with_data(b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}"), "too-deep"),
        (with_data(b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"), "too-deep"),
        (with_data(b'{"a": "' + b"x" * MAX_EVENT + b'"}'), "too-large"),
        (b"[" + GOOD + b"]", "not-an-object"),
        (b"null", "not-an-object"),
        (HEAD + b'"data":{}}', "missing-attribute"),
        (HEAD + b'"time":"2026-11-23T10:00:00"}', "bad-time"),
        (with_data(b"[]"), "wrong-attribute"),
    ],
    ids=lambda value: repr(value[-40:]),
)
def test_hostile_bytes_are_refused_with_their_reason(body: bytes, reason: str) -> None:
    with pytest.raises(EventRefused) as refused:
        decode_event(body)
    assert refused.value.reason == reason
    assert len(refused.value.detail) < 300


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.decimals(-(10**20), 10**20, allow_nan=False).map(lambda number: number + Decimal("0.0"))
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
).filter(lambda value: depth(value) < MAX_DEPTH)


def depth(value: object) -> int:
    parts = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if parts is None else 1 + max(map(depth, parts), default=0)


@given(
    st.dictionaries(texts, values, max_size=4),
    # Hypothesis wants naive limits.
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_what_is_encoded_is_decoded_as_the_same_event(
    data: dict[str, object], time: datetime
) -> None:
    event = Event("1", "/с", "t", "u1", time, data)
    body = encode_event(event)
    assert decode_event(body) == event
    assert encode_event(decode_event(body)) == body


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps(text).encode()))
def test_no_bytes_raise_anything_but_a_refusal(body: bytes) -> None:
    for hostile in (body, with_data(body), GOOD.replace(b"u1", body)):
        try:
            decode_event(hostile)
        except EventRefused as refused:
            assert refused.detail  # noqa: PT017 - whether it is raised depends on the bytes


def outcome(decode: Callable[[bytes], Event], body: bytes) -> Event | tuple[str, str]:
    """The event, or why it is none."""
    try:
        return decode(body)
    except EventRefused as refused:
        return refused.reason, refused.detail


odd_texts = st.sampled_from(
    ["", "u 1", "a\n", "é", "\0", "\x85", "тип", "x" * 129, "x" * 257, "a/b"]
)
odd_times = st.sampled_from(
    [
        "2026-11-23t10:00:00z",
        "2026-11-23 10:00:00Z",
        "2026-11-23T10:00:00.1234567+03:00",
        "2026-11-23T10:00:00.999999999Z",
        "2026-11-23T10:00:00+0300",
        "2026-11-23T10:00:00-00:00",
        "2026-11-23T10:00:00+24:00",
        "2026-11-23T10:00:60Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T10:00:00",
        "2026-W48-1T10:00:00Z",
        "20261123T100000Z",
        "0001-01-01T00:00:00+01:00",
        "1899-12-31T23:59:59Z",
        "٢٠٢٦-11-23T10:00:00Z",
    ]
)
numbers = st.sampled_from([2**63, -(2**63) - 1, 2**70, Decimal("1e400"), Decimal("1.50")])
odd_data = st.dictionaries(
    texts | odd_texts, values | numbers | odd_texts | st.lists(numbers | odd_texts), max_size=3
)
usual = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "t",
    "subject": "u1",
    "time": "2026-11-23T10:00:00Z",
    "data": {"kind": "passport"},
}
odd_events = st.fixed_dictionaries(
    {},
    optional={
        "specversion": st.sampled_from(["1.0", "0.3", 1.0, None]),
        "id": texts | odd_texts | st.integers(),
        "source": texts | odd_texts | st.none(),
        "type": texts | odd_texts,
        "subject": texts | odd_texts | st.booleans(),
        "time": odd_times | texts | st.integers(),
        "data": odd_data | st.none() | texts,
        "datacontenttype": st.sampled_from(["application/json", "text/json", "text/xml", None, 5]),
        "traceparent": texts | st.lists(texts),
    },
)


@given(odd_events, st.sets(st.sampled_from(sorted(usual)), max_size=2), st.booleans())
def test_the_strict_way_and_the_usual_one_agree(
    odd: dict[str, object], missing: set[str], ascii_only: bool
) -> None:
    fields = {name: value for name, value in (usual | odd).items() if name not in missing}
    body = msgspec.json.encode(fields)
    if ascii_only:  # as sources write that escape what is not ASCII
        body = json.dumps(json.loads(body), allow_nan=False).encode()
    assert outcome(decode_event, body) == outcome(decode_strictly, body)


ODD_WORDS = [
    "",
    " ",
    "a b",
    "\x7f",
    "a\x7f",
    "a\n",
    "a\x00b",
    "ü",
    "\u200b",
    "a" * 300,
    "a" * 2_000,
    "a/b:c-d._~",
]


@pytest.mark.parametrize("name", ["id", "source", "type", "subject"])
@pytest.mark.parametrize("text", ODD_WORDS)
def test_both_ways_say_the_same_of_one_odd_word(name: str, text: str) -> None:
    body = msgspec.json.encode(usual | {name: text})
    assert outcome(decode_event, body) == outcome(decode_strictly, body)


@given(st.binary(max_size=50), st.integers(0, len(GOOD)), st.integers(0, 10))
def test_the_two_ways_agree_on_bytes_that_were_tampered_with(
    part: bytes, at: int, length: int
) -> None:
    for body in (GOOD[:at] + part + GOOD[at + length :], with_data(part)):
        assert outcome(decode_event, body) == outcome(decode_strictly, body)


@pytest.mark.parametrize(
    "body", [GOOD, with_data(b'{"kind": "passport", "fee": 1.50}'), with_data(b"{}")]
)
def test_usual_events_go_the_usual_way(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_codec, "decode_strictly", None)
    assert decode_event(body).id == "1"


def test_an_event_is_a_message_keyed_by_its_user() -> None:
    message = event_message(decode_event(GOOD))
    assert (message.topic, message.key) == ("quadrupel.events", b"u1")
    assert decode_event(message.value) == decode_event(GOOD)


def test_an_event_too_large_in_its_canonical_form_is_not_encoded() -> None:
    numbers = [Decimal("1e5")] * 15_000
    event = Event("1", "/s", "t", "u1", datetime(2026, 1, 1, tzinfo=UTC), {"a": numbers})
    with pytest.raises(EventRefused, match="too-large"):
        encode_event(event)
