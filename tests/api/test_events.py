import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from quadrupel.api.after import read_token, write_token
from quadrupel.bus.event_codec import decode_event
from quadrupel.core.positions import Position

NOTHING = write_token({})

GOOD = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "t",
    "subject": "u1",
    "time": "2026-11-23T10:00:00Z",
}
ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"
JSON = "application/json"


def event(user: str, **change: object) -> bytes:
    return json.dumps(GOOD | {"subject": user} | change).encode()


def post(api, media_type: str, body: bytes, **headers: str) -> httpx.Response:
    return api.client.post(
        "/v1/events", content=body, headers={**api.service, "content-type": media_type, **headers}
    )


@pytest.mark.parametrize(
    ("media_type", "form", "count"),
    [
        (ONE, "{0}", 1),
        (f"{ONE}; charset=UTF-8", "{0}", 1),
        (JSON, "{0}", 1),
        (JSON, " \n[{0}, {1}]", 2),
        (BATCH, "[{0},{1}]", 2),
        (LINES, "{0}\n{1}", 2),
        (LINES, "\r\n{0}\r\n\r\n  \n{1}\r\n", 2),
        ("APPLICATION/X-NDJSON", "{0}\n", 1),
    ],
)
def test_events_are_taken_in_every_form(api, media_type: str, form: str, count: int) -> None:
    user = f"form-{abs(hash((media_type, form)))}"
    body = form.replace("{0}", event(user).decode()).replace("{1}", event(user, id="2").decode())
    response = post(api, media_type, body.encode())
    assert (response.status_code, response.json()["accepted"]) == (202, count)
    assert [decode_event(message.value).id for message in api.messages(user)] == ["1", "2"][:count]


def test_an_empty_batch_is_taken(api) -> None:
    assert post(api, BATCH, b"[]").json() == {"accepted": 0, "after": NOTHING}


def test_binary_mode_has_attributes_as_headers(api) -> None:
    response = api.client.post(
        "/v1/events",
        content=b'{"fee": 1.50}',
        headers={
            **api.service,
            "content-type": JSON,
            "ce-specversion": "1.0",
            "ce-id": "%D0%B81",
            "ce-source": '"/a\\"b"',
            "ce-type": "t",
            "ce-subject": "binary",
            "ce-time": "2026-11-23T10:00:00%2B03:00",
            "ce-sequence": "5",
        },
    )
    assert response.status_code == 202
    (message,) = api.messages("binary")
    taken = decode_event(message.value)
    assert (taken.id, taken.source, str(taken.data["fee"])) == ("и1", '/a"b', "1.50")
    assert taken.time.hour == 7


@pytest.mark.parametrize(
    ("headers", "body", "status", "reason"),
    [
        ({"ce-id": "%FF"}, b"{}", 422, "bad-text"),
        ({"ce-id": "\xff"}, b"{}", 422, "bad-text"),
        ({"ce-id": "%00"}, b"{}", 422, "bad-text"),
        ({"ce-time": "2026-11-23T10:00:00"}, b"{}", 422, "bad-time"),
        ({"ce-time": "2200-01-01T00:00:00Z"}, b"{}", 422, "in-the-future"),
        ({"ce-data_base64": "e30="}, b"{}", 422, "wrong-attribute"),
        ({"ce-bad-name": "x"}, b"{}", 422, "wrong-attribute"),
        ({}, b"{", 400, "not-json"),
        ({}, b"[]", 422, "wrong-attribute"),
    ],
)
def test_a_bad_event_in_binary_mode_is_refused(
    api, headers: dict[str, str], body: bytes, status: int, reason: str
) -> None:
    good = {f"ce-{name}": value for name, value in GOOD.items()}
    sent = {**api.service, "content-type": JSON, **good, **headers}
    raw = {name: value.encode("latin-1") for name, value in sent.items()}
    response = api.client.post("/v1/events", content=body, headers=raw)
    assert (response.status_code, response.json()["errors"][0]["reason"]) == (status, reason)


