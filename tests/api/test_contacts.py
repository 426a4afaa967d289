import json

import psycopg
import pytest
from structlog.testing import capture_logs

GOOD = {
    "email": "Citizen@Example.org",
    "phone": "+7 912 345-67-89",
    "language": "ru",
    "time_zone": "Asia/Vladivostok",
    "consents": {"email": True, "sms": False},
}


def put(api, user_id: str, body: bytes, **headers: str):
    sent = {**api.service, "content-type": "application/json", **headers}
    return api.client.put(f"/v1/users/{user_id}/contacts", content=body, headers=sent)


def stored(api, user_id: str) -> tuple | None:
    with psycopg.connect(api.database_url) as connection:
        return connection.execute(
            "SELECT email, phone, language, time_zone, consents FROM contacts WHERE user_id = %s",
            (user_id,),
        ).fetchone()


def test_a_contact_is_saved_and_replaced_as_a_whole(api) -> None:
    response = put(api, "reached", json.dumps(GOOD).encode())
    assert (response.status_code, response.content) == (204, b"")
    assert stored(api, "reached") == (
        "Citizen@example.org",
        "+79123456789",
        "ru",
        "Asia/Vladivostok",
        {"email": True, "sms": False},
    )
    assert put(api, "reached", b"{}").status_code == 204
    assert stored(api, "reached") == (None, None, None, None, {})


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "not-json"),
        (b"{", 400, "not-json"),
        (b'{"email": "\xff"}', 400, "not-json"),
        (b'{"consents": ' + b"[" * 1500, 422, "wrong-contact"),
        (b"[]", 422, "wrong-contact"),
        (b'{"fax": "1"}', 422, "wrong-contact"),
        (b'{"phone": 79123456789}', 422, "wrong-contact"),
        (b'{"phone": ""}', 422, "wrong-phone"),
        (b'{"phone": "89123456789"}', 422, "wrong-phone"),
        (b'{"phone": "+79123456789\\u0000"}', 422, "wrong-phone"),
        (b'{"time_zone": 3}', 422, "wrong-contact"),
        (b'{"time_zone": ""}', 422, "unknown-time-zone"),
        (b'{"time_zone": "Europe"}', 422, "unknown-time-zone"),
        (b'{"time_zone": "Europe/.."}', 422, "unknown-time-zone"),
        (b'{"time_zone": "../etc/passwd"}', 422, "unknown-time-zone"),
        (b'{"time_zone": "europe/moscow"}', 422, "unknown-time-zone"),
        (b'{"time_zone": "posix/Europe/Moscow"}', 422, "unknown-time-zone"),
        (b'{"time_zone": "' + b"x" * 300 + b'"}', 422, "unknown-time-zone"),
        (b'{"time_zone": "UTC\\u0000"}', 422, "unknown-time-zone"),
        (b'{"email": 5}', 422, "wrong-contact"),
        (b'{"consents": {"email": "yes"}}', 422, "wrong-contact"),
        (b'{"consents": {"\\u0000": true}}', 422, "wrong-contact"),
        (
            json.dumps({"consents": {f"c{n}": True for n in range(17)}}).encode(),
            422,
            "wrong-contact",
        ),
        (b'{"email": ""}', 422, "wrong-email"),
        (b'{"email": "a@b"}', 422, "wrong-email"),
        (b'{"email": "a\\u0000@example.org"}', 422, "wrong-email"),
        (b'{"email": "a@example.org\\r\\nBcc: b@example.org"}', 422, "wrong-email"),
        (b'{"language": "fr"}', 422, "unknown-language"),
        (b'{"email": "' + b"a" * 5000 + b'"}', 413, "too-large"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_wrong_contact_is_refused(api, body: bytes, status: int, reason: str) -> None:
    response = put(api, "unreached", body)
    assert response.status_code == status
    assert response.json()["type"] == f"urn:quadrupel:problem:{reason}"
    assert "example.org" not in response.text
    assert "9123456789" not in response.text
    assert stored(api, "unreached") is None


def test_another_media_type_is_415(api) -> None:
    assert put(api, "unreached", b"{}", **{"content-type": "text/plain"}).status_code == 415


def test_a_wrong_user_id_is_refused(api) -> None:
    assert put(api, "a%20b", b"{}").json()["type"] == "urn:quadrupel:problem:bad-user-id"


def test_contacts_are_in_no_log_and_on_no_topic_taken_or_refused(api) -> None:
    wrong = [{"email": "a@example.org@"}, {"phone": "89123456789"}, {"a@example.org": True}]
    with capture_logs() as logs:
        answers = [
            put(api, "discreet", json.dumps(GOOD | each).encode()).status_code
            for each in [{}, *wrong]
        ]
    assert answers == [204, 422, 422, 422]
    told_of = [each["event"] for each in logs]
    assert (told_of.count("answered"), told_of.count("a user was looked at")) == (4, 1)
    told = str(logs).lower()
    assert [each for each in ("example.org", "912345", "vladivostok") if each in told] == []
    assert api.messages("discreet") == []
