import asyncio

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from quadrupel.api.middleware import RequestFrame
from quadrupel.api.problems import handle_errors, problem_of
from quadrupel.core.errors import (
    BusUnavailable,
    Conflict,
    DatabaseUnavailable,
    EventRefused,
    EventsRefused,
    InputRefused,
    NotAllowed,
    NotAuthenticated,
    QuadrupelError,
    TokenKeysUnavailable,
    TopicRefused,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAuthenticated("no"), 401),
        (NotAllowed("banners:read"), 403),
        (InputRefused("not-json", "no"), 400),
        (InputRefused("too-large", "no"), 413),
        (InputRefused("unsupported-media-type", "no"), 415),
        (InputRefused("anything-else", "no"), 422),
        (EventsRefused("index", [(0, EventRefused("bad-time", "no"))]), 422),
        (EventsRefused("line", [(1, EventRefused("not-json", "no"))]), 400),
        (BusUnavailable("host:9092 is away"), 503),
        (DatabaseUnavailable("host:5432 is away"), 503),
        (TokenKeysUnavailable("login:443 is away"), 503),
        (TopicRefused("run bus create"), 503),
        (Conflict("no"), 500),
        (QuadrupelError("no"), 500),
    ],
    ids=repr,
)
def test_each_error_has_its_status(error: QuadrupelError, status: int) -> None:
    problem = problem_of(error)
    assert problem.status == status
    response = problem.response()
    assert response.media_type == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert b"is away" not in response.body
    assert ("retry-after" in response.headers) is (status == 503)


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/", 404, "not-found"),
        ("GET", "/v1/events/", 404, "not-found"),
        ("GET", "/docs", 404, "not-found"),
        ("GET", "/v1/users/a/b/banners", 404, "not-found"),
        ("GET", "/v1/events", 405, "method-not-allowed"),
        ("DELETE", "/v1/me/banners", 405, "method-not-allowed"),
        ("POST", "/openapi.json", 405, "method-not-allowed"),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    api, method: str, path: str, status: int, reason: str
) -> None:
    response = api.client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:quadrupel:problem:{reason}"
    assert response.json()["status"] == status


def test_every_answer_has_a_request_id_the_callers_own_if_it_is_a_word(api) -> None:
    given = api.client.get("/livez", headers={"x-request-id": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    for unusable in ("", "a b", "x" * 65, "<script>"):
        made = api.client.get("/nowhere", headers={"x-request-id": unusable})
        assert len(made.headers["x-request-id"]) == 32


def test_an_error_no_one_foresaw_is_logged_and_told_without_details() -> None:
    app = FastAPI()
    handle_errors(app)

    @app.get("/broken")
    async def route() -> None:
        raise RuntimeError("citizen@example.org")

    app.add_middleware(RequestFrame)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get("/broken?secret=1", headers={"x-request-id": "r1"})

    with capture_logs() as logs:
        response = asyncio.run(ask())
    assert response.status_code == 500
    assert response.headers["x-request-id"] == "r1"
    assert response.json()["type"] == "urn:quadrupel:problem:internal"
    assert "example.org" not in response.text
    (failed,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert (failed["path"], failed["exc_info"]) == ("/broken", True)
    assert "secret" not in str(logs)
