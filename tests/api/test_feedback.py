"""Feedback on banners through the door: what is taken, what is refused, what is waited for."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from quadrupel.api import feedback, feedback_bodies
from quadrupel.api.after import read_token
from quadrupel.api.feedback import WAIT_SECONDS
from quadrupel.bus.event_codec import decode_event
from quadrupel.core.feedback import MAX_AGE, SOURCE
from quadrupel.core.positions import Position

from .conftest import running
from .test_waiting import outcomes

PATH = "/v1/me/banners/feedback"
LICENCE = {"banner": "licence_expiring", "episode": "2026-12-20"}


def told(action: str = "seen", **change: object) -> dict[str, object]:
    return {**LICENCE, "action": action, **change}


def give(api, user: str, body: object) -> httpx.Response:
    return api.client.post(PATH, json=body, headers=api.bearer(api.signer.token(user)))


def beacon(api, body: object) -> httpx.Response:
    """What `navigator.sendBeacon` sends: no header but these."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "text/plain;charset=UTF-8", "origin": "https://portal.example"}
    return api.client.post(PATH, content=content, headers=headers)


def waited() -> float:
    """How often somebody was waited for until a set contained an event, or in vain."""
    return sum(outcomes().values())


def events(api, user: str):
    return [decode_event(message.value) for message in api.messages(user)]


def test_feedback_becomes_events_of_the_citizen_whose_token_it_is(api) -> None:
    at = datetime.now(UTC) - timedelta(hours=3)
    answer = give(api, "giver", [told(), told("dismissed", time=at.isoformat())])
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    seen, dismissed = events(api, "giver")
    assert (seen.source, seen.type, seen.subject) == (SOURCE, "banner.seen", "giver")
    assert seen.data == LICENCE
    assert datetime.now(UTC) - seen.time < timedelta(minutes=1)
    assert (dismissed.type, dismissed.time) == ("banner.dismissed", at)
    last = api.messages("giver")[-1]
    [position] = read_token(answer.json()["after"]).positions.values()
    assert position == Position(last.partition, last.offset)


@pytest.mark.parametrize("form", ["{}", "[{}]", '{{"feedback": {}}}', '{{"feedback": [{}]}}'])
def test_one_or_several_come_with_and_without_an_envelope(api, form: str) -> None:
    user = f"form-{len(form)}-{form.count('[')}"
    body = form.format(json.dumps(told())).encode()
    sent = {**api.bearer(api.signer.token(user)), "content-type": "application/json"}
    assert api.client.post(PATH, content=body, headers=sent).json()["accepted"] == 1
    assert len(events(api, user)) == 1


def test_what_is_told_again_is_the_same_event_and_nothing_else_is(api) -> None:
    noon = datetime.now(UTC).replace(hour=12) - timedelta(days=2)
    same = [told(time=(noon + timedelta(hours=hours)).isoformat()) for hours in (0, 3)]
    others = [
        told(time=(noon + timedelta(days=1)).isoformat()),
        told(time=noon.isoformat(), action="clicked"),
        told(time=noon.isoformat(), episode="2026-12-21"),
        told(time=noon.isoformat(), banner="birthday"),
    ]
    for each in ([same[0], *others], same[1:], same[:1]):
        assert give(api, "again", each).status_code == 202
    first, *rest, second, third = (event.id for event in events(api, "again"))
    assert first == second == third
    assert give(api, "another", same[:1]).status_code == 202
    [of_another] = (event.id for event in events(api, "another"))
    assert len({first, *rest, of_another}) == 6


def test_what_one_request_tells_several_times_is_one_event(api) -> None:
    answer = give(api, "repeater", [told()] * 50 + [told("clicked")] + [told()] * 49)
    assert answer.json()["accepted"] == 100
    assert [event.type for event in events(api, "repeater")] == ["banner.seen", "banner.clicked"]


def test_a_beacon_brings_its_token_along_and_waits_for_nothing(api) -> None:
    body = {"access_token": api.signer.token("leaver"), "feedback": [told("dismissed")]}
    before = waited()
    answer = beacon(api, body)
    assert answer.json() | {"after": ""} == {"accepted": 1, "after": "", "contains_event": False}
    assert answer.status_code == 202
    assert waited() == before
    assert [event.type for event in events(api, "leaver")] == ["banner.dismissed"]


