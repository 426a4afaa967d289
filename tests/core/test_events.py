from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from quadrupel.core.errors import EventRefused
from quadrupel.core.events import (
    LATE,
    MAX_AHEAD,
    Event,
    check_time,
    check_user_id,
    is_late,
    read_event,
)

GOOD = {
    "specversion": "1.0",
    "id": "1",
    "source": "/registry",
    "type": "gov.document.issued",
    "subject": "u1",
    "time": "2026-11-23T10:00:00Z",
    "data": {"document": "driving_licence"},
}


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_an_event_is_read_with_its_time_in_utc() -> None:
    event = read_event({**GOOD, "time": "2026-11-23t13:00:00.5+03:00"})
    assert event.time == datetime(2026, 11, 23, 10, 0, 0, 500_000, UTC)
    assert event.time.tzinfo is UTC
    assert (event.id, event.source, event.subject) == ("1", "/registry", "u1")
    assert event.data == {"document": "driving_licence"}


@pytest.mark.parametrize(
    "change",
    [
        {"data": None},
        {"datacontenttype": "application/json; charset=utf-8"},
        {"datacontenttype": "application/vnd.portal+json"},
        {"datacontenttype": None},
        {"traceparent": "00-1", "sampled": True, "sequence": 5, "comexampleextra": None},
        {"dataschema": "https://example.org/schema"},
        {"source": "https://реестр.example/права"},
        {"id": "i" * 256},
        {"subject": "A-Za.z_0:9@x"},
        {"data": {"a": [1, -(2**63), 2**63 - 1, Decimal("1e300"), True, None, "ü𝄞"]}},
        {"data": {"a": nested(7)}},
        {"time": "1900-01-01T00:00:00Z"},
        {"time": "2200-12-31T23:59:59.123456789-00:00"},
    ],
    ids=repr,
)
def test_good_events_are_read(change: dict[str, object]) -> None:
    read_event(GOOD | change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"specversion": None}, "missing-attribute"),
        ({"specversion": "0.3"}, "wrong-attribute"),
        ({"specversion": 1.0}, "wrong-attribute"),
        ({"id": None}, "missing-attribute"),
        ({"id": ""}, "wrong-attribute"),
        ({"id": 7}, "wrong-attribute"),
        ({"id": "i" * 257}, "wrong-attribute"),
        ({"id": "a\0"}, "bad-text"),
        ({"id": "a\ud800"}, "bad-text"),
        ({"id": "a\n"}, "bad-text"),
        ({"source": ["/a"]}, "wrong-attribute"),
        ({"source": "s" * 257}, "wrong-attribute"),
        ({"source": "\x85"}, "bad-text"),
        ({"type": ""}, "wrong-attribute"),
        ({"type": "a b"}, "wrong-attribute"),
        ({"type": "t" * 129}, "wrong-attribute"),
        ({"type": "тип"}, "wrong-attribute"),
        ({"type": "a\n"}, "wrong-attribute"),
        ({"subject": None}, "missing-attribute"),
        ({"subject": ""}, "bad-user-id"),
        ({"subject": "u" * 65}, "bad-user-id"),
        ({"subject": "u 1"}, "bad-user-id"),
        ({"subject": "u1\n"}, "bad-user-id"),
        ({"subject": "u/../1"}, "bad-user-id"),
        ({"subject": "ú1"}, "bad-user-id"),
        ({"subject": 1}, "bad-user-id"),
        ({"time": None}, "missing-attribute"),
        ({"time": 1763892000}, "bad-time"),
        ({"time": "2026-11-23T10:00:00"}, "bad-time"),
        ({"time": "2026-11-23"}, "bad-time"),
        ({"time": "2026-11-23 10:00:00Z"}, "bad-time"),
        ({"time": "2026-02-30T10:00:00Z"}, "bad-time"),
        ({"time": "2026-11-23T24:00:00Z"}, "bad-time"),
        ({"time": "2026-11-23T10:00:60Z"}, "bad-time"),
        ({"time": "2026-11-23T10:00:00+24:00"}, "bad-time"),
        ({"time": "٢٠٢٦-11-23T10:00:00Z"}, "bad-time"),
        ({"time": "0001-01-01T00:00:00+01:00"}, "bad-time"),
        ({"time": "1899-12-31T23:59:59Z"}, "bad-time"),
        ({"time": "9999-12-31T23:59:59-01:00"}, "bad-time"),
        ({"datacontenttype": "text/xml"}, "wrong-attribute"),
        ({"datacontenttype": 5}, "wrong-attribute"),
        ({"data_base64": "e30="}, "wrong-attribute"),
        ({"traceParent": "x"}, "wrong-attribute"),
        ({"trace_id": "x"}, "wrong-attribute"),
        ({"": "x"}, "wrong-attribute"),
        ({"a\ud800": "x"}, "wrong-attribute"),
        ({"extension": {"a": 1}}, "wrong-attribute"),
        ({"extension": [1]}, "wrong-attribute"),
        ({"extension": Decimal("1.5")}, "wrong-attribute"),
        ({"data": []}, "wrong-attribute"),
        ({"data": "{}"}, "wrong-attribute"),
        ({"data": {"a": "\0"}}, "bad-text"),
        ({"data": {"a": ["\udfff"]}}, "bad-text"),
        ({"data": {"\0": 1}}, "bad-text"),
        ({"data": {"\ud800": 1}}, "bad-text"),
        ({"data": {"a": 2**63}}, "bad-number"),
        ({"data": {"a": [-(2**63) - 1]}}, "bad-number"),
        ({"data": {"a": Decimal("1e400")}}, "bad-number"),
        ({"data": {"a": Decimal("1e-400")}}, "bad-number"),
        ({"data": {"a": Decimal("NaN")}}, "bad-number"),
        ({"data": {"a": Decimal("-Infinity")}}, "bad-number"),
        ({"data": {"a": 1.5}}, "bad-number"),
        ({"data": {"a": nested(8)}}, "too-deep"),
        ({"data": {"a": nested(900)}}, "too-deep"),
    ],
    ids=repr,
)
def test_a_bad_event_is_refused_with_its_reason(change: dict[str, object], reason: str) -> None:
    with pytest.raises(EventRefused) as refused:
        read_event(GOOD | change)
    assert refused.value.reason == reason
    refused.value.detail.encode()


