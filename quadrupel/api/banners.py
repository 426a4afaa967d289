"""`GET /v1/me/banners` and `GET /v1/users/{user_id}/banners`."""

import hashlib
import zoneinfo
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from quadrupel.api import documents
from quadrupel.api.after import After, read_token
from quadrupel.api.banner_texts import BannerTexts, check_placement, render
from quadrupel.api.languages import choose
from quadrupel.api.waiting import Waits
from quadrupel.core.events import check_user_id
from quadrupel.store.banner_reads import BannerReads, BannerSet
from quadrupel.store.keys import ServiceKey

Placement = Annotated[
    str | None, Query(description="Only the banners of this placement.", examples=["main"])
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
        examples=["AUo1j6GvJR7EAAAAAwAAAAAAAeJA"],
    ),
]
Wait = Annotated[
    float,
    Query(ge=0, le=10, allow_inf_nan=False, description="How many seconds to wait at most."),
]
WAIT_SECONDS = 5.0
UserId = Annotated[str, Path(description="The user id.", examples=["u0000123456"])]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a read asks for: `after` which events, waiting at most so many seconds for them."""

    request: Request
    placement: str | None
    locale: str | None
    after: After | None
    wait: float


async def asked(
    request: Request,
    placement: Placement = None,
    locale: Locale = None,
    after: EventToken = None,
    wait: Wait = WAIT_SECONDS,
) -> Asked:
    """A dependency: the parameters of a read. Raises InputRefused (`bad-token`)."""
    return Asked(request, placement, locale, None if after is None else read_token(after), wait)


@dataclass(frozen=True, slots=True)
class BannerReader:
    """What answers a read: where sets are, the texts now, and how values are written."""

    sets: BannerReads
    waits: Waits[BannerSet]
    texts: Callable[[], BannerTexts]
    languages: Sequence[str]
    zone: zoneinfo.ZoneInfo

    async def answer(self, user_id: str, asked: Asked) -> Response:
        """The user's banners in words, or 304. Raises InputRefused, DatabaseUnavailable."""
        texts = self.texts()
        check_placement(texts, asked.placement)
        accept = asked.request.headers.get("accept-language", "")
        language = choose(asked.locale, accept, self.languages)
        found = await self._find(user_id, asked)
        contains = None if asked.after is None else asked.after.is_reached(user_id, found.contains)
        tag = _entity_tag(user_id, found, texts.digest, language, asked.placement, contains)
        headers = {
            "ETag": tag,
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization, Accept-Language",
            "Content-Language": language,
        }
        if contains is not None:
            headers["Contains-Event"] = "true" if contains else "false"
        if _matches(asked.request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        body = {
            "version": found.version,
            "as_of": found.as_of,
            **({} if contains is None else {"contains_event": contains}),
            "banners": render(found, texts, language, self.zone, asked.placement),
        }
        return Response(msgspec.json.encode(body), 200, headers, "application/json")

    async def _find(self, user_id: str, asked: Asked) -> BannerSet:
        """The user's set: as it is, or as soon as it contains what was asked for."""
        if asked.after is None:
            return await self.sets.find(user_id)
        reached = partial(asked.after.is_reached, user_id)
        return await self.waits.until(
            user_id, lambda found: reached(found.contains), asked.request, asked.wait
        )


def routes(
    reader: BannerReader,
    citizen: Callable[..., Awaitable[str]],
    service: Callable[..., Awaitable[ServiceKey]],
) -> APIRouter:
    """The routes; `citizen` and `service` are the dependencies that let callers in."""
    router = APIRouter(tags=["banners"])

    @router.get("/v1/me/banners", **documents.MY_BANNERS)
    async def my_banners(
        user_id: Annotated[str, Depends(citizen)], asked: Annotated[Asked, Depends(asked)]
    ) -> Response:
        return await reader.answer(user_id, asked)

    @router.get(
        "/v1/users/{user_id}/banners", dependencies=[Depends(service)], **documents.USERS_BANNERS
    )
    async def users_banners(user_id: UserId, asked: Annotated[Asked, Depends(asked)]) -> Response:
        return await reader.answer(check_user_id(user_id), asked)

    return router


def _entity_tag(
    user_id: str,
    found: BannerSet,
    texts: str,
    language: str,
    placement: str | None,
    contains: bool | None,
) -> str:
    """A strong tag: equal tags mean equal bytes, also between users behind one cache."""
    parts = (user_id, found.version, found.as_of, texts, language, placement, contains)
    return f'"{hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()}"'


def _matches(if_none_match: str | None, tag: str) -> bool:
    """RFC 9110, 13.1.2: any of the listed tags, compared weakly, or `*`."""
    if if_none_match is None:
        return False
    listed = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in listed or tag in listed
