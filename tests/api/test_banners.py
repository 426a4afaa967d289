import threading
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
import structlog

from quadrupel.api.after import write_token
from quadrupel.core.positions import Position

from .conftest import running

LICENCE = (
    "licence_expiring", {"licence_expires": "2026-12-20", "fee": "1234.50"}, "2026-12-20"
)  # fmt: skip
BIRTHDAY = ("birthday", {})


def test_a_citizen_reads_own_banners_in_words(api) -> None:
    api.publish("reader", 7, LICENCE, BIRTHDAY)
    response = api.client.get("/v1/me/banners", headers=api.bearer(api.signer.token("reader")))
    assert response.status_code == 200
    assert response.json() == {
        "version": 7,
        "as_of": "2026-11-23",
        "banners": [
            {
                "rule": "licence_expiring",
                "episode": "2026-12-20",
                "variant": None,
                "placement": "main",
                "priority": 80,
                "title": "Renew your licence by 20 December 2026",
                "text": "It costs 1,234.50.",
                "link": "/services/licence",
                "dismissible": True,
                "fallback": False,
            },
            {
                "rule": "birthday",
                "episode": "",
                "variant": None,
                "placement": "side",
                "priority": 10,
                "title": "Happy birthday!",
                "text": "",
                "link": "/",
                "dismissible": False,
                "fallback": False,
            },
        ],
    }
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["content-language"] == "en"
    assert "Authorization" in response.headers["vary"]


def test_a_banner_that_must_be_shown_is_not_dismissible(api) -> None:
    api.publish("warned", 1, ("summons", {}, "2026-11-23"))
    response = api.client.get("/v1/users/warned/banners", headers=api.service)
    assert [banner["dismissible"] for banner in response.json()["banners"]] == [False]


def test_a_system_reads_the_same_with_a_key(api) -> None:
    api.publish("both", 1, LICENCE)
    own = api.client.get("/v1/me/banners", headers=api.bearer(api.signer.token("both")))
    theirs = api.client.get("/v1/users/both/banners", headers=api.service)
    assert own.content == theirs.content


@pytest.mark.parametrize(
    ("query", "accept", "title"),
    [
        ("?locale=ru", "en", "Обновите права до 20 декабря 2026\u202fг."),
        ("?locale=ru-RU", "", "Обновите права до 20 декабря 2026\u202fг."),
        ("", "ru-RU,ru;q=0.9,en;q=0.8", "Обновите права до 20 декабря 2026\u202fг."),
        ("", "fr, en;q=0.1, ru;q=0.2", "Обновите права до 20 декабря 2026\u202fг."),
        ("", "fr", "Renew your licence by 20 December 2026"),
        ("", ";;q=9,,x", "Renew your licence by 20 December 2026"),
    ],
)
def test_texts_come_in_the_language_asked_for(api, query: str, accept: str, title: str) -> None:
    api.publish("speaker", 1, LICENCE)
    headers = {**api.service, "accept-language": accept}
    response = api.client.get(f"/v1/users/speaker/banners{query}", headers=headers)
    assert response.json()["banners"][0]["title"] == title


def test_a_placement_chooses_banners(api) -> None:
    api.publish("placed", 1, LICENCE, BIRTHDAY)
    response = api.client.get("/v1/users/placed/banners?placement=side", headers=api.service)
    assert [banner["rule"] for banner in response.json()["banners"]] == ["birthday"]


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("", ["licence_expiring", "summons", "birthday"]),
        ("client=web", ["licence_expiring", "summons", "birthday"]),
        ("client=ios", ["summons"]),
        ("client=ios&placement=main", ["summons"]),
        ("client=ios&placement=side", []),
        ("client=web&placement=side", ["birthday"]),
    ],
)
def test_a_client_reads_what_it_shows(api, query: str, rules: list[str]) -> None:
    api.publish("on-a-phone", 3, (*LICENCE, ["web"]), ("summons", {}), BIRTHDAY)
    response = api.client.get(f"/v1/users/on-a-phone/banners?{query}", headers=api.service)
    assert [banner["rule"] for banner in response.json()["banners"]] == rules
    assert response.json()["version"] == 3


