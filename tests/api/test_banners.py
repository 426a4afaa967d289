import httpx
import pytest

LICENCE = ("licence_expiring", {"licence_expires": "2026-12-20", "fee": "1234.50"})
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
                "placement": "main",
                "priority": 80,
                "title": "Renew your licence by 20 December 2026",
                "text": "It costs 1,234.5.",
                "link": "/services/licence",
            },
            {
                "rule": "birthday",
                "placement": "side",
                "priority": 10,
                "title": "Happy birthday!",
                "text": "",
                "link": "/",
            },
        ],
    }
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["content-language"] == "en"
    assert "Authorization" in response.headers["vary"]


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
    ("path", "reason", "says"),
    [
        ("/v1/users/u1/banners?placement=attic", "unknown-placement", "main, side"),
        ("/v1/users/u1/banners?locale=fr", "unknown-locale", "en, ru"),
        ("/v1/users/u1/banners?locale=%00", "unknown-locale", "en, ru"),
        ("/v1/users/u%201/banners", "bad-user-id", "1 to 64"),
        ("/v1/users/%00/banners", "bad-user-id", "1 to 64"),
        (f"/v1/users/{'u' * 65}/banners", "bad-user-id", "1 to 64"),
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


def test_a_tag_is_of_one_user_language_and_placement(api) -> None:
    for user in ("tagged-1", "tagged-2"):
        api.publish(user, 1, LICENCE)
    tag = ask(api, "", "tagged-1").headers["etag"]
    assert ask(api, tag, "tagged-1").status_code == 304
    assert ask(api, tag, "tagged-2").status_code == 200
    assert ask(api, tag, "tagged-1", "?locale=ru").status_code == 200
    assert ask(api, tag, "tagged-1", "?placement=main").status_code == 200


def test_head_has_the_headers_and_no_body(api) -> None:
    api.publish("headed", 1, LICENCE)
    got = api.client.get("/v1/users/headed/banners", headers=api.service)
    head = api.client.head("/v1/users/headed/banners", headers=api.service)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == got.headers["etag"]
