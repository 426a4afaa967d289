"""`POST /v1/me/banners/feedback`: what a citizen did with banners, taken whole or not at all."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from quadrupel.api import access, feedback_documents
from quadrupel.api.after import write_token
from quadrupel.api.banner_texts import BannerTexts
from quadrupel.api.bodies import media_type, read_body, unsupported
from quadrupel.api.feedback_bodies import MAX_BODY, read_events, read_posted
from quadrupel.api.inbox import Inbox
from quadrupel.api.rates import Limit, unlimited
from quadrupel.api.tokens import Tokens
from quadrupel.api.waiting import Waits
from quadrupel.bus.event_codec import event_message
from quadrupel.core.errors import DatabaseUnavailable, InputRefused, NotAuthenticated, Overloaded
from quadrupel.core.feedback import DISMISSED
from quadrupel.core.positions import Position, contains
from quadrupel.store.banner_reads import BannerSet

MEDIA_TYPES = ("application/json", "text/plain")
"""The second is what `navigator.sendBeacon` sends without asking the server first."""

WAIT_SECONDS = 1.0
"""How long a dismissal waits until the banners are without it; while they cannot be read, half as
long again."""


def routes(
    inbox: Inbox,
    tokens: Tokens,
    waits: Waits[BannerSet],
    texts: Callable[[], BannerTexts],
    now: Callable[[], datetime],
    limit: Limit = unlimited,
) -> APIRouter:
    """The route. `limit` counts a request as often as it has pieces of feedback."""
    router = APIRouter(tags=["banners"])

    @router.post("/v1/me/banners/feedback", **feedback_documents.FEEDBACK)
    async def give_feedback(
        request: Request, token: Annotated[str | None, Depends(access.citizens_token)]
    ) -> Response:
        if media_type(request) not in MEDIA_TYPES:
            raise unsupported(f"feedback comes as {' or '.join(MEDIA_TYPES)}")
        user_id = None if token is None else await tokens.user_of(token)
        posted = read_posted(await read_body(request, MAX_BODY))
        if posted.token is not None and user_id is not None:
            raise InputRefused("two-tokens", "the token is in the header or in the body, not both")
        if posted.token is not None:
            user_id = await tokens.user_of(posted.token)
        if user_id is None:
            raise NotAuthenticated(f"{access.MISSING}, or access_token in the body")
        limit(user_id, len(posted.feedback) or 1)
        events = read_events(posted.feedback, user_id, texts().banners, now())
        positions = await inbox.accept([event_message(each) for each in events]) if events else []
        contained = False
        # Whoever sends the token in the body has left the page, and hears no answer.
        if posted.token is None and any(each.type == DISMISSED for each in events):
            contained = await _wait(waits, user_id, positions[-1], request)
        after = write_token({user_id: positions[-1]} if positions else {})
        answer = {"accepted": len(posted.feedback), "after": after, "contains_event": contained}
        return JSONResponse(answer, 202)

    return router


async def _wait(
    waits: Waits[BannerSet], user_id: str, position: Position, request: Request
) -> bool:
    """Whether the user's banners contain the event at the position, as soon as they do.

    The feedback is taken, so it is no failure if they cannot be read.
    """

    def reached(found: BannerSet) -> bool:
        return contains(found.contains, position)

    try:
        async with asyncio.timeout(1.5 * WAIT_SECONDS):
            return reached(await waits.until(user_id, reached, request, WAIT_SECONDS))
    except (TimeoutError, DatabaseUnavailable, Overloaded):
        return False