def test_what_must_be_shown_cannot_be_dismissed(api) -> None:
    api.publish("summoned", 1, ("summons", {}, "2026-11-23"), ("birthday", {}, "2026-11-23"))
    response = api.client.get("/v1/users/summoned/banners", headers=api.service)
    assert [banner["dismissible"] for banner in response.json()["banners"]] == [False, True]


@pytest.mark.parametrize(
    ("path", "reason", "says"),
    [
        ("/v1/users/u1/banners?placement=attic", "unknown-placement", "main, side, app"),
        ("/v1/users/u1/banners?client=android", "unknown-client", "the clients are web, ios"),
        ("/v1/users/u1/banners?client=", "unknown-client", "the clients are web, ios"),
        ("/v1/users/u1/banners?client=%00", "unknown-client", "the clients are web, ios"),
        (f"/v1/users/u1/banners?client={'w' * 4_096}", "unknown-client", "web, ios"),
        ("/v1/users/u1/banners?locale=fr", "unknown-locale", "en, ru"),
        ("/v1/users/u1/banners?locale=%00", "unknown-locale", "en, ru"),
        ("/v1/users/u%201/banners", "bad-user-id", "1 to 64"),
        ("/v1/users/%00/banners", "bad-user-id", "1 to 64"),
        (f"/v1/users/{'u' * 65}/banners", "bad-user-id", "1 to 64"),
        ("/v1/users/u1/banners?after=", "bad-token", "POST /v1/events"),
        ("/v1/users/u1/banners?after=%00", "bad-token", "POST /v1/events"),
        (f"/v1/users/u1/banners?after={'A' * 4_096}", "bad-token", "POST /v1/events"),
        ("/v1/users/u1/banners?wait=11", "wrong-parameter", "wrong parameter"),
        ("/v1/users/u1/banners?wait=-1", "wrong-parameter", "wrong parameter"),
        ("/v1/users/u1/banners?wait=nan", "wrong-parameter", "wrong parameter"),
        ("/v1/users/u1/banners?wait=soon", "wrong-parameter", "wrong parameter"),
    ],
)
def test_a_wrong_question_is_refused_with_what_is_right(
    api, path: str, reason: str, says: str
) -> None:
    response = api.client.get(path, headers=api.service)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:quadrupel:problem:{reason}"
    assert says in response.json()["detail"]


def test_an_unknown_user_and_an_empty_set_are_answered_alike(api) -> None:
    api.publish("emptied", 5)
    answers = [
        api.client.get(f"/v1/users/{user}/banners", headers=api.service)
        for user in ("emptied", "never-heard-of")
    ]
    assert answers[0].json() == answers[1].json() == {"version": 0, "as_of": None, "banners": []}


def test_what_is_no_longer_known_is_left_out(api) -> None:
    api.publish("outdated", 1, ("removed_rule", {}), ("licence_expiring", {}), BIRTHDAY)
    response = api.client.get("/v1/users/outdated/banners", headers=api.service)
    assert [banner["rule"] for banner in response.json()["banners"]] == ["birthday"]


def ask(api, tag: str, user: str = "tagged", query: str = "") -> httpx.Response:
    headers = {**api.service, "if-none-match": tag}
    return api.client.get(f"/v1/users/{user}/banners{query}", headers=headers)


def test_an_unchanged_set_is_304_by_its_tag(api) -> None:
    api.publish("tagged", 1, LICENCE)
    tag = ask(api, "").headers["etag"]
    for matching in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response = ask(api, matching)
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
        assert "content-type" not in response.headers
    api.publish("tagged", 2, BIRTHDAY)
    assert ask(api, tag).status_code == 200


