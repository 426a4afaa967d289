"""`POST /v1/events`: events from source systems, taken whole or not at all."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from quadrupel.api import documents
from quadrupel.api.after import write_token
from quadrupel.api.bodies import media_type, read_body
from quadrupel.api.event_bodies import read_events
from quadrupel.api.inbox import Inbox
from quadrupel.api.looks import Looks
from quadrupel.core.events import Event
from quadrupel.core.lifecycle import ERASED
from quadrupel.core.looks import LookAt
from quadrupel.core.positions import Position
from quadrupel.core.profiles import Feeds
from quadrupel.store.keys import ServiceKey

MAX_BODY = 1024 * 1024


def routes(
    inbox: Inbox,
    feeds: Callable[[], Feeds],
    now: Callable[[], datetime],
    service: Callable[..., Awaitable[ServiceKey]],
    looks: Looks,
) -> APIRouter:
    """The route; `service` is the dependency that lets callers in."""
    router = APIRouter(tags=["events"])

    @router.post("/v1/events", **documents.EVENTS)
    async def accept_events(
        request: Request, key: Annotated[ServiceKey, Depends(service)]
    ) -> Response:
        kind = media_type(request)
        body = await read_body(request, MAX_BODY)
        taken = read_events(kind, request.headers, body, now())
        for each in taken:
            if each.event.type == ERASED:
                looks.record(key, each.event.subject, LookAt.ERASURE)
        positions = await inbox.accept([each.message for each in taken]) if taken else []
        after = _token([each.event for each in taken], positions, feeds())
        return JSONResponse({"accepted": len(taken), "after": after}, 202)

    return router


def _token(events: Sequence[Event], positions: Sequence[Position], feeds: Feeds) -> str | None:
    """The token that waits for the last event of each user that can change something."""
    last = {
        event.subject: position
        for event, position in zip(events, positions, strict=True)
        if feeds.can_change(event)
    }
    return write_token(last)
