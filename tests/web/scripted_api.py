"""The API's contract for front ends, with answers that a test writes.

It differs from the API in nothing that a browser sees, but knows no citizens: a token is any word
of `tokens`, and what is shown is what the test says.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from quadrupel.api import cors

from .serving import Server

CORS = Middleware(
    CORSMiddleware,
    allow_origin_regex="http://localhost:.*",
    allow_methods=cors.METHODS.split(", "),
    allow_headers=cors.HEADERS.split(", "),
    expose_headers=cors.EXPOSED.split(", "),
)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    at: float
    route: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Stream:
    """A stream that somebody reads. None in the queue ends it."""

    placement: str | None
    queue: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)


def banner(rule: str = "driving_licence_expiring", **given: Any) -> dict[str, Any]:
    """A banner as the API writes it."""
    return {
        "rule": rule,
        "placement": "main",
        "priority": 80,
        "title": "Обновите удостоверение до 20 декабря",
        "text": "",
        "link": "/services/driving-licence/renew",
        "episode": "2026-12-20",
        "dismissible": True,
        **given,
    }


class ScriptedApi:
    """Runs on a port of its own; may be asked and told from the test's thread at any time."""

    def __init__(self) -> None:
        routes = [
            Route("/v1/me/banners", self._read),
            Route("/v1/me/banners/stream", self._stream),
            Route("/v1/me/banners/feedback", self._feedback, methods=["POST"]),
        ]
        self._server = Server(Starlette(routes=routes, middleware=[CORS]))
        self._loop: asyncio.AbstractEventLoop | None = None
        self.asked: list[Asked] = []
        self.streams: list[Stream] = []
        self.banners: list[dict[str, Any]] = []
        self.version = 0
        self.tokens = {"citizen"}
        self.refuse: dict[str, Response] = {}
        """By route: what is answered instead."""
        self.greeting: Callable[[Stream], bytes | None] = self.set_event
        """What a stream begins with."""
        self.refused_feedback: set[str] = set()
        """Banners whose feedback is refused."""
        self.accepted: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
        self.streams.clear()

    def show(self, *banners: dict[str, Any]) -> None:
        """Replace what is shown, and tell all streams."""
        self.banners = list(banners)
        self.version += 1
        for stream in self.streams:
            self.send(self.set_event(stream), stream)

    def send(self, text: bytes | None, *streams: Stream) -> None:
        """Put bytes onto streams, all of them if none is named; None ends them."""
        assert self._loop is not None
        for stream in streams or self.streams:
            self._loop.call_soon_threadsafe(stream.queue.put_nowait, text)

    def end(self, reason: str) -> None:
        self.send(b'event: end\ndata: {"reason": "%s"}\n\n' % reason.encode())
        self.send(None)

    def set_event(self, stream: Stream) -> bytes:
        data = json.dumps(self.set(stream.placement), ensure_ascii=False)
        return f"event: banners\nid: {self.version}\ndata: {data}\n\n".encode()

    def set(self, placement: str | None) -> dict[str, Any]:
        shown = [each for each in self.banners if not placement or each["placement"] == placement]
        return {"version": self.version, "as_of": "2026-11-23", "banners": shown}

    def to(self, route: str) -> list[Asked]:
        """The requests to a route: "read", "stream" or "feedback"."""
        return [each for each in self.asked if each.route == route]

    def feedback(self) -> list[dict[str, Any]]:
        """Every piece that came, also repeated or refused, in order."""
        found = []
        for each in self.to("feedback"):
            body = json.loads(each.body)
            body = body.get("feedback", body) if isinstance(body, dict) else body
            found += body if isinstance(body, list) else [body]
        return found

    def wait(self, condition: Callable[[], Any], seconds: float = 10) -> Any:
        """What `condition` gives as soon as it is something."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"it did not happen; asked: {self._routes()}"
            time.sleep(0.01)
        return found

    def _routes(self) -> Sequence[str]:
        return [each.route for each in self.asked]

    async def _note(self, request: Request, route: str) -> Response | None:
        """Remember the request; the refusal to give, if any."""
        self._loop = asyncio.get_running_loop()
        query, headers = dict(request.query_params), dict(request.headers)
        asked = Asked(time.monotonic(), route, query, headers, await request.body())
        self.asked.append(asked)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if headers.get("content-type", "").startswith("text/plain"):
            token = json.loads(asked.body)["access_token"]
        if token not in self.tokens:
            return _problem(401, "the token does not hold")
        return self.refuse.get(route)

    async def _read(self, request: Request) -> Response:
        if refusal := await self._note(request, "read"):
            return refusal
        tag = f'"{self.version}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        answer = self.set(request.query_params.get("placement"))
        return JSONResponse(answer, headers={"ETag": tag, "Cache-Control": "private, no-cache"})

    async def _stream(self, request: Request) -> Response:
        if refusal := await self._note(request, "stream"):
            return refusal
        stream = Stream(request.query_params.get("placement"))
        known = request.headers.get("last-event-id") == str(self.version)
        greeting = b": welcome\n\n" if known else self.greeting(stream)
        return StreamingResponse(self._events(stream, greeting), media_type="text/event-stream")

    async def _events(self, stream: Stream, greeting: bytes | None) -> AsyncIterator[bytes]:
        self.streams.append(stream)
        try:
            text = greeting
            while text is not None:
                yield text
                text = await stream.queue.get()
        finally:
            if stream in self.streams:
                self.streams.remove(stream)

    async def _feedback(self, request: Request) -> Response:
        if refusal := await self._note(request, "feedback"):
            return refusal
        body = json.loads(self.asked[-1].body)
        given = body.get("feedback", [body]) if isinstance(body, dict) else body
        if any(each["banner"] in self.refused_feedback for each in given):
            return _problem(422, "there is no such banner")
        self.accepted += given
        return JSONResponse({"accepted": len(given)}, status_code=202)


def _problem(status: int, detail: str) -> Response:
    problem = {"type": "urn:quadrupel:problem:some", "status": status, "detail": detail}
    return JSONResponse(problem, status, media_type="application/problem+json")