def test_a_tag_of_another_time_zone_does_not_match(api, api_database, signer, tmp_path) -> None:
    api.publish("moved", 1, LICENCE)
    mine = api.bearer(signer.token("moved"))
    tag = api.client.get("/v1/me/banners", headers=mine).headers["etag"]
    with running(api_database, signer, tmp_path, zone=ZoneInfo("Asia/Kamchatka")) as moved:
        held = mine | {"if-none-match": tag}
        assert moved.client.get("/v1/me/banners", headers=held).status_code == 200


@pytest.mark.parametrize("query", ["", "?wait=0"])
def test_a_list_of_more_tags_than_a_kilobyte_is_not_looked_through(api, query: str) -> None:
    mine = api.bearer(api.signer.token("many-tags"))
    tag = api.client.get("/v1/me/banners", headers=mine).headers["etag"]
    for more, status in ((1024 - len(tag), 304), (1025 - len(tag), 200), (60_000, 200)):
        held = mine | {"if-none-match": "," * more + tag}
        assert api.client.get(f"/v1/me/banners{query}", headers=held).status_code == status


def test_a_tag_is_of_one_user_language_placement_and_client(api) -> None:
    for user in ("tagged-1", "tagged-2"):
        api.publish(user, 1, LICENCE)
    tag = ask(api, "", "tagged-1").headers["etag"]
    assert ask(api, tag, "tagged-1").status_code == 304
    assert ask(api, tag, "tagged-2").status_code == 200
    assert ask(api, tag, "tagged-1", "?locale=ru").status_code == 200
    assert ask(api, tag, "tagged-1", "?placement=main").status_code == 200
    assert ask(api, tag, "tagged-1", "?client=web").status_code == 200


def test_head_has_the_headers_and_no_body(api) -> None:
    api.publish("headed", 1, LICENCE)
    got = api.client.get("/v1/users/headed/banners", headers=api.service)
    head = api.client.head("/v1/users/headed/banners", headers=api.service)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]


def after(user: str, offset: int, wait: float = 5.0) -> str:
    """The path of a read that waits for an event of the user."""
    token = write_token({user: Position(3, offset)})
    return f"/v1/users/{user}/banners?after={token}&wait={wait}"


def test_a_read_waits_until_the_set_contains_the_event(api) -> None:
    api.publish("waiting", 1, BIRTHDAY, contains=Position(3, 6))
    published_at = []

    def publish() -> None:
        published_at.append(time.monotonic())
        api.publish("waiting", 2, LICENCE, contains=Position(3, 7))

    timer = threading.Timer(0.3, publish)
    timer.start()
    response = api.client.get(after("waiting", 7), headers=api.service)
    assert 0 < time.monotonic() - published_at[0] < 3.0
    timer.join()
    assert response.json()["contains_event"] is True
    assert response.headers["contains-event"] == "true"
    assert [banner["rule"] for banner in response.json()["banners"]] == ["licence_expiring"]


def test_a_citizen_waits_for_own_events_alike(api) -> None:
    api.publish("own", 1, BIRTHDAY, contains=Position(3, 7))
    token = write_token({"own": Position(3, 7)})
    headers = api.bearer(api.signer.token("own"))
    response = api.client.get(f"/v1/me/banners?after={token}", headers=headers)
    assert response.json()["contains_event"] is True


@pytest.mark.parametrize("contains", [None, Position(3, 6), Position(2, 99)])
def test_what_does_not_come_in_time_is_said_with_the_set_that_there_is(api, contains) -> None:
    api.publish("lagging", 4, BIRTHDAY, contains=contains)
    begun = time.monotonic()
    response = api.client.get(after("lagging", 7, wait=0.2), headers=api.service)
    assert 0.2 <= time.monotonic() - begun < 4.0
    assert response.status_code == 200
    assert response.json()["contains_event"] is False
    assert response.headers["contains-event"] == "false"
    assert response.json()["version"] == 4
    assert [banner["rule"] for banner in response.json()["banners"]] == ["birthday"]


