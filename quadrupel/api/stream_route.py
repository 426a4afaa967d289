"""`GET /v1/me/banners/stream`: a citizen's banners, sent as server-sent events when they change.

The framework's route documents the request, lets the caller in and checks parameters, and then
leaves the answer to `StreamRoute`, around it: what the framework keeps in memory for a request that
is being answered would make a stream cost half as much again.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from quadrupel.api import problems, stream_documents
from quadrupel.api.admissions import Admission
from quadrupel.api.banner_answers import BannerReader
from quadrupel.api.banner_texts import check_client, check_placement
from quadrupel.api.banners import Client, Locale, Placement
from quadrupel.api.languages import choose
from quadrupel.api.stream_watch import Watch
from quadrupel.api.streams import Stream, Streams, View
from quadrupel.core.errors import QuadrupelError

PATH = "/v1/me/banners/stream"

LastEventId = Annotated[
    str | None,
    Header(
        description="The `id` of the last event that was received: it is not sent again.",
        examples=["7-4f9a1c0be2d83a65"],
    ),
]

_ASKED = "quadrupel.streams"
_EVENT_ID = re.compile(r"\d{1,19}-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A stream that the framework's route let in: whose it is, what it shows, what is known."""

    admission: Admission
    view: View
    known: str


class _Later(Response):
    """An answer that sends nothing, and is left to `StreamRoute`."""

    def __init__(self, asked: _Asked) -> None:
        super().__init__()
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        scope[_ASKED].append(self._asked)


def routes(reader: BannerReader, admitted: Callable[..., Awaitable[Admission]]) -> APIRouter:
    """The framework's route; `admitted` is the dependency that lets callers in."""
    router = APIRouter(tags=["banners"])

    @router.get(PATH, **stream_documents.MY_BANNERS_STREAM)
    async def my_banners_stream(
        request: Request,
        admission: Annotated[Admission, Depends(admitted)],
        placement: Placement = None,
        client: Client = None,
        locale: Locale = None,
        last_event_id: LastEventId = None,
    ) -> Response:
        check_placement(reader.texts(), placement)
        check_client(reader.texts(), client)
        language = choose(locale, request.headers.get("accept-language", ""), reader.languages)
        view = View(admission.user_id, placement, language, client)
        known = last_event_id if _EVENT_ID.fullmatch(last_event_id or "") else None
        return _Later(_Asked(admission, view, known or ""))

    return router


class StreamRoute:
    """Answers with the streams that the framework's route let in; hands everything else on."""

    def __init__(self, app: ASGIApp, reader: BannerReader, streams: Streams, watch: Watch) -> None:
        self._app = app
        self._reader = reader
        self._streams = streams
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        asked: list[_Asked] = []
        await self._app({**scope, _ASKED: asked}, receive, send)
        if not asked:
            return  # it was refused
        stream = Stream(asked[0].view, self._reader, asked[0].known)
        try:
            self._streams.add(stream)  # first, so that what is told from now on is offered to it
        except QuadrupelError as error:
            await problems.response_to(error, PATH)(scope, receive, send)
            return
        try:
            await self._answer(stream, asked.pop().admission, scope, receive, send)
        finally:
            self._streams.remove(stream)

    async def _answer(
        self, stream: Stream, admission: Admission, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            stream.offer(await self._reader.sets.find(stream.view.user_id))
        except QuadrupelError as error:
            await problems.response_to(error, PATH)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": _headers(stream)})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        self._watch.look_soon(stream.view.user_id)
        at_end = asyncio.get_running_loop().call_later(admission.seconds, stream.end, "expired")
        try:
            await stream.play(receive, send, admission.holds)
        finally:
            at_end.cancel()


def _headers(stream: Stream) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/event-stream"),
        (b"content-language", stream.view.language.encode()),
        (b"cache-control", b"private, no-store"),
        (b"x-accel-buffering", b"no"),  # a proxy that collects answers would keep events back
    ]
