"""How large a request may be, what it leaves behind, and which methods a path takes."""

import asyncio
import base64
import contextlib
import gc
import json
import socket
import tracemalloc
from collections.abc import Awaitable, Callable

import httpx
import pytest

from quadrupel.api.hot_route import HotRoute
from quadrupel.api.languages import choose
from quadrupel.api.middleware import MAX_TARGET
from quadrupel.api.token_keys import TokenKeys
from quadrupel.api.tokens import Tokens
from quadrupel.core.errors import TokenKeysUnavailable

from .routes import FORM, UNSUBSCRIBE_TOKENS

READ = "/v1/me/banners"
LINK = f"/v1/unsubscribe/{UNSUBSCRIBE_TOKENS.write('u1', 'mailings')}"


def filled(path: str) -> str:
    return path.replace("{user_id}", "u1").replace("{token}", LINK.rpartition("/")[2])


def sent(api, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and the first of the body that these very bytes are answered."""
    url, answer = api.client.base_url, b""
    with (
        socket.create_connection((url.host, url.port), timeout=20) as connection,
        contextlib.suppress(ConnectionError),
    ):
        connection.sendall(request)
        while b"\r\n\r\n" not in answer and (received := connection.recv(65_536)):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def get(target: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "host: api", *headers, "", ""]).encode()


@pytest.mark.parametrize(
    "target",
    [
        f"{READ}?locale={'a' * MAX_TARGET}",
        f"{READ}/stream?client={'a' * MAX_TARGET}",
        f"/v1/users/{'a' * MAX_TARGET}/banners",
        "/" + "%61" * (MAX_TARGET // 3 + 1),
        f"/livez?{'a' * (MAX_TARGET - 5)}",
        f"/nowhere/{'a' * 50_000}",
    ],
)
def test_a_path_and_query_that_are_too_long_are_refused(api, target: str) -> None:
    response = api.client.get(target)
    assert response.status_code == 414
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "urn:quadrupel:problem:uri-too-long"
    assert str(MAX_TARGET) in problem["detail"]
    assert len(response.content) < 1000, "what was sent is not repeated"


def test_as_long_as_they_may_be_they_are_answered(api) -> None:
    longest = f"/livez?{'a' * (MAX_TARGET - 6)}"
    assert api.client.get(longest).status_code == 200
    most = get("/livez", *(f"x-{number}: a" for number in range(99)))  # and one that names the host
    assert sent(api, most)[0] == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get(f"/{'a' * 70_000}"), 414),
        (get("/livez", *(f"x-{number}: a" for number in range(100))), 431),
        (get("/\0"), 400),
        (get("/livez", "x-bad\0: a"), 400),
        (b"POST /v1/events HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (b"POST /v1/events HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
    ],
    ids=["target", "headers", "NUL in the target", "NUL in a header", "two lengths", "no length"],
)
def test_what_is_no_request_is_refused_by_the_server_itself(api, request_, status: int) -> None:
    answered, headers, body = sent(api, request_)
    assert (answered, body) == (status, b"")
    assert "content-type" not in headers


METHODS = [
    (READ, "GET, HEAD"),
    (f"{READ}/stream", "GET, HEAD"),
    (f"{READ}/feedback", "POST"),
    ("/v1/users/u1/banners", "GET, HEAD"),
    ("/v1/users/u1/explain", "GET, HEAD"),
    ("/v1/users/u1/contacts", "PUT"),
    ("/v1/events", "POST"),
    (LINK, "GET, HEAD, POST"),
    ("/livez", "GET, HEAD"),
    ("/readyz", "GET, HEAD"),
    ("/openapi.json", "GET, HEAD"),
]


@pytest.mark.parametrize(("path", "allowed"), METHODS)
@pytest.mark.parametrize(
    "method", ["PATCH", "DELETE", "TRACE", "OPTIONS", "CONNECT", "BREW", "get"]
)
def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_takes(
    api, path: str, allowed: str, method: str
) -> None:
    status, headers, _ = sent(api, get(path).replace(b"GET", method.encode(), 1))
    assert (status, headers["allow"].upper()) == (405, allowed)
    assert headers["content-type"] == "application/problem+json"


def test_every_route_is_in_the_table_of_methods(api) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    documented = {filled(path) for path in paths}
    assert documented | {"/openapi.json"} == {path for path, _ in METHODS}


BODIES = [
    ("POST", f"{READ}/feedback", 64 * 1024),
    ("PUT", "/v1/users/u1/contacts", 4 * 1024),
    ("POST", "/v1/events", 1024 * 1024),
    ("POST", LINK, 2 * 1024),
]


@pytest.mark.parametrize(("method", "path", "limit"), BODIES)
def test_every_body_has_a_limit(api, method: str, path: str, limit: int) -> None:
    own = api.bearer(api.signer.token()) if "/me/" in path else api.service
    headers = own | {"content-type": FORM if path == LINK else "application/json"}
    url = api.client.base_url.join(path)
    # On a connection of its own: a body that is not read to its end ends the connection.
    response = httpx.request(method, url, content=b" " * (limit + 1), headers=headers, timeout=20)
    assert response.status_code == 413
    assert response.json()["type"] == "urn:quadrupel:problem:too-large"


def test_every_body_is_in_the_table_of_bodies(api) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    documented = {
        (method.upper(), filled(path))
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "requestBody" in operation
    }
    assert documented == {(method, path) for method, path, _ in BODIES}


async def handed_on(scope, receive, send) -> None:
    pass


async def unreadable() -> bytes:
    raise httpx.ConnectError("refused")


HOT = HotRoute(handed_on, None, None)
TOKENS = Tokens(TokenKeys(unreadable), "issuer", "audience")


async def show_query(number: int) -> None:
    """A read without a token, with one of many long queries."""
    query = f"{number:06}".encode() * 10_000
    scope = {"type": "http", "path": READ, "method": "GET", "headers": [], "query_string": query}
    await HOT(scope, None, None)


async def show_languages(number: int) -> None:
    choose(None, f"{number:06}" + "\xff" * 60_000, ("en", "ru"))


async def show_token(number: int) -> None:
    """One of many tokens that name a long key."""
    header = json.dumps({"alg": "ES256", "kid": f"{number:06}" + "k" * 6_000}).encode()
    with pytest.raises(TokenKeysUnavailable):
        await TOKENS.user_of(base64.urlsafe_b64encode(header).decode().rstrip("=") + "..")


@pytest.mark.parametrize(
    ("show", "times"), [(show_query, 1_500), (show_languages, 5_000), (show_token, 500)]
)
def test_what_anyone_can_send_is_remembered_in_two_megabytes(
    show: Callable[[int], Awaitable[None]], times: int
) -> None:
    async def story() -> int:
        await show(0)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1, times):
            await show(number)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return after - before

    assert asyncio.run(story()) < 2_000_000