def test_who_is_shown_nothing_is_known_to_contain_an_event_too(api) -> None:
    api.publish("shown-nothing", 3, contains=Position(3, 7))
    response = api.client.get(after("shown-nothing", 7), headers=api.service)
    assert response.json() == {"version": 0, "as_of": None, "contains_event": True, "banners": []}
    response = api.client.get(after("never-heard-of", 7, wait=0), headers=api.service)
    assert response.json() == {"version": 0, "as_of": None, "contains_event": False, "banners": []}


def test_a_read_that_asks_for_no_event_says_nothing_of_one(api) -> None:
    api.publish("plain", 1, BIRTHDAY, contains=Position(3, 7))
    response = api.client.get("/v1/users/plain/banners?wait=5", headers=api.service)
    assert "contains_event" not in response.json()
    assert "contains-event" not in response.headers


def test_a_tag_tells_whether_the_event_is_contained(api) -> None:
    api.publish("tagged-after", 1, BIRTHDAY, contains=Position(3, 6))
    url = after("tagged-after", 7, wait=0)
    tags = [
        api.client.get("/v1/users/tagged-after/banners", headers=api.service).headers["etag"],
        api.client.get(url, headers=api.service).headers["etag"],
    ]
    api.publish("tagged-after", 1, BIRTHDAY, contains=Position(3, 7))
    tags.append(api.client.get(url, headers=api.service).headers["etag"])
    assert len(set(tags)) == 3
    again = api.client.get(url, headers={**api.service, "if-none-match": tags[-1]})
    assert (again.status_code, again.headers["contains-event"]) == (304, "true")
    assert api.client.get(url, headers={**api.service, "if-none-match": tags[1]}).is_success


def test_who_may_not_read_does_not_wait(api) -> None:
    begun = time.monotonic()
    assert api.client.get(after("secret", 7)).status_code == 401
    assert api.client.get("/v1/users/secret/banners?after=x&wait=99").status_code == 401
    assert time.monotonic() - begun < 4.0


def test_a_caller_that_goes_is_not_waited_with(api) -> None:
    with structlog.testing.capture_logs() as logs:
        with pytest.raises(httpx.ReadTimeout):
            api.client.get(after("hasty", 7, wait=10), headers=api.service, timeout=0.2)
        deadline = time.monotonic() + 6.0
        while not any(each["event"] == "the caller went away" for each in logs):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert not any(each["event"] == "the request failed" for each in logs)


def test_waiting_takes_no_connection_from_those_who_read(api) -> None:
    """Ten times as many wait as there are connections, and reads go on."""
    answered = []

    def wait(user: str) -> None:
        url = after(user, 7, wait=10)
        answered.append(api.client.get(url, headers=api.service, timeout=30))

    users = [f"crowd{number}" for number in range(8)]
    crowd = [threading.Thread(target=wait, args=[user]) for user in users * 5]
    for each in crowd:
        each.start()
    time.sleep(0.3)
    for _ in range(20):
        assert api.client.get("/v1/users/u1/banners", headers=api.service).is_success
    assert answered == []  # they wait yet, and held nobody up
    for user in users:
        api.publish(user, 1, BIRTHDAY, contains=Position(3, 7))
    for each in crowd:
        each.join()
    assert [each.json()["contains_event"] for each in answered] == [True] * 40


def test_the_token_of_an_accepted_event_is_what_a_read_waits_for(api) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "document.issued",
        "subject": "writer",
        "time": datetime.now(UTC).isoformat(),
        "data": {"expires": "2036-11-23"},
    }
    token = api.client.post("/v1/events", json=event, headers=api.service).json()["after"]
    url = f"/v1/users/writer/banners?after={token}&wait=0.1"
    assert api.client.get(url, headers=api.service).json()["contains_event"] is False
    [message] = api.messages("writer")
    api.publish("writer", 1, contains=Position(message.partition, message.offset))
    assert api.client.get(url, headers=api.service).json()["contains_event"] is True
