"""What surrounds every request: its id, its line in the log, HEAD, and the last line of defence."""

import random
import re
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quadrupel import telemetry
from quadrupel.api import problems
from quadrupel.api.logged_paths import told
from quadrupel.core.errors import InputRefused
from quadrupel.telemetry import request_id

log = structlog.get_logger()

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
MAX_TARGET = 8192
"""How many bytes the path and the query of a request may have together: RFC 9110, 4.1."""

_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_CLOSE = (b"connection", b"close")


class RequestFrame:
    """Gives each request an id: the caller's `X-Request-ID` if it is a short word, else a new one.

    The id is in the answer and in every log line. The log gets one line per request, at debug
    level unless it failed, with the path (user ids at most, and no token of a link) and never the
    query, headers or body. An error no one foresaw is logged with its traceback and answered 500.
    While the process `is_leaving`, each answer asks the caller to connect anew, to another one.
    """

    def __init__(self, app: ASGIApp, is_leaving: Callable[[], bool] = lambda: False) -> None:
        self._app = app
        self._is_leaving = is_leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = _given_id(scope["headers"]) or f"{random.getrandbits(128):032x}"
        more = ((b"x-request-id", own.encode()), _NO_SNIFFING)
        before = request_id.set(own)
        started, status = time.perf_counter(), 0

        def send_framed(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own_headers = (*more, _CLOSE) if self._is_leaving() else more
                message = {**message, "headers": [*message["headers"], *own_headers]}
            return send(message)

        try:
            await self._app(scope, receive, send_framed)
            if telemetry.tells_debug():
                log.debug(
                    "answered",
                    method=scope["method"],
                    path=told(scope["path"]),
                    status=status,
                    milliseconds=round((time.perf_counter() - started) * 1000, 1),
                )
        except ClientDisconnect:
            log.debug("the caller went away", method=scope["method"], path=told(scope["path"]))
        except Exception:
            log.exception("the request failed", method=scope["method"], path=told(scope["path"]))
            if status:
                raise
            await problems.INTERNAL.response()(scope, receive, send_framed)
        finally:
            request_id.reset(before)


def _given_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The caller's id for the request, if it is a short word."""
    for name, value in headers:
        if name == b"x-request-id":
            return value.decode("ascii") if _REQUEST_ID.fullmatch(value) else None
    return None


class BoundedTarget:
    """Refuses requests whose path and query are too long, before anybody takes them apart."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope.get("raw_path") or scope["path"].encode()
            length = len(path) + len(scope["query_string"])
            if length > MAX_TARGET:
                detail = f"path and query have {length} bytes, {MAX_TARGET} at most"
                refusal = problems.problem_of(InputRefused("uri-too-long", detail))
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


class HeadAsGet:
    """Answers HEAD as GET without the body, on every route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)
