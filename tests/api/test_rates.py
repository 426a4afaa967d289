"""Who asks too often is refused on every route, and told truly when to come again."""

import itertools
import json
import time
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from quadrupel.api.rates import Rates, limit, unlimited
from quadrupel.core.errors import TooOften
from quadrupel.core.rates import SECOND, rate

from .conftest import running

BURST = 3
SLOW = rate(1, 60, BURST)
BANNER = {"banner": "birthday", "episode": "2026", "action": "seen"}


class Clock:
    """Nanoseconds, as many as a test says."""

    def __init__(self) -> None:
        self.now = SECOND

    def __call__(self) -> int:
        return self.now


def refused(who: str) -> float:
    return REGISTRY.get_sample_value("quadrupel_rate_limited_total", {"who": who}) or 0.0


def test_who_waits_as_long_as_told_in_whole_seconds_is_let_in() -> None:
    clock = Clock()
    rates = Rates("citizen", rate(4, 10, 1), clock)
    rates.count("anna")
    clock.now += SECOND // 2 - 1  # two seconds and a nanosecond before the next is due
    with pytest.raises(TooOften) as refusal:
        rates.count("anna")
    assert refusal.value.seconds == 3
    clock.now += 3 * SECOND
    rates.count("anna")


def test_one_caller_takes_nothing_from_another() -> None:
    rates = Rates("citizen", SLOW, Clock())
    for _ in range(BURST):
        rates.count("anna")
    with pytest.raises(TooOften):
        rates.count("anna")
    rates.count("boris")


def test_of_more_callers_than_are_remembered_those_are_forgotten_that_asked_longest_ago() -> None:
    rates = Rates("citizen", rate(1, 60, 1), Clock(), callers=3)
    for caller in "abc":
        rates.count(caller)
    with pytest.raises(TooOften):
        rates.count("a")
    rates.count("d")
    assert len(rates) == 3
    for caller in "bcd":
        with pytest.raises(TooOften):
            rates.count(caller)
    rates.count("a")  # forgotten: a refusal is no request


def test_who_asks_again_is_remembered_longer_than_who_came_later_and_does_not() -> None:
    rates = Rates("citizen", rate(1, 60, 2), Clock(), callers=3)
    for caller in "abcad":
        rates.count(caller)
    with pytest.raises(TooOften):
        rates.count("a")


def test_refusals_are_counted_by_who_and_said_now_and_then() -> None:
    clock, before = Clock(), refused("key")
    rates = Rates("key", rate(1, 1, 1), clock)
    with capture_logs() as logs:
        rates.count("k1")
        for _ in range(5):
            with pytest.raises(TooOften):
                rates.count("k1")
        clock.now += 10 * SECOND
        rates.count("k2")
        with pytest.raises(TooOften):
            rates.count("k2")
    assert refused("key") - before == 6
    assert [(each["who"], each["caller"]) for each in logs] == [("key", "k1"), ("key", "k2")]


def test_without_a_rate_nobody_is_refused_or_remembered() -> None:
    assert limit("citizen", None) is unlimited
    for _ in range(1000):
        unlimited("anna")


@pytest.fixture(scope="module")
def strict(api_database, signer, tmp_path_factory) -> Iterator:
    """A server that lets in three requests at once, and then one a minute."""
    folder = tmp_path_factory.mktemp("strict")
    with running(api_database, signer, folder, user_rate=SLOW, key_rate=SLOW) as api:
        yield api


def read(strict, token: str, query: str = "", method: str = "GET"):
    return strict.client.request(method, f"/v1/me/banners{query}", headers=strict.bearer(token))


def stream(strict, token: str):
    url, headers = "/v1/me/banners/stream", strict.bearer(token)
    with strict.client.stream("GET", url, headers=headers) as response:
        if not response.is_success:
            response.read()
        return response


def give(strict, token: str):
    headers = strict.bearer(token)
    return strict.client.post("/v1/me/banners/feedback", json=[BANNER], headers=headers)


def send_beacon(strict, token: str):
    body = json.dumps({"access_token": token, "feedback": [BANNER]})
    headers = {"content-type": "text/plain;charset=UTF-8"}
    return strict.client.post("/v1/me/banners/feedback", content=body, headers=headers)


CITIZENS_ROUTES = {
    "the plain read": read,
    "the framework's read": lambda strict, token: read(strict, token, "?wait=0"),
    "a stream": stream,
    "feedback": give,
    "a beacon": send_beacon,
}

SERVICE_ROUTES = [
    ("GET", "/v1/users/u1/banners", None),
    ("GET", "/v1/users/u1/explain", None),
    ("PUT", "/v1/users/u1/contacts", b"{}"),
    ("POST", "/v1/events", b"[]"),
]


def assert_rate_limited(response) -> None:
    assert response.status_code == 429
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:quadrupel:problem:rate-limited"
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert response.headers["retry-after"] in response.json()["detail"]
    assert response.headers["cache-control"] == "no-store"
    assert len(response.headers["x-request-id"]) == 32


@pytest.mark.parametrize("route", CITIZENS_ROUTES)
def test_a_citizen_who_asks_too_often_is_refused_on_every_route(strict, route: str) -> None:
    token = strict.signer.token(f"often-{route.replace(' ', '-').replace(chr(39), '')}")
    for _ in range(BURST):
        assert CITIZENS_ROUTES[route](strict, token).is_success
    for refusing in CITIZENS_ROUTES.values():
        assert_rate_limited(refusing(strict, token))
    assert read(strict, token, method="HEAD").status_code == 429
    assert read(strict, strict.signer.token(f"calm-{time.time_ns()}")).is_success


