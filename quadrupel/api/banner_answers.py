"""What a read of banners is answered: the one place for every route that answers it."""

import hashlib
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

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
from quadrupel.api.remembered import Remembered
from quadrupel.api.waiting import Waits
from quadrupel.store.banner_reads import BannerReads, BannerSet

Header: TypeAlias = tuple[bytes, bytes]

_HEADERS = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, Accept-Language"),
)
_JSON = (b"content-type", b"application/json")

MAX_IF_NONE_MATCH = 1024
"""Longer lists of tags match nothing: it would take milliseconds to look through them."""

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
    """What answers a read: where sets are, the texts now, how values are written, what was told.

    `release` is in the tags: another one may answer with more.
    """

    sets: BannerReads
    waits: Waits[BannerSet]
    texts: Callable[[], BannerTexts]
    languages: Sequence[str]
    zone: zoneinfo.ZoneInfo
    release: str = field(default_factory=partial(version, "quadrupel"))
    told: "Remembered[_Told]" = field(default_factory=Remembered)

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
        where = question.placement, question.client
        asked = user_id, found.version, found.as_of, texts.digest, language, *where, contains
        told = self.told.find((found.text, *asked))
        if told is not None:
            return _with_age(told.answer(question.if_none_match), found.age)
        headers = _headers(self._entity_tag(asked), language, contains)
        if _matches(question.if_none_match, headers):
            return _with_age(_Answer(304, headers, b""), found.age)
        shown = self.shown(user_id, found, texts, language, *where)
        told = _Told(headers, _encode(document(found, shown, contains)))
        self.told.add((found.text, *asked), told, len(found.text) + len(told.body))
        return _with_age(told.answer(None), found.age)

    def shown(
        self,
        user_id: str,
        found: BannerSet,
        texts: BannerTexts,
        language: str,
        placement: str | None = None,
        client: str | None = None,
    ) -> list[ShownBanner]:
        """What is shown of the user's set, and fallbacks where that is nothing."""
        shown = render(user_id, found, texts, language, self.zone, placement, client)
        return with_fallbacks(shown, texts, language, placement, client)

    def _entity_tag(self, asked: tuple[object, ...]) -> bytes:
        """A strong tag: equal tags mean equal bytes, also between users behind one cache."""
        content = repr((*asked, self.zone.key, self.release)).encode()
        return b'"%s"' % hashlib.blake2b(content, digest_size=12).hexdigest().encode()

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

    def __init__(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        self.status_code = status
        self.raw_headers = list(headers)
        self.body = body
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": self.body})


class _Told:
    """What is told of a set: the headers of 200 and of 304, and the body."""

    __slots__ = ("_headers", "_unchanged", "body")

    def __init__(self, headers: Sequence[Header], body: bytes) -> None:
        self._unchanged = headers
        self._headers = (*headers, (b"content-length", str(len(body)).encode()), _JSON)
        self.body = body

    def answer(self, if_none_match: str | None) -> Response:
        """The answer to who has what the header says."""
        if _matches(if_none_match, self._unchanged):
            return _Answer(304, self._unchanged, b"")
        return _Answer(200, self._headers, self.body)


def _with_age(answer: Response, age: int | None) -> Response:
    """The answer, saying how old it is if it may lack something (RFC 9111, 5.1)."""
    if age is not None:
        answer.raw_headers.append((b"age", b"%d" % age))
    return answer


def _headers(tag: bytes, language: str, contains: bool | None) -> list[Header]:
    """The headers of 304, of which the tag is the first."""
    headers = [(b"etag", tag), (b"content-language", language.encode()), *_HEADERS]
    if contains is not None:
        headers.append((b"contains-event", b"true" if contains else b"false"))
    return headers


def _matches(if_none_match: str | None, headers: Sequence[Header]) -> bool:
    """RFC 9110, 13.1.2: any of the listed tags, compared weakly, or `*`."""
    if if_none_match is None or len(if_none_match) > MAX_IF_NONE_MATCH:
        return False
    listed = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in listed or headers[0][1].decode() in listed
