"""`/v1/unsubscribe/{token}`: where the link in an e-mail leads, by which such ones are refused.

Whoever has the link may do this and nothing else. Programs that look at links follow them, so a GET
changes nothing; mail providers ask by one POST when their user presses their button (RFC 8058).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import TypeAlias

from fastapi import APIRouter, Request
from starlette.responses import Response

from quadrupel.api import unsubscribe_documents
from quadrupel.api.bodies import media_type, read_body, unsupported
from quadrupel.api.problems import response_to
from quadrupel.api.rates import Limit, unlimited
from quadrupel.api.threads import Threads
from quadrupel.api.unsubscribe_bodies import MAX_BODY, MEDIA_TYPES, read_choice
from quadrupel.api.unsubscribe_pages import failure, page
from quadrupel.channels.unsubscribing import PATH, UnsubscribeTokens, Unsubscription
from quadrupel.core.errors import NotFound, QuadrupelError
from quadrupel.core.refusals import EVERYTHING, Wishes
from quadrupel.telemetry import REFUSALS

Route: TypeAlias = Callable[[Request], Awaitable[Response]]

READS_AT_ONCE = 2
WRITES_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Unsubscribing:
    """What the routes need. Both functions block, and raise DatabaseUnavailable.

    `find` tells what the user refuses by e-mail; `change` lets the user refuse a kind (True) or
    want it again (False), and tells what is refused then.
    """

    tokens: UnsubscribeTokens
    find: Callable[[str], Wishes]
    change: Callable[[str, str, bool], Wishes]


def routes(parts: Unsubscribing, limit: Limit = unlimited) -> APIRouter:
    """The routes. `limit` counts the requests of the citizen whom the link is for."""
    router = APIRouter(tags=["unsubscribe"])
    reading = Threads("refusals", READS_AT_ONCE)
    writing = Threads("refusing", WRITES_AT_ONCE)

    def link_of(request: Request) -> Unsubscription:
        found = parts.tokens.read(request.path_params["token"])
        if found is None:
            raise NotFound("this link holds no longer, or a part of it is missing")
        limit(found.user_id)
        return found

    @router.get(PATH + "{token}", **unsubscribe_documents.LOOK)
    @_told_by_pages
    async def look_at_refusals(request: Request) -> Response:
        link = link_of(request)
        wishes = await reading.run(lambda: parts.find(link.user_id))
        return page(link.kind, wishes, _languages(request))

    @router.post(PATH + "{token}", **unsubscribe_documents.CHOOSE)
    @_told_by_pages
    async def choose_refusals(request: Request) -> Response:
        link = link_of(request)
        media = media_type(request)
        if media not in MEDIA_TYPES:
            raise unsupported(f"a choice comes as {' or '.join(MEDIA_TYPES)}")
        content_type = request.headers["content-type"]
        choice = read_choice(await read_body(request, MAX_BODY), media, content_type)
        kind = EVERYTHING if choice.everything else link.kind
        wishes = await writing.run(lambda: parts.change(link.user_id, kind, choice.refuse))
        REFUSALS.labels("refused" if choice.refuse else "wanted").inc()
        return page(link.kind, wishes, _languages(request))

    return router


def _told_by_pages(route: Route) -> Route:
    """The route, which tells whoever asks for pages by one what citizens may meet of its errors."""

    @wraps(route)
    async def told(request: Request) -> Response:
        try:
            return await route(request)
        except QuadrupelError as error:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            answer = response_to(error, request.url.path)
            shown = failure(HTTPStatus(answer.status_code), _languages(request))
            if shown is None:
                return answer
            if "retry-after" in answer.headers:
                shown.headers["retry-after"] = answer.headers["retry-after"]
            return shown

    return told


def _languages(request: Request) -> str:
    return request.headers.get("accept-language", "")
