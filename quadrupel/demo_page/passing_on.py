"""Passes a citizen's requests on to the API, as a portal's own proxy does: `/web/v1/me/banners`.

So the browser stays on one origin, and needs no CORS. The first part of the path is the client that
asks: `quadrupel-banners.js` is made for the web and always says so, and where the page plays an
application of a telephone this says `ios` instead.
"""

from collections.abc import AsyncIterator

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from quadrupel.core.errors import InputRefused, Unavailable

CLIENTS = ("web", "ios")
MAX_BODY = 64 * 1024
ONCE = httpx.Limits(max_keepalive_connections=0)
"""Of connections to the API: each for one request, so that none is kept to an API that died."""

SILENCE_SECONDS = 45.0
"""How long the API may say nothing on a stream; it gives a sign of life each 15 seconds."""

_ASKED = frozenset({"accept", "accept-language", "authorization", "content-type"})
_ASKED_FOR_NEWS = frozenset({"if-none-match", "last-event-id"})
_ANSWERED = frozenset(
    {"cache-control", "content-language", "content-type", "etag", "retry-after", "vary"}
)


def open_client(api: str) -> httpx.AsyncClient:
    """What asks the API, which is at this URL, with as many streams as pages want."""
    timeout = httpx.Timeout(10.0, connect=2.0, read=SILENCE_SECONDS)
    return httpx.AsyncClient(base_url=api, timeout=timeout, limits=ONCE)


def routes(api: httpx.AsyncClient) -> list[Route]:
    """The three routes that a citizen's page uses, for each client."""

    async def pass_on(request: Request) -> Response:
        client, path = request.url.path.lstrip("/").split("/", 1)
        asked = {**request.query_params, "client": client}
        kept = _ASKED | _ASKED_FOR_NEWS
        headers = {name: value for name, value in request.headers.items() if name in kept}
        body = await _body(request)
        passed = api.build_request(
            request.method, f"/{path}", params=asked, headers=headers, content=body
        )
        try:
            answer = await api.send(passed, stream=True)
        except httpx.TransportError as error:
            raise Unavailable(f"the API does not answer: {error!r}") from error
        told = {name: value for name, value in answer.headers.items() if name in _ANSWERED}
        return StreamingResponse(_chunks(answer), answer.status_code, told)

    reads = ("/v1/me/banners", "/v1/me/banners/stream")
    return [
        *(Route(f"/{each}{path}", pass_on) for each in CLIENTS for path in reads),
        *(Route(f"/{each}/v1/me/banners/feedback", pass_on, methods=["POST"]) for each in CLIENTS),
    ]


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise InputRefused("too-large", f"the body has more than {MAX_BODY} bytes")
    return bytes(body)


async def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes; it ends early where the API breaks off, and the page asks again."""
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.TransportError:
        pass
    finally:
        await answer.aclose()
