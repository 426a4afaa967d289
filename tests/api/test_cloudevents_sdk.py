"""Events from a client nobody here wrote: the CloudEvents SDK for Python."""

import ast
import contextlib
import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from quadrupel.bus.event_codec import decode_event
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.rules import catalogue

CHECKOUT = Path(__file__).parents[2]
FORMS = {"binary": to_binary_event, "structured": to_structured_event}


def post(api, message: HTTPMessage):
    headers = {**message.headers, **api.service}
    return api.client.post("/v1/events", content=message.body, headers=headers)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content_type", [None, "application/json", "application/vnd.a+json"])
def test_its_events_are_taken(api, form: str, content_type: str | None) -> None:
    user = f"sdk-{form}-{abs(hash(content_type))}"
    attributes = {
        "id": "№ 1 / 100%",
        "source": "https://реестр.example/права?a=b",
        "type": "gov.document.issued",
        "subject": user,
        "time": datetime(2026, 11, 23, 10, 0, 0, 5, timezone(timedelta(hours=3))),
        "traceparent": "00-1-1-01",
    }
    if content_type:
        attributes["datacontenttype"] = content_type
    event = CloudEvent(attributes, {"kind": "driving_licence", "имя": "Ünï", "n": 1})
    response = post(api, FORMS[form](event))
    assert (response.status_code, response.json()["accepted"]) == (202, 1)
    (message,) = api.messages(user)
    taken = decode_event(message.value)
    assert taken.id == "№ 1 / 100%"
    assert taken.source == "https://реестр.example/права?a=b"
    assert taken.time == datetime(2026, 11, 23, 7, 0, 0, 5, UTC)
    assert taken.data == {"kind": "driving_licence", "имя": "Ünï", "n": 1}


@pytest.mark.parametrize("form", FORMS)
def test_the_event_of_the_documentation_feeds_a_profile(api, form: str) -> None:
    text = (CHECKOUT / "docs/reference/events.md").read_text()
    (arguments,) = re.findall(r"= CloudEvent\((.*?)\n\)", text, re.DOTALL)
    attributes, data = ast.literal_eval(f"({arguments})")
    user = f"sdk-documented-{form}"
    assert post(api, FORMS[form](CloudEvent(attributes | {"subject": user}, data))).is_success
    profile = Profile(user)
    taken = [decode_event(each.value) for each in api.messages(user)]
    feeds = Feeds(catalogue.load(CHECKOUT / "rules").schema)
    fold(profile, arrived(taken, date(2026, 11, 23)), feeds)
    assert profile.values["driving_licence_expires"] == date(2036, 11, 23)


@pytest.mark.parametrize("form", FORMS)
def test_its_events_without_data_are_taken(api, form: str) -> None:
    user = f"sdk-empty-{form}"
    event = CloudEvent({"type": "t", "source": "/s", "subject": user}, None)
    response = post(api, FORMS[form](event))
    assert response.status_code == 202, response.text
    (message,) = api.messages(user)
    assert decode_event(message.value).data == {}


@pytest.mark.parametrize("form", FORMS)
def test_its_bytes_are_refused_as_no_json(api, form: str) -> None:
    attributes = {"type": "t", "source": "/s", "subject": "sdk-bytes"}
    event = CloudEvent(attributes | {"datacontenttype": "application/octet-stream"}, b"\x00\xff")
    assert post(api, FORMS[form](event)).status_code in (415, 422)
    with contextlib.suppress(KeyError):
        assert api.messages("sdk-bytes") == []