@pytest.mark.parametrize("fields", [None, [], "{}", 1, True, [GOOD]], ids=repr)
def test_anything_but_an_object_is_refused(fields: object) -> None:
    with pytest.raises(EventRefused, match="not-an-object"):
        read_event(fields)


def test_identity_depends_on_source_and_id_only() -> None:
    event = read_event(GOOD)
    assert event.identity == read_event({**GOOD, "subject": "u2", "data": {}}).identity
    assert event.identity != read_event({**GOOD, "id": "2"}).identity
    assert event.identity == 2539461437326284568
    assert read_event({**GOOD, "source": "a", "id": "bc"}).identity != (
        read_event({**GOOD, "source": "ab", "id": "c"}).identity
    )


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=3))])
def test_an_event_cannot_be_made_with_a_time_that_is_not_utc(zone: timezone | None) -> None:
    with pytest.raises(ValueError, match="must be in UTC"):
        Event("1", "/s", "t", "u1", datetime(2026, 1, 1, tzinfo=zone), {})


def test_a_user_id_is_checked_by_itself() -> None:
    assert check_user_id("u-1") == "u-1"
    with pytest.raises(EventRefused, match="bad-user-id"):
        check_user_id("u 1")


ARRIVED = datetime(2026, 11, 23, 10, tzinfo=UTC)


def at(time: datetime) -> Event:
    return Event("1", "/registry", "moved", "u1", time, {})


@pytest.mark.parametrize("early", [timedelta(0), timedelta(days=36_500), -MAX_AHEAD])
def test_an_event_may_be_old_or_a_little_ahead_of_the_bus(early: timedelta) -> None:
    check_time(at(ARRIVED - early), ARRIVED)


def test_an_event_from_long_after_its_arrival_is_refused() -> None:
    with pytest.raises(EventRefused, match="5 minutes") as refused:
        check_time(at(ARRIVED + MAX_AHEAD + timedelta(microseconds=1)), ARRIVED)
    assert refused.value.reason == "in-the-future"


def test_an_event_is_late_a_day_after_it_became_true() -> None:
    assert not is_late(at(ARRIVED - LATE), ARRIVED)
    assert is_late(at(ARRIVED - LATE - timedelta(microseconds=1)), ARRIVED)
