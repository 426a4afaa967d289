"""The plain read of a citizen's own banners, answered before the framework looks at it.

Nearly every request of the portal is this one. The framework's route for it exists too: it
documents the parameters, checks them, and answers whatever is not plain, by the same reader.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from quadrupel.api import problems
from quadrupel.api.after import read_token
from quadrupel.api.banner_answers import Awaited, BannerReader, Question
from quadrupel.api.banners import MAX_WAIT_SECONDS, WAIT_SECONDS
from quadrupel.api.middleware import RequestFrame
from quadrupel.api.rates import Limit, unlimited
from quadrupel.api.tokens import Tokens
from quadrupel.core.errors import QuadrupelError

PATH = "/v1/me/banners"

_HEADERS = frozenset((b"authorization", b"accept-language", b"if-none-match"))
_BEARER = b"Bearer "
_PLAIN = "quadrupel.plain"
_MAX_QUERY = 64
_PARAMETERS = re.compile(rb"(placement|client|locale)=([A-Za-z0-9_-]+)")
_AFTER = re.compile(rb"([A-Za-z0-9_-]+)(?:&wait=([0-9]{1,2}(?:\.[0-9]{1,3})?))?")

_After: TypeAlias = tuple[str, float]
"""What `after` says, and how many seconds to wait for it."""


class HotRoute:
    """Answers the reads of `PATH` that are plain, and hands everything else to the application.

    Plain is a GET with a bearer token, at most `placement`, `client` and `locale` as plain words,
    at the end `after` and `wait`, and no header twice that matters here.
    """

    def __init__(
        self,
        app: ASGIApp,
        reader: BannerReader,
        tokens: Tokens,
        limit: Limit = unlimited,
        is_leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._app = app
        self._reader = reader
        self._tokens = tokens
        self._limit = limit
        self._framed = RequestFrame(self._answer, is_leaving)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = _plain(scope)
        if plain is None:
            await self._app(scope, receive, send)
        else:
            scope[_PLAIN] = plain
            await self._framed(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        token, question, after = scope[_PLAIN]
        try:
            self._reader.sets.check_room()  # before anything is spent on the request
            user_id = await self._tokens.user_of(token)
            self._limit(user_id)
            awaited = None
            if after is not None:
                awaited = Awaited(read_token(after[0]), Request(scope, receive), after[1])
            answer = await self._reader.answer(user_id, question, awaited)
        except QuadrupelError as error:
            answer = problems.response_to(error, PATH)
        await answer(scope, receive, send)


def _plain(scope: Scope) -> tuple[str, Question, _After | None] | None:
    """The token and the question of a plain read, after what; None for anything else."""
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
        return None
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _HEADERS:
            if name in headers:
                return None
            headers[name] = value
    bearer = headers.get(b"authorization", b"")
    rest, after = _after(scope["query_string"])
    parameters = _parameters(rest) if len(rest) <= _MAX_QUERY else None
    if parameters is None or not bearer.startswith(_BEARER) or not bearer.isascii():
        return None
    placement, client, locale = parameters
    accept, tag = headers.get(b"accept-language", b""), headers.get(b"if-none-match")
    question = Question(
        placement,
        locale,
        accept.decode("latin-1"),
        None if tag is None else tag.decode("latin-1"),
        client,
    )
    return bearer[len(_BEARER) :].decode("ascii"), question, after


def _after(query: bytes) -> tuple[bytes, _After | None]:
    """What a query asks for beside `after` and `wait`, and these two if they stand at its end."""
    rest, asks, last = (b"&" + query).rpartition(b"&after=")
    found = _AFTER.fullmatch(last)
    if not asks or found is None:
        return query, None
    token, seconds = found.groups()
    wait = WAIT_SECONDS if seconds is None else float(seconds)
    if wait > MAX_WAIT_SECONDS:
        return query, None  # for the framework, which says what is wrong
    return rest[1:], (token.decode(), wait)


@lru_cache(maxsize=1024)  # of what anyone sends: so it is asked for short queries only
def _parameters(query: bytes) -> tuple[str | None, str | None, str | None] | None:
    """`placement`, `client` and `locale` of a plain query; None if it has anything else."""
    if not query:
        return None, None, None
    found = [_PARAMETERS.fullmatch(part) for part in query.split(b"&")]
    named = {each[1]: each[2].decode() for each in found if each}
    if len(named) < len(found):
        return None
    return named.get(b"placement"), named.get(b"client"), named.get(b"locale")
