"""`POST /v1/events`: events from source systems, taken whole or not at all."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from quadrupel.api import documents
from quadrupel.api.bodies import media_type, read_body
from quadrupel.api.event_bodies import read_events
from quadrupel.api.inbox import Inbox
from quadrupel.store.keys import ServiceKey

MAX_BODY = 1024 * 1024


def routes(inbox: Inbox, service: Callable[..., Awaitable[ServiceKey]]) -> APIRouter:
    """The route; `service` is the dependency that lets callers in."""
    router = APIRouter(tags=["events"])

    @router.post("/v1/events", dependencies=[Depends(service)], **documents.EVENTS)
    async def accept_events(request: Request) -> Response:
        kind = media_type(request)
        messages = read_events(kind, request.headers, await read_body(request, MAX_BODY))
        if messages:
            await inbox.accept(messages)
        return JSONResponse({"accepted": len(messages)}, 202)

    return router
