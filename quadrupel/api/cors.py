"""Lets pages of other origins call the routes of citizens (CORS, as the Fetch standard has it).

Only those: routes for service keys are for servers, and no page may read their answers. No cookie
is ever looked at, so nothing is said of credentials.
"""

from collections.abc import Awaitable, Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/v1/me/"
"""What the routes of citizens begin with."""

METHODS = "GET, POST"
HEADERS = "Authorization, Content-Type, If-None-Match, Last-Event-ID"
EXPOSED = "ETag, Retry-After, Age, X-Request-ID, Contains-Event"
MAX_AGE_SECONDS = 86_400

_VARY = (b"vary", b"Origin")
_METHOD = b"access-control-request-method"


class Cors:
    """Answers what browsers ask before they call, and says in answers who may read them.

    It stands around everything else, so that a page can read refusals and failures too. A page of
    another origin than those allowed is answered as if this were not here.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._headers = {origin.encode(): _headers(origin) for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"origin"]
        allowed = self._headers.get(given[0]) if len(given) == 1 else None
        if allowed and scope["method"] == "OPTIONS" and _is_preflight(scope):
            start = {"type": "http.response.start", "status": 204, "headers": _preflight(given[0])}
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        more = allowed or [_VARY]

        def send_to_page(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *more]}
            return send(message)

        await self._app(scope, receive, send_to_page)


def _is_preflight(scope: Scope) -> bool:
    return any(name == _METHOD for name, _ in scope["headers"])


def _headers(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-expose-headers", EXPOSED.encode()),
        _VARY,
    ]


def _preflight(origin: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", METHODS.encode()),
        (b"access-control-allow-headers", HEADERS.encode()),
        (b"access-control-max-age", str(MAX_AGE_SECONDS).encode()),
        _VARY,
    ]
