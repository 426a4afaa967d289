"""Pages of the origins that are named may call the routes of citizens, and no others."""

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from quadrupel.api.cors import Cors
from quadrupel.api.middleware import RequestFrame
from quadrupel.api.token_keys import TokenKeys
from quadrupel.core.rates import rate
from quadrupel.store.read_pool import new_pool
from quadrupel.store.read_servers import ReadServers

from .conftest import NOWHERE, application, running

PORTAL = "https://portal.example"
OTHERS = ["https://evil.example", "http://portal.example", "https://portal.example:8443", "null"]
BANNERS, STREAM, FEEDBACK = (f"/v1/me/banners{more}" for more in ("", "/stream", "/feedback"))
ASKS = {
    "access-control-request-method": "GET",
    "access-control-request-headers": "authorization,if-none-match",
}
FOR_SERVERS = [
    "/v1/users/u1/banners",
    "/v1/users/u1/explain",
    "/v1/users/u1/contacts",
    "/v1/events",
]
FOR_SERVERS += ["/livez", "/readyz", "/openapi.json", "/v1/me", "/nowhere"]


@pytest.fixture(scope="module")
def portal(api_database, signer, tmp_path_factory) -> Iterator:
    """A server that pages of two origins may call."""
    folder = tmp_path_factory.mktemp("portal")
    origins = frozenset([PORTAL, "http://localhost:5173"])
    with running(api_database, signer, folder, origins=origins, user_rate=rate(1, 60, 8)) as api:
        yield api


def cors(response: httpx.Response) -> dict[str, str]:
    return {
        name.removeprefix("access-control-"): value
        for name, value in response.headers.items()
        if name.startswith("access-control-")
    }


def varies(response: httpx.Response) -> bool:
    listed = ",".join(response.headers.get_list("vary"))
    return "Origin" in [each.strip() for each in listed.split(",")]


def assert_readable(response: httpx.Response, origin: str = PORTAL) -> None:
    assert cors(response) == {
        "allow-origin": origin,
        "expose-headers": "ETag, Retry-After, Age, X-Request-ID, Contains-Event",
    }
    assert varies(response)


@pytest.mark.parametrize("path", [BANNERS, STREAM, FEEDBACK])
@pytest.mark.parametrize("origin", [PORTAL, "http://localhost:5173"])
def test_a_browser_that_asks_first_is_told_what_it_may_send(portal, path: str, origin: str) -> None:
    response = portal.client.options(path, headers=ASKS | {"origin": origin})
    assert (response.status_code, response.content) == (204, b"")
    assert cors(response) == {
        "allow-origin": origin,
        "allow-methods": "GET, POST",
        "allow-headers": "Authorization, Content-Type, If-None-Match, Last-Event-ID",
        "max-age": "86400",
    }
    assert varies(response)


@pytest.mark.parametrize("path", [BANNERS, STREAM, FEEDBACK])
@pytest.mark.parametrize("origin", OTHERS)
def test_pages_of_other_origins_are_told_nothing(portal, path: str, origin: str) -> None:
    response = portal.client.options(path, headers=ASKS | {"origin": origin})
    assert response.status_code == 405
    assert cors(response) == {}
    assert varies(response)


@pytest.mark.parametrize("headers", [ASKS, {"origin": PORTAL}])
def test_what_is_no_question_of_a_browser_is_an_unknown_method(portal, headers: dict) -> None:
    assert portal.client.options(BANNERS, headers=headers).status_code == 405


@pytest.mark.parametrize("query", ["", "?wait=0", "?locale=fr", "?placement=attic"])
def test_reads_are_readable_from_the_portal_only(portal, query: str) -> None:
    bearer = portal.bearer(portal.signer.token(f"page-{len(query)}"))
    statuses = set()
    for origin in (PORTAL, OTHERS[0], None):
        headers = bearer if origin is None else bearer | {"origin": origin}
        response = portal.client.get(BANNERS + query, headers=headers)
        statuses.add(response.status_code)
        if origin == PORTAL:
            assert_readable(response)
        else:
            assert cors(response) == {}
            assert varies(response)
    assert len(statuses) == 1, "whoever asks is answered alike"


def test_not_modified_is_readable(portal) -> None:
    headers = portal.bearer(portal.signer.token("page-unchanged")) | {"origin": PORTAL}
    tag = portal.client.get(BANNERS, headers=headers).headers["etag"]
    response = portal.client.get(BANNERS, headers=headers | {"if-none-match": tag})
    assert response.status_code == 304
    assert_readable(response)


