"""What a citizen's page asks of the demo page's server, and what of it reaches the API."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.applications import Starlette

from quadrupel.api.problems import response_to
from quadrupel.core.errors import QuadrupelError
from quadrupel.demo_page import passing_on

Api = Callable[[httpx.Request], httpx.Response]


def problem(request, error):
    return response_to(error, request.url.path)


def ask(api: Api, method: str, path: str, **given) -> httpx.Response:
    """The answer to a page that asks, where the API is this function."""

    async def asked() -> httpx.Response:
        transport = httpx.MockTransport(api)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            app = Starlette(
                routes=passing_on.routes(client), exception_handlers={QuadrupelError: problem}
            )
            page = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page")
            async with page:
                return await page.request(method, path, **given)

    return asyncio.run(asked())


@pytest.fixture
def reached() -> list[httpx.Request]:
    return []


@pytest.fixture
def api(reached) -> Api:
    def answer(request: httpx.Request) -> httpx.Response:
        reached.append(request)
        headers = {"ETag": '"7"', "Content-Language": "ru", "Set-Cookie": "a=b", "Server": "x"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(b'{"version": 7}'))

    return answer


@pytest.mark.parametrize("client", passing_on.CLIENTS)
def test_the_path_says_as_which_client_the_api_is_asked(api, reached, client):
    answer = ask(api, "GET", f"/{client}/v1/me/banners?client=web&locale=ru&placement=main")
    assert answer.json() == {"version": 7}
    [request] = reached
    assert request.url.path == "/v1/me/banners"
    assert dict(request.url.params) == {"client": client, "locale": "ru", "placement": "main"}


def test_only_what_reading_banners_takes_is_passed_on(api, reached):
    headers = {
        "Authorization": "Bearer token",
        "If-None-Match": '"6"',
        "Last-Event-ID": "6",
        "Accept-Language": "ru",
        "Cookie": "secret=1",
        "X-Forwarded-For": "10.0.0.1",
    }
    answer = ask(api, "GET", "/web/v1/me/banners", headers=headers)
    [request] = reached
    passed = {name.title() for name in request.headers}
    assert {"Authorization", "If-None-Match", "Last-Event-Id", "Accept-Language"} <= passed
    assert not {"Cookie", "X-Forwarded-For", "Origin"} & passed
    assert answer.headers["ETag"] == '"7"'
    assert not {"set-cookie", "server"} & set(answer.headers)


def test_feedback_is_passed_on_as_it_is(api, reached):
    body = b'[{"banner": "a"}]'
    ask(api, "POST", "/ios/v1/me/banners/feedback", content=body)
    assert [(each.method, each.content) for each in reached] == [("POST", body)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/web/v1/users/anna/banners", 404),
        ("GET", "/web/v1/users/anna/explain", 404),
        ("POST", "/web/v1/events", 404),
        ("GET", "/android/v1/me/banners", 404),
        ("GET", "/v1/me/banners", 404),
        ("GET", "/web/v1/me/banners/../../users/anna/explain", 404),
        ("GET", "/web/v1/me/banners%2f..%2f..%2fusers", 404),
        ("GET", "/web/v1/me/banners/", 404),
        ("POST", "/web/v1/me/banners", 405),
        ("GET", "/web/v1/me/banners/feedback", 405),
        ("DELETE", "/web/v1/me/banners/feedback", 405),
    ],
)
def test_nothing_else_of_the_api_is_reached(api, reached, method, path, status):
    answer = ask(api, method, path, follow_redirects=False)
    assert answer.status_code in {status, 307 if path.endswith("/") else status}
    assert reached == []


def test_a_body_that_is_too_large_reaches_nobody(api, reached):
    answer = ask(api, "POST", "/web/v1/me/banners/feedback", content=b"x" * 65537)
    assert answer.status_code == 413
    assert reached == []


def test_an_api_that_is_away_is_said_to_be(reached):
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    answer = ask(away, "GET", "/web/v1/me/banners")
    assert (answer.status_code, answer.headers["Retry-After"].isdigit()) == (503, True)
    assert answer.json()["type"] == "urn:quadrupel:problem:unavailable"


def test_a_refusal_of_the_api_is_passed_on_with_its_headers():
    def refuse(request: httpx.Request) -> httpx.Response:
        said = httpx.ByteStream(b'{"detail": "too many"}')
        return httpx.Response(429, headers={"Retry-After": "7"}, stream=said)

    answer = ask(refuse, "GET", "/web/v1/me/banners")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json() == {"detail": "too many"}


def test_a_stream_that_breaks_ends():
    class Broken(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"retry: 1\n\n"
            raise httpx.ReadError("reset")

    def stream(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Broken())

    answer = ask(stream, "GET", "/web/v1/me/banners/stream")
    assert answer.text == "retry: 1\n\n"