def test_a_client_may_say_more_and_an_empty_list(api) -> None:
    more = told(id="8c1f", placement="main", screen={"width": 360})
    assert give(api, "talker", more).status_code == 202
    assert [event.data for event in events(api, "talker")] == [LICENCE]
    answer = give(api, "silent", []).json()
    assert (answer["accepted"], answer["contains_event"]) == (0, False)
    assert read_token(answer["after"]).positions == {}


BAD = {
    "no object": ("x", "not-an-object"),
    "a list": ([], "not-an-object"),
    "null": (None, "not-an-object"),
    "no banner": (told(banner=None), "missing-attribute"),
    "no episode": ({"banner": "birthday", "action": "seen"}, "missing-attribute"),
    "no action": (LICENCE, "missing-attribute"),
    "a banner that is a number": (told(banner=5), "wrong-attribute"),
    "a banner that is a list": (told(banner=["birthday"]), "wrong-attribute"),
    "an unknown banner": (told(banner="no_such_rule"), "unknown-banner"),
    "an empty banner": (told(banner=""), "wrong-attribute"),
    "an empty episode": (told(episode=""), "wrong-attribute"),
    "a long episode": (told(episode="x" * 257), "wrong-attribute"),
    "a NUL": (told(episode="2026\0"), "bad-text"),
    "an unknown action": (told("loved"), "wrong-attribute"),
    "another case": (told("Seen"), "wrong-attribute"),
    "a time without offset": (told(time="2026-11-23T10:00:00"), "bad-time"),
    "a time that is a number": (told(time=1_700_000_000), "bad-time"),
    "the future": (told(time="2199-01-01T00:00:00Z"), "in-the-future"),
    "the past": (told(time="2020-01-01T00:00:00Z"), "too-old"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_feedback_is_refused_with_its_reason(api, kind: str) -> None:
    feedback, reason = BAD[kind]
    answer = give(api, "hostile", [told(), feedback])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == (400 if reason == "not-an-object" else 422)
    [error] = answer.json()["errors"]
    assert (error["index"], error["reason"]) == (1, reason)
    assert error["detail"]
    assert events(api, "hostile") == []


def test_every_bad_part_is_named_and_nothing_is_taken(api) -> None:
    bad = [told("loved"), told(), told(banner="none"), told(episode="")]
    answer = give(api, "half", bad)
    assert answer.status_code == 422
    assert [each["index"] for each in answer.json()["errors"]] == [0, 2, 3]
    assert events(api, "half") == []


BODIES = {
    "empty": (b"", 400, "not-json"),
    "no JSON": (b"banner=x&action=seen", 400, "not-json"),
    "NaN": (b'{"feedback": NaN}', 400, "not-json"),
    "a BOM": (b"\xef\xbb\xbf[]", 400, "not-json"),
    "UTF-16": ("[]".encode("utf-16"), 400, "not-json"),
    "half a surrogate": (b'[{"banner": "\\ud800"}]', 400, "not-json"),
    "two documents": (b"[][]", 400, "not-json"),
    "nested": (b"[" * 60_000, 422, "too-deep"),
    "1e999999999": (b'[{"time": 1e999999999999999999999}]', 422, "bad-number"),
    "a text": (b'"seen"', 422, "wrong-feedback"),
    "null": (b"null", 422, "wrong-feedback"),
    "an envelope of nothing": (b'{"feedback": null}', 422, "wrong-feedback"),
    "an envelope of a text": (b'{"feedback": "seen"}', 422, "wrong-feedback"),
    "101": (json.dumps([told()] * 101).encode(), 413, "too-many-events"),
    "more than 64 KiB": (b" " * (feedback_bodies.MAX_BODY + 1), 413, "too-large"),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
def test_a_body_that_is_no_feedback_is_refused(api, kind: str, media_type: str) -> None:
    body, status, reason = BODIES[kind]
    sent = {**api.bearer(api.signer.token("bodies")), "content-type": media_type}
    answer = api.client.post(PATH, content=body, headers=sent)
    assert (answer.status_code, answer.json()["type"]) == (
        status,
        f"urn:quadrupel:problem:{reason}",
    )
    assert events(api, "bodies") == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/cloudevents+json"},
        {"content-type": "text/html"},
        {"content-type": ""},
        {"content-type": "text/plain; charset=koi8-r"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_another_media_type_is_415(api, headers: dict[str, str]) -> None:
    sent = {**api.bearer(api.signer.token("media")), **headers}
    answer = api.client.post(PATH, content=json.dumps(told()).encode(), headers=sent)
    assert answer.status_code == 415
    assert events(api, "media") == []


@pytest.mark.parametrize("token", [5, ["x"], {"x": 1}, True])
def test_a_token_that_is_no_text_is_refused_without_being_repeated(api, token: object) -> None:
    answer = beacon(api, {"access_token": token, "feedback": [told()]})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "access_token must be a text"


def test_feedback_is_given_for_nobody_else(api) -> None:
    attempts = {"user_id": "victim", "subject": "victim", "source": "/x", "type": "user.erased"}
    assert give(api, "attacker", told(**attempts)).status_code == 202
    [event] = events(api, "attacker")
    assert (event.subject, event.source, event.type) == ("attacker", SOURCE, "banner.seen")
    assert events(api, "victim") == []


def test_a_dismissal_is_answered_as_soon_as_the_banners_contain_it(api, monkeypatch) -> None:
    monkeypatch.setattr(feedback, "WAIT_SECONDS", 10.0)

    def publish_soon() -> None:
        while not (messages := api.messages("dismisser")):
            time.sleep(0.01)
        time.sleep(0.2)
        api.publish("dismisser", 2, contains=Position(messages[0].partition, messages[0].offset))

    api.publish("dismisser", 1, ("birthday", {}, "2026-11-23"))
    publisher = threading.Thread(target=publish_soon)
    publisher.start()
    begun = time.monotonic()
    answer = give(api, "dismisser", told("dismissed", banner="birthday"))
    publisher.join()
    assert answer.json()["contains_event"] is True
    assert 0.2 <= time.monotonic() - begun < 5.0
    own = api.bearer(api.signer.token("dismisser"))
    assert api.client.get("/v1/me/banners", headers=own).json()["banners"] == []


def test_a_dismissal_that_nobody_publishes_is_taken_after_a_second(api) -> None:
    begun, before = time.monotonic(), waited()
    answer = give(api, "patient", [told("dismissed"), told("seen")])
    assert (answer.status_code, answer.json()["contains_event"]) == (202, False)
    assert waited() == before + 1
    assert WAIT_SECONDS <= time.monotonic() - begun < 5 * WAIT_SECONDS


def test_what_changes_no_banner_is_not_waited_for(api) -> None:
    before = waited()
    answer = give(api, "reader", [told("seen"), told("clicked")])
    assert (answer.status_code, answer.json()["contains_event"]) == (202, False)
    assert waited() == before


def test_without_the_bus_feedback_is_503_and_banners_go_on(own_api) -> None:
    own_api.bus.down = True
    answer = give(own_api, "away", told())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    token = own_api.signer.token("away")
    assert own_api.client.get("/v1/me/banners", headers=own_api.bearer(token)).is_success
    own_api.bus.down = False
    assert give(own_api, "away", told()).status_code == 202
    assert len(events(own_api, "away")) == 1


def test_without_the_database_feedback_is_taken(pair, pair_urls, signer, tmp_path) -> None:
    primary, _ = pair_urls
    with running(primary, signer, tmp_path) as api:
        pair.primary.stop()
        begun = time.monotonic()
        answer = give(api, "brave", told("dismissed"))
        took = time.monotonic() - begun
        pair.lets_go()
        assert (answer.status_code, answer.json()["contains_event"]) == (202, False)
        assert took < 2 * WAIT_SECONDS
        assert [event.type for event in events(api, "brave")] == ["banner.dismissed"]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "banner.dismissed"},
        {"type": "banner.seen"},
        {"source": SOURCE},
        {"type": "banner.clicked", "source": SOURCE},
    ],
)
def test_no_system_reports_feedback_as_events_of_its_own(api, change: dict[str, str]) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/crm",
        "type": "something",
        "subject": "forged",
        "time": "2026-01-01T00:00:00Z",
        "data": LICENCE,
    }
    answer = api.client.post("/v1/events", json=event | change, headers=api.service)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["reason"] == "reserved"
    assert events(api, "forged") == []


def test_feedback_may_be_six_days_old(api) -> None:
    just, over = (datetime.now(UTC) - MAX_AGE + timedelta(minutes=m) for m in (1, -1))
    assert give(api, "late", told(time=just.isoformat())).status_code == 202
    assert give(api, "late", told(time=over.isoformat())).status_code == 422