def test_streams_are_readable(portal) -> None:
    headers = portal.bearer(portal.signer.token("page-stream")) | {"origin": PORTAL}
    with portal.client.stream("GET", STREAM, headers=headers) as response:
        assert response.status_code == 200
        assert_readable(response)
        assert next(response.iter_lines()).startswith("retry:")


def test_feedback_and_beacons_are_taken(portal) -> None:
    token = portal.signer.token("page-feedback")
    given = [{"banner": "birthday", "episode": "2026", "action": "clicked"}]
    headers = portal.bearer(token) | {"origin": PORTAL}
    response = portal.client.post(FEEDBACK, json=given, headers=headers)
    assert response.status_code == 202
    assert_readable(response)
    # As browsers send it: a text, and no question before.
    body = json.dumps({"access_token": token, "feedback": given})
    headers = {"content-type": "text/plain;charset=UTF-8", "origin": PORTAL}
    response = portal.client.post(FEEDBACK, content=body, headers=headers)
    assert response.status_code == 202
    assert_readable(response)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", BANNERS, {}, 401),
        ("GET", f"{BANNERS}?wait=0", {"authorization": "Bearer a.b.c"}, 401),
        ("GET", STREAM, {}, 401),
        ("POST", FEEDBACK, {"content-type": "application/json"}, 400),
        ("POST", FEEDBACK, {"content-type": "image/png"}, 415),
        ("DELETE", BANNERS, {}, 405),
        ("GET", f"{BANNERS}/", {}, 404),
        ("GET", f"{BANNERS}?locale={'a' * 9000}", {}, 414),
    ],
)
def test_refusals_are_readable(portal, method: str, path: str, headers: dict, status: int) -> None:
    response = portal.client.request(method, path, headers=headers | {"origin": PORTAL})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert_readable(response)


def test_too_often_is_readable(portal) -> None:
    headers = portal.bearer(portal.signer.token("page-often")) | {"origin": PORTAL}
    responses = [portal.client.get(BANNERS, headers=headers) for _ in range(9)]
    assert responses[-1].status_code == 429
    assert_readable(responses[-1])


@pytest.mark.parametrize("path", FOR_SERVERS)
def test_routes_for_servers_say_nothing_to_pages(portal, path: str) -> None:
    for headers in (portal.service, portal.service | ASKS):
        for method in ("GET", "OPTIONS", "PUT", "POST"):
            response = portal.client.request(method, path, headers=headers | {"origin": PORTAL})
            assert cors(response) == {}
            assert not varies(response)


@pytest.mark.parametrize("path", [BANNERS, STREAM, FEEDBACK])
def test_without_origins_nothing_is_said(api, path: str) -> None:
    asked = api.client.options(path, headers=ASKS | {"origin": PORTAL})
    assert (asked.status_code, cors(asked)) == (405, {})
    own = api.bearer(api.signer.token()) | {"origin": PORTAL}
    response = api.client.get(BANNERS, headers=own)
    assert cors(response) == {}
    assert not varies(response)


def test_two_origins_are_none(portal) -> None:
    headers = [("origin", PORTAL), ("origin", PORTAL)]
    assert cors(portal.client.get(BANNERS, headers=headers)) == {}


def ask(app, path: str, headers: dict[str, str]) -> httpx.Response:
    async def story() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(story())


def test_failures_are_readable() -> None:
    app = FastAPI()

    @app.get("/v1/me/broken")
    async def broken() -> None:
        raise RuntimeError

    app.add_middleware(RequestFrame)
    app.add_middleware(Cors, origins=[PORTAL])
    response = ask(app, "/v1/me/broken", {"origin": PORTAL})
    assert response.status_code == 500
    assert_readable(response)


@pytest.mark.parametrize("query", ["", "?wait=0"])
def test_that_the_database_is_away_is_readable(signer, query: str) -> None:
    async def load() -> bytes:
        return signer.public_pem("ES256")

    async def story() -> httpx.Response:
        reads = ReadServers(new_pool(NOWHERE))
        app = application(reads=reads, token_keys=TokenKeys(load), origins=[PORTAL])
        transport = httpx.ASGITransport(app)
        async with (
            reads.running(),
            httpx.AsyncClient(transport=transport, base_url="http://api") as client,
        ):
            headers = {"authorization": f"Bearer {signer.token()}", "origin": PORTAL}
            return await client.get(BANNERS + query, headers=headers)

    response = asyncio.run(story())
    assert response.status_code == 503
    assert_readable(response)