def test_another_token_of_the_same_citizen_does_not_help(strict) -> None:
    for algorithm, _ in zip(itertools.cycle(strict.signer.private), range(BURST), strict=False):
        assert read(strict, strict.signer.token("often-other", algorithm)).is_success
    assert_rate_limited(read(strict, strict.signer.token("often-other", "EdDSA")))


def test_tokens_that_do_not_hold_count_for_nobody(strict) -> None:
    wrong = [{"exp": 1}, {"aud": "billing"}, {"kid": "another"}, {"without": ["exp"]}]
    for claims in wrong:
        token = strict.signer.token("robbed", **claims)
        for route in CITIZENS_ROUTES.values():
            assert route(strict, token).status_code == 401
    for _ in range(BURST):
        assert read(strict, strict.signer.token("robbed")).is_success


def test_not_modified_counts_too(strict) -> None:
    token = strict.signer.token("often-unchanged")
    headers = strict.bearer(token) | {"if-none-match": read(strict, token).headers["etag"]}
    asked = [strict.client.get("/v1/me/banners", headers=headers) for _ in range(BURST)]
    assert [each.status_code for each in asked] == [304, 304, 429]


@pytest.mark.parametrize(("method", "path", "body"), SERVICE_ROUTES)
def test_a_key_that_asks_too_often_is_refused_on_every_route(
    strict, method: str, path: str, body: bytes | None
) -> None:
    key = strict.create_key("banners:read", "events:write", "contacts:write", "explain:read")
    headers = strict.bearer(key) | {"content-type": "application/json"}
    for _ in range(BURST):
        assert strict.client.request(method, path, content=body, headers=headers).is_success
    for each, other, more in SERVICE_ROUTES:
        assert_rate_limited(strict.client.request(each, other, content=more, headers=headers))


def test_every_route_with_a_door_is_tried(strict) -> None:
    paths = strict.client.get("/openapi.json").json()["paths"]
    doors = {
        (method.upper(), path.replace("{user_id}", "u1"))
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation.get("security")
    }
    own = {("GET", f"/v1/me/banners{more}") for more in ("", "/stream")}
    own.add(("POST", "/v1/me/banners/feedback"))
    assert doors == own | {(method, path) for method, path, _ in SERVICE_ROUTES}


def test_a_batch_of_events_is_one_request(strict) -> None:
    event = {"specversion": "1.0", "source": "/s", "type": "t", "subject": "u1"}
    event["time"] = "2026-11-23T10:00:00Z"
    batch = [event | {"id": f"rated-{number}"} for number in range(100)]
    headers = strict.bearer(strict.create_key("events:write"))
    for _ in range(BURST):
        response = strict.client.post("/v1/events", json=batch, headers=headers)
        assert (response.status_code, response.json()["accepted"]) == (202, 100)
    assert_rate_limited(strict.client.post("/v1/events", json=batch, headers=headers))


def give_pieces(strict, token: str, pieces: int):
    """Feedback on banners of so many episodes."""
    told = [BANNER | {"episode": str(number)} for number in range(pieces)]
    return strict.client.post("/v1/me/banners/feedback", json=told, headers=strict.bearer(token))


def test_feedback_counts_as_often_as_it_has_pieces(strict) -> None:
    token = strict.signer.token("often-told")
    assert give_pieces(strict, token, BURST).is_success
    for refusing in CITIZENS_ROUTES.values():
        assert_rate_limited(refusing(strict, token))


def test_feedback_is_let_in_whole_and_what_it_takes_beyond_the_burst_is_waited_for(strict) -> None:
    token = strict.signer.token("often-at-once")
    assert read(strict, token).is_success
    assert give_pieces(strict, token, 100).json()["accepted"] == 100
    refusal = give_pieces(strict, token, 1)
    assert refusal.status_code == 429
    assert (1 + 100 - BURST) * 60 <= int(refusal.headers["retry-after"]) <= 99 * 60


def test_feedback_that_tells_nothing_is_one_request(strict) -> None:
    token = strict.signer.token("often-silent")
    for _ in range(BURST):
        assert give_pieces(strict, token, 0).is_success
    assert_rate_limited(give_pieces(strict, token, 0))


def test_keys_that_do_not_hold_count_for_nobody(strict) -> None:
    key = strict.create_key("banners:read")
    guess = strict.bearer(key[:-43] + "b" * 43)
    for _ in range(2 * BURST):
        assert strict.client.get("/v1/users/u1/banners", headers=guess).status_code == 401
        assert strict.client.post("/v1/events", headers=strict.bearer(key)).status_code == 403
    for _ in range(BURST):
        assert strict.client.get("/v1/users/u1/banners", headers=strict.bearer(key)).is_success


def test_health_and_the_document_are_asked_as_often_as_anyone_likes(strict) -> None:
    for path in ("/livez", "/readyz", "/openapi.json"):
        for _ in range(3 * BURST):
            assert strict.client.get(path).is_success


def test_who_waits_for_retry_after_is_let_in(api_database, signer, tmp_path) -> None:
    with running(api_database, signer, tmp_path, user_rate=rate(60, 60, 1)) as api:
        token = signer.token("patient")
        assert read(api, token).is_success
        refusal = read(api, token)
        assert refusal.status_code == 429
        time.sleep(int(refusal.headers["retry-after"]))
        assert read(api, token).is_success
