"""`GET /v1/me/banners` and `GET /v1/users/{user_id}/banners`."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from quadrupel.api import documents, event_documents
from quadrupel.api.after import read_token
from quadrupel.api.banner_answers import Awaited, BannerReader, Question
from quadrupel.api.looks import Looks
from quadrupel.core.events import check_user_id
from quadrupel.core.looks import LookAt
from quadrupel.store.keys import ServiceKey

Placement = Annotated[
    str | None, Query(description="Only the banners of this placement.", examples=["main"])
]
Client = Annotated[
    str | None,
    Query(
        description="Only what this client shows; without it, what any client shows.",
        examples=["web"],
    ),
]
Locale = Annotated[
    str | None,
    Query(
        description="The language of the texts; without it Accept-Language decides.",
        examples=["en"],
    ),
]
EventToken = Annotated[
    str | None,
    Query(
        alias="after",
        description="What POST /v1/events answered: wait until the set contains these events.",
        examples=["AUo1j6GvJR7EAAAABAAAAAAAAeJA"],
    ),
]
WAIT_SECONDS, MAX_WAIT_SECONDS = 5.0, 10.0
"""How long a read with `after` waits unless it says so, and at most."""

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=MAX_WAIT_SECONDS,
        allow_inf_nan=False,
        description="How many seconds to wait at most.",
    ),
]
UserId = Annotated[
    str,
    Path(
        description="The user id.",
        examples=["u0000123456"],
        json_schema_extra={"pattern": event_documents.USER_ID},
    ),
]


Asked: TypeAlias = tuple[Question, Awaited | None]


async def asked(
    request: Request,
    placement: Placement = None,
    client: Client = None,
    locale: Locale = None,
    after: EventToken = None,
    wait: Wait = WAIT_SECONDS,
) -> Asked:
    """A dependency: what a read asks for. Raises InputRefused (`bad-token`)."""
    headers = request.headers
    accept, tag = headers.get("accept-language", ""), headers.get("if-none-match")
    awaited = None if after is None else Awaited(read_token(after), request, wait)
    return Question(placement, locale, accept, tag, client), awaited


def routes(
    reader: BannerReader,
    citizen: Callable[..., Awaitable[str]],
    service: Callable[..., Awaitable[ServiceKey]],
    looks: Looks,
) -> APIRouter:
    """The routes; `citizen` and `service` are the dependencies that let callers in.

    Of `/v1/me/banners` the plain reads, which are nearly all, do not come here: `hot_route`.
    """
    router = APIRouter(tags=["banners"])

    @router.get("/v1/me/banners", **documents.MY_BANNERS)
    async def my_banners(
        user_id: Annotated[str, Depends(citizen)], asked: Annotated[Asked, Depends(asked)]
    ) -> Response:
        return await reader.answer(user_id, *asked)

    @router.get("/v1/users/{user_id}/banners", **documents.USERS_BANNERS)
    async def users_banners(
        key: Annotated[ServiceKey, Depends(service)],
        user_id: UserId,
        asked: Annotated[Asked, Depends(asked)],
    ) -> Response:
        check_user_id(user_id)
        looks.record(key, user_id, LookAt.BANNERS)
        return await reader.answer(user_id, *asked)

    return router