def test_an_attribute_that_comes_twice_in_binary_mode_is_refused(api) -> None:
    sent = [*api.service.items(), *((f"ce-{name}", value) for name, value in GOOD.items())]
    response = api.client.post("/v1/events", content=b"{}", headers=[*sent, ("ce-id", "2")])
    assert response.json()["errors"][0]["reason"] == "wrong-attribute"


def test_a_clock_may_be_five_minutes_ahead_and_no_more(api) -> None:
    now = datetime.now(UTC)
    ahead = [(now + timedelta(minutes=minutes)).isoformat() for minutes in (4, 6)]
    assert post(api, ONE, event("ahead", time=ahead[0])).status_code == 202
    response = post(api, LINES, event("ahead", id="2") + b"\n" + event("ahead", time=ahead[1]))
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["line"], error["reason"]) == (2, "in-the-future")
    assert len(api.messages("ahead")) == 1


def issued(user: str, **change: object) -> bytes:
    """An event that can change something of the user."""
    data = {"expires": "2036-11-23"}
    return event(user, **{"type": "document.issued", "data": data, **change})


def test_the_answer_has_a_token_for_the_last_event_of_each_user(api) -> None:
    body = b"\n".join([issued("t1"), issued("t2"), issued("t1", id="2"), event("t1", id="3")])
    after = read_token(post(api, LINES, body).json()["after"])
    positions = {
        user: [Position(each.partition, each.offset) for each in api.messages(user)]
        for user in ("t1", "t2")
    }
    assert sorted(after.positions.values()) == sorted([positions["t1"][1], positions["t2"][0]])
    assert not after.is_reached("t1", positions["t1"][0])
    assert after.is_reached("t1", positions["t1"][1])
    assert after.is_reached("t2", positions["t2"][0])


@pytest.mark.parametrize(
    "change", [{"type": "unheard.of"}, {"data": {"expires": "never"}}, {"data": {}}]
)
def test_an_event_that_can_change_nothing_is_not_waited_for(api, change) -> None:
    assert post(api, ONE, issued("idle", **change)).json() == {"accepted": 1, "after": NOTHING}


def test_there_is_no_token_for_more_than_sixty_four_users(api) -> None:
    def answer(users: int) -> str | None:
        body = b"\n".join(issued(f"many-{users}-{number}") for number in range(users))
        return post(api, LINES, body).json()["after"]

    assert len(read_token(answer(64)).positions) == 64
    assert answer(65) is None


def raw_data(data: bytes) -> bytes:
    return event("hostile")[:-1] + b', "data": ' + data + b"}"


