"""Who may ask the demo page: no site but the page itself, whatever name leads a browser there."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from quadrupel.demo_page.guard import HEADERS, Guard

HOSTS = frozenset({"127.0.0.1:8081", "localhost:8081"})
OWN = "http://127.0.0.1:8081"


@dataclass
class Answer:
    """What the guarded application answers, and which methods reached it."""

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    reached: list[str] = field(default_factory=list)

    @property
    def problem(self) -> str:
        return str(json.loads(self.body)["type"])


def answer(method: str, headers: list[tuple[str, str]]) -> Answer:
    """The answer to a request with just these headers, which a client would make sound."""
    found = Answer()

    def act(request: Request) -> Response:
        found.reached.append(request.method)
        return PlainTextResponse("done")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            found.status, found.headers = message["status"], Headers(raw=message["headers"])
        else:
            found.body += message["body"]

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "path": "/", "headers": raw, "query_string": b""}
    guarded = Guard(Starlette(routes=[Route("/", act, methods=["GET", "POST"])]), HOSTS)
    asyncio.run(guarded(scope, receive, send))
    return found


@pytest.mark.parametrize("host", [*sorted(HOSTS), "LOCALHOST:8081"])
def test_pages_are_read_at_the_hosts_of_the_page(host):
    found = answer("GET", [("Host", host)])
    assert (found.status, found.reached) == (200, ["GET"])


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["evil.example"],
        ["evil.example:8081"],
        ["127.0.0.1"],
        ["127.0.0.1:8082"],
        ["127.0.0.1:8081.evil.example"],
        ["localhost:8081@evil.example"],
        ["127.0.0.1:8081", "evil.example"],
        [""],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_was_made_to_lead_here_is_refused(method, hosts):
    headers = [*(("Host", host) for host in hosts), ("Origin", OWN)]
    found = answer(method, headers)
    assert (found.status, found.reached) == (421, [])
    assert found.problem == "urn:quadrupel:problem:wrong-host"


def test_the_page_makes_things_happen():
    found = answer("POST", [("Host", "localhost:8081"), ("Origin", "http://localhost:8081")])
    assert (found.status, found.reached) == (200, ["POST"])


@pytest.mark.parametrize(
    "origins",
    [
        [],
        ["null"],
        [""],
        ["https://evil.example"],
        ["http://127.0.0.1"],
        ["http://127.0.0.1:8080"],
        ["https://127.0.0.1:8081"],
        ["http://localhost:8081"],
        ["http://127.0.0.1:8081.evil.example"],
        ["http://127.0.0.1:8081/"],
        [OWN, "https://evil.example"],
    ],
)
def test_another_site_makes_nothing_happen(origins):
    headers = [("Host", "127.0.0.1:8081"), *(("Origin", origin) for origin in origins)]
    found = answer("POST", headers)
    assert (found.status, found.reached) == (403, [])
    assert found.problem == "urn:quadrupel:problem:wrong-origin"


def test_every_answer_says_what_its_page_may_do():
    for method, headers in (("GET", [("Host", "127.0.0.1:8081")]), ("GET", [("Host", "evil")])):
        found = answer(method, headers)
        assert {name: found.headers[name] for name in HEADERS} == HEADERS
        assert "access-control-allow-origin" not in found.headers
