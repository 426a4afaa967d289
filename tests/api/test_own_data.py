"""Nobody sees another user's banners, and no answer tells whether there is a user."""

import json

import httpx
import pytest

from quadrupel.api.after import write_token
from quadrupel.core.positions import Position

from .front_end import reading
from .routes import OTHER, OWN, ROUTES, TRIED, ask, bearer

OWN_LICENCE = ("licence_expiring", {"licence_expires": "2026-12-20", "fee": "11"}, "own-episode")
OTHERS = ("licence_expiring", {"licence_expires": "2027-01-30", "fee": "22"}, "others-episode")

CITIZENS_READS = ["/v1/me/banners", "/v1/me/banners?wait=1"]
EVERY_READ = [*CITIZENS_READS, "/v1/users/{user}/banners"]


def read(api, path: str, user: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The user's banners: by the user's own token, or by a service key."""
    own = api.bearer(api.signer.token(user)) if "/me/" in path else api.service
    return api.client.request(method, path.format(user=user), headers={**own, **headers})


@pytest.fixture
def _published(api) -> None:
    api.publish(OWN, 3, OWN_LICENCE)
    api.publish(OTHER, 3, OTHERS)


@pytest.mark.usefixtures("_published")
@pytest.mark.parametrize("path", EVERY_READ)
def test_a_read_has_the_banners_of_its_user_alone(api, path: str) -> None:
    for user, episode in ((OWN, "own-episode"), (OTHER, "others-episode"), (OWN, "own-episode")):
        [banner] = read(api, path, user).json()["banners"]
        assert banner["episode"] == episode


@pytest.mark.usefixtures("_published")
@pytest.mark.parametrize("path", CITIZENS_READS)
@pytest.mark.parametrize("name", ["user_id", "user", "sub", "subject"])
def test_nothing_but_the_token_says_who_a_citizen_is(api, path: str, name: str) -> None:
    asked = f"{path}{'&' if '?' in path else '?'}{name}={OTHER}"
    answer = read(api, asked, OWN, **{f"x-{name}": OTHER, "cookie": f"{name}={OTHER}"})
    assert answer.content == read(api, path, OWN).content


@pytest.mark.parametrize("path", EVERY_READ)
def test_equal_banners_of_two_users_have_other_tags(api, path: str) -> None:
    """So a cache, or a guess, never takes the one for the other."""
    for user in (OWN, OTHER):
        api.publish(user, 5, ("birthday", {}, "2026"))
    own, other = (read(api, path, user) for user in (OWN, OTHER))
    assert own.content == other.content
    assert own.headers["etag"] != other.headers["etag"]
    asked = read(api, path, OWN, **{"if-none-match": other.headers["etag"]})
    assert asked.status_code == 200


UNKNOWN, EMPTY = "nobody-was-here", "empty-was-heard"
"""Both names have as many letters, so that answers that had them would be as long."""

CHANGING = {"etag", "x-request-id", "date"}


def told(response: httpx.Response, user: str) -> tuple:
    """All that an answer tells, but for what differs between any two users or any two answers."""
    headers = [pair for pair in sorted(response.headers.items()) if pair[0] not in CHANGING]
    assert user not in response.text + str(response.headers)
    tag = len(response.headers.get("etag", ""))
    return response.status_code, (*headers,), response.content, tag


@pytest.fixture
def _empty(api) -> None:
    """Somebody who was shown a banner, and is shown none now; `UNKNOWN` was never heard of."""
    api.publish(EMPTY, 1, ("birthday", {}, "2026"))
    api.publish(EMPTY, 2)


QUERIES = ["", "placement=side", "client=ios&locale=ru", "wait=0", "placement=attic", "locale=tlh"]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("path", ["/v1/me/banners", "/v1/users/{user}/banners"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("query", QUERIES)
def test_who_is_unknown_and_who_is_shown_nothing_are_answered_alike(
    api, path: str, method: str, query: str
) -> None:
    answers = {user: read(api, f"{path}?{query}", user, method) for user in (UNKNOWN, EMPTY)}
    unknown, empty = (told(answer, user) for user, answer in answers.items())
    assert unknown == empty
    conditional = [
        read(api, f"{path}?{query}", user, method, **{"if-none-match": answer.headers["etag"]})
        for user, answer in answers.items()
        if "etag" in answer.headers
    ]
    assert len({told(each, "?") for each in conditional}) <= 1
    assert {each.status_code for each in conditional} <= {304}


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("path", ["/v1/me/banners", "/v1/users/{user}/banners"])
def test_waiting_for_the_events_of_others_tells_nothing_either(api, path: str) -> None:
    after = write_token({OTHER: Position(0, 2**40)})
    answers = [told(read(api, f"{path}?after={after}", user), user) for user in (UNKNOWN, EMPTY)]
    assert answers[0] == answers[1]


@pytest.mark.usefixtures("_empty")
def test_a_stream_begins_alike_for_both(api) -> None:
    begun = []
    for user in (UNKNOWN, EMPTY):
        with reading(api.client, api.bearer(api.signer.token(user))) as front_end:
            event = front_end.next()
            head = {n: v for n, v in front_end.response.headers.items() if n not in CHANGING}
            begun.append((head, event.name, event.text, event.id[:2], len(event.id)))
    assert begun[0] == begun[1]


@pytest.mark.usefixtures("_empty")
def test_feedback_is_taken_alike_from_both(api) -> None:
    body = {"banner": "birthday", "episode": "2026", "action": "seen"}
    answers = []
    for user in (UNKNOWN, EMPTY):
        own = api.bearer(api.signer.token(user))
        response = api.client.post("/v1/me/banners/feedback", json=body, headers=own)
        answer = response.json()
        answers.append((response.status_code, {**answer, "after": len(answer["after"])}))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("tried", [each for each in TRIED if each.startswith("GET")])
def test_head_is_answered_as_get_without_the_body(api, tried: str) -> None:
    column = TRIED[tried].column
    good = bearer(api.full_key if column == "systems" else api.signer.token(OWN))
    for headers in (good, [], bearer("a.b.c")):
        asked, head = (ask(api, tried, headers, method) for method in ("GET", "HEAD"))
        assert head.status_code == asked.status_code
        assert set(head.headers) == set(asked.headers) - {"transfer-encoding"}  # is of the body
        assert head.headers["content-type"] == asked.headers["content-type"]
        if "text/event-stream" not in head.headers["content-type"]:
            assert head.headers["content-length"] == asked.headers["content-length"]
            assert head.content == b""


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.mark.parametrize("tried", ROUTES)
def test_every_other_method_is_refused_whoever_asks(api, tried: str) -> None:
    path = tried.partition(" ")[2]
    taken = {each.partition(" ")[0] for each in ROUTES if each.endswith(f" {path}")}
    column = ROUTES[tried].column
    good = bearer(api.full_key if column == "systems" else api.signer.token(OWN))
    before = len(api.messages(OWN))
    for method in set(METHODS) - taken:
        for headers in (good, []):
            response = ask(api, tried, headers, method)
            assert response.status_code == 405
            allowed = taken | ({"HEAD"} if "GET" in taken else set())
            assert set(response.headers["allow"].split(", ")) == allowed
            assert response.headers["content-type"] == "application/problem+json"
            assert json.loads(response.text)["type"] == "urn:quadrupel:problem:method-not-allowed"
    assert len(api.messages(OWN)) == before