HOSTILE = {
    "empty": (b"", 400, "not-json"),
    "blank": (b" \n", 400, "not-json"),
    "BOM": (b"\xef\xbb\xbf" + event("hostile"), 400, "not-json"),
    "UTF-16": (event("hostile").decode().encode("utf-16"), 400, "not-json"),
    "invalid UTF-8": (raw_data(b'{"a": "\xff"}'), 400, "not-json"),
    "NaN": (raw_data(b'{"a": NaN}'), 400, "not-json"),
    "Infinity": (raw_data(b'{"a": -Infinity}'), 400, "not-json"),
    "lone surrogate": (raw_data(b'{"a": "\\ud800"}'), 400, "not-json"),
    "two documents": (event("hostile") * 2, 400, "not-json"),
    "a text": (b'"hello"', 400, "not-an-object"),
    "null": (b"null", 400, "not-an-object"),
    "1e400": (raw_data(b'{"a": 1e400}'), 422, "bad-number"),
    "2**70": (raw_data(b'{"a": 1180591620717411303424}'), 422, "bad-number"),
    "NUL": (raw_data(b'{"a": "\\u0000"}'), 422, "bad-text"),
    "deep": (raw_data(b'{"a": ' + b"[" * 9 + b"]" * 9 + b"}"), 422, "too-deep"),
    "very deep": (raw_data(b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"), 422, "too-deep"),
    "no time": (event("hostile", time=None), 422, "missing-attribute"),
    "naive time": (event("hostile", time="2026-11-23T10:00:00"), 422, "bad-time"),
    "no user": (event("hostile", subject=None), 422, "missing-attribute"),
    "bad user": (event("hostile", subject="a b"), 422, "bad-user-id"),
    "the year 2200": (event("hostile", time="2200-01-01T00:00:00Z"), 422, "in-the-future"),
    "65 KiB": (raw_data(b'{"a": "' + b"x" * 65_536 + b'"}'), 422, "too-large"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_event_is_refused_with_its_reason(api, kind: str) -> None:
    body, status, reason = HOSTILE[kind]
    response = post(api, ONE, body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert (error["index"], error["reason"]) == (0, reason)
    assert api.messages("hostile") == []


@pytest.mark.parametrize(
    ("media_type", "start", "between", "end"),
    [(BATCH, b"[", b",", b"]"), (JSON, b"[", b",\n", b"]")],
)
def test_one_bad_event_refuses_its_batch_and_every_bad_one_is_named(
    api, media_type: str, start: bytes, between: bytes, end: bytes
) -> None:
    bad = [event("half", time="?"), event("half", id="")]
    body = between.join([event("half"), bad[0], event("half", id="3"), bad[1]])
    response = post(api, media_type, start + body + end)
    assert response.status_code == 422
    errors = [(each["index"], each["reason"]) for each in response.json()["errors"]]
    assert errors == [(1, "bad-time"), (3, "wrong-attribute")]
    assert all(each["detail"] for each in response.json()["errors"])
    assert api.messages("half") == []


def test_bad_lines_are_named_by_their_numbers(api) -> None:
    body = b"\n".join([event("lines"), b"", b"{broken", event("lines", subject="a b")])
    response = post(api, LINES, body)
    assert response.status_code == 400
    errors = [(each["line"], each["reason"]) for each in response.json()["errors"]]
    assert errors == [(3, "not-json"), (4, "bad-user-id")]
    assert api.messages("lines") == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b'[{"a": \xff}]', b"[" * 50_000, b"[1] x"])
def test_a_batch_that_is_no_array_is_400(api, body: bytes) -> None:
    response = post(api, BATCH, body)
    assert response.status_code == 400


def test_more_than_a_thousand_events_are_413(api) -> None:
    assert post(api, LINES, b"\n".join([event("many")] * 1000)).status_code == 202
    response = post(api, LINES, b"\n".join([event("many")] * 1001))
    assert response.status_code == 413
    assert response.json()["type"] == "urn:quadrupel:problem:too-many-events"
    assert len(api.messages("many")) == 1000


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_a_megabyte_is_413_whatever_the_length_says(api, chunked: bool) -> None:
    body = b" " * (1024 * 1024 + 1)
    content = iter([body[:500_000], body[500_000:]]) if chunked else body
    response = api.client.post(
        "/v1/events", content=content, headers={**api.service, "content-type": LINES}
    )
    assert response.status_code == 413
    assert response.json()["type"] == "urn:quadrupel:problem:too-large"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/xml"},
        {"content-type": ""},
        {"content-type": "application/cloudevents+xml"},
        {"content-type": "application/json; charset=koi8-r"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "text/xml", "ce-specversion": "1.0", "ce-id": "1"},
    ],
)
def test_another_media_type_is_415(api, headers: dict[str, str]) -> None:
    response = api.client.post("/v1/events", content=b"{}", headers={**api.service, **headers})
    assert response.status_code == 415
    assert response.json()["type"] == "urn:quadrupel:problem:unsupported-media-type"


def test_without_the_bus_events_are_503_and_banners_go_on(own_api) -> None:
    own_api.bus.down = True
    response = post(own_api, ONE, event("away"))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert own_api.client.get("/v1/users/u1/banners", headers=own_api.service).is_success
    assert own_api.client.get("/readyz").is_success
    own_api.bus.down = False
    assert post(own_api, ONE, event("away")).status_code == 202
    assert len(own_api.messages("away")) == 1


def test_many_clients_at_once_are_each_answered_after_their_events_are_durable(api) -> None:
    started = threading.Barrier(8)

    def client(number: int) -> int:
        started.wait()
        for round_ in range(10):
            user = f"client-{number}"
            assert post(api, ONE, event(user, id=str(round_))).status_code == 202
            assert len(api.messages(user)) == round_ + 1
        return number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(client, range(8))) == list(range(8))
