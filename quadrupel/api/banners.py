"""`GET /v1/me/banners` and `GET /v1/users/{user_id}/banners`."""

import hashlib
import zoneinfo
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from quadrupel.api import documents
from quadrupel.api.banner_texts import BannerTexts, check_placement, render
from quadrupel.api.languages import choose
from quadrupel.core.events import check_user_id
from quadrupel.store.banner_reads import BannerSet, banner_set
from quadrupel.store.keys import ServiceKey
from quadrupel.store.read_pool import Pool

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
UserId = Annotated[str, Path(description="The user id.", examples=["u0000123456"])]


@dataclass(frozen=True, slots=True)
class BannerReader:
    """What answers a read: where sets are, the texts now, and how values are written."""

    reads: Pool
    texts: Callable[[], BannerTexts]
    languages: Sequence[str]
    zone: zoneinfo.ZoneInfo

    async def answer(
        self, request: Request, user_id: str, placement: str | None, locale: str | None
    ) -> Response:
        """The user's banners in words, or 304. Raises InputRefused, DatabaseUnavailable."""
        texts = self.texts()
        check_placement(texts, placement)
        language = choose(locale, request.headers.get("accept-language", ""), self.languages)
        found = await banner_set(self.reads, user_id)
        tag = _entity_tag(user_id, found, texts.digest, language, placement)
        headers = {
            "ETag": tag,
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization, Accept-Language",
            "Content-Language": language,
        }
        if _matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        body = {
            "version": found.version,
            "as_of": found.as_of,
            "banners": render(found, texts, language, self.zone, placement),
        }
        return Response(msgspec.json.encode(body), 200, headers, "application/json")


def routes(
    reader: BannerReader,
    citizen: Callable[..., Awaitable[str]],
    service: Callable[..., Awaitable[ServiceKey]],
) -> APIRouter:
    """The routes; `citizen` and `service` are the dependencies that let callers in."""
    router = APIRouter(tags=["banners"])

    @router.get("/v1/me/banners", **documents.MY_BANNERS)
    async def my_banners(
        request: Request,
        user_id: Annotated[str, Depends(citizen)],
        placement: Placement = None,
        locale: Locale = None,
    ) -> Response:
        return await reader.answer(request, user_id, placement, locale)

    @router.get(
        "/v1/users/{user_id}/banners", dependencies=[Depends(service)], **documents.USERS_BANNERS
    )
    async def users_banners(
        request: Request, user_id: UserId, placement: Placement = None, locale: Locale = None
    ) -> Response:
        return await reader.answer(request, check_user_id(user_id), placement, locale)

    return router


def _entity_tag(
    user_id: str, found: BannerSet, texts: str, language: str, placement: str | None
) -> str:
    """A strong tag: equal tags mean equal bytes, also between users behind one cache."""
    parts = (user_id, found.version, found.as_of, texts, language, placement)
    return f'"{hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()}"'


def _matches(if_none_match: str | None, tag: str) -> bool:
    """RFC 9110, 13.1.2: any of the listed tags, compared weakly, or `*`."""
    if if_none_match is None:
        return False
    listed = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in listed or tag in listed
