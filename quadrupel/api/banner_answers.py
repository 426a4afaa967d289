"""What a read of banners is answered: the one place for every route that answers it."""

import hashlib
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from quadrupel.api.after import After
from quadrupel.api.banner_texts import (
    BannerTexts,
    ShownBanner,
    check_client,
    check_placement,
    render,
    with_fallbacks,
)
from quadrupel.api.languages import choose
from quadrupel.api.waiting import Waits
from quadrupel.store.banner_reads import BannerReads, BannerSet

_HEADERS = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, Accept-Language"),
)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Question:
    """What a read asks for; `accept` and `if_none_match` are headers, `accept` may be empty."""

    placement: str | None
    locale: str | None
    accept: str
    if_none_match: str | None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """`after` which events a set is asked for, and for how many seconds `request` waits at most."""

    after: After
    request: Request
    seconds: float


@dataclass(frozen=True, slots=True)
class BannerReader:
    """What answers a read: where sets are, the texts now, and how values are written."""

    sets: BannerReads
    waits: Waits[BannerSet]
    texts: Callable[[], BannerTexts]
    languages: Sequence[str]
    zone: zoneinfo.ZoneInfo

    async def answer(
        self, user_id: str, question: Question, awaited: Awaited | None = None
    ) -> Response:
        """The user's banners in words, or 304.

        Raises InputRefused, DatabaseUnavailable, Overloaded.
        """
        texts = self.texts()
        check_placement(texts, question.placement)
        check_client(texts, question.client)
        language = choose(question.locale, question.accept, self.languages)
        if awaited is None:
            found, contains = await self.sets.find(user_id), None
        else:
            found = await self._wait(user_id, awaited)
            contains = awaited.after.is_reached(user_id, found.contains)
        tag = _entity_tag(user_id, found, texts.digest, language, question, contains)
        headers = [(b"etag", tag.encode()), (b"content-language", language.encode()), *_HEADERS]
        if contains is not None:
            headers.append((b"contains-event", b"true" if contains else b"false"))
        if _matches(question.if_none_match, tag):
            return _Answer(304, headers, b"")
        shown = self.shown(found, texts, language, question.placement, question.client)
        return _json(headers, _encode(document(found, shown, contains)))

    def shown(
        self,
        found: BannerSet,
        texts: BannerTexts,
        language: str,
        placement: str | None = None,
        client: str | None = None,
    ) -> list[ShownBanner]:
        """What is shown of a set, and fallbacks where that is nothing."""
        shown = render(found, texts, language, self.zone, placement, client)
        return with_fallbacks(shown, texts, language, placement, client)

    async def _wait(self, user_id: str, awaited: Awaited) -> BannerSet:
        """The user's set as soon as it contains what is awaited, or as it is then."""
        reached = partial(awaited.after.is_reached, user_id)
        return await self.waits.until(
            user_id, lambda found: reached(found.contains), awaited.request, awaited.seconds
        )


def document(
    found: BannerSet, shown: Sequence[ShownBanner], contains: bool | None = None
) -> dict[str, object]:
    """What is told of a set whose banners were put into words; also on streams."""
    return {
        "version": found.version,
        "as_of": found.as_of,
        **({} if contains is None else {"contains_event": contains}),
        "banners": shown,
    }


class _Answer(Response):
    """A response whose headers are written already: the framework would write them each time."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status_code = status
        self.raw_headers = headers
        self.body = body
        self.background = None


def _json(headers: list[tuple[bytes, bytes]], body: bytes) -> Response:
    length = (b"content-length", str(len(body)).encode())
    return _Answer(200, [*headers, length, (b"content-type", b"application/json")], body)


def _entity_tag(
    user_id: str,
    found: BannerSet,
    texts: str,
    language: str,
    question: Question,
    contains: bool | None,
) -> str:
    """A strong tag: equal tags mean equal bytes, also between users behind one cache."""
    where = question.placement, question.client
    parts = (user_id, found.version, found.as_of, texts, language, *where, contains)
    return f'"{hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()}"'


def _matches(if_none_match: str | None, tag: str) -> bool:
    """RFC 9110, 13.1.2: any of the listed tags, compared weakly, or `*`."""
    if if_none_match is None:
        return False
    listed = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in listed or tag in listed
