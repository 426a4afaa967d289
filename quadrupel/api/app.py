"""The API, wired: every part is handed in, nothing is global."""

import asyncio
import contextlib
import zoneinfo
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from quadrupel.api import (
    access,
    banners,
    contacts,
    documents,
    events,
    explain,
    feedback,
    health,
    rates,
    stream_route,
    unsubscribe,
)
from quadrupel.api.access import Scope
from quadrupel.api.banner_answers import BannerReader
from quadrupel.api.banner_texts import BannerTexts
from quadrupel.api.cors import Cors
from quadrupel.api.declared_documents import with_declared
from quadrupel.api.hot_route import HotRoute
from quadrupel.api.inbox import Inbox
from quadrupel.api.looks import Looks
from quadrupel.api.middleware import BoundedTarget, HeadAsGet, RequestFrame
from quadrupel.api.problems import handle_errors
from quadrupel.api.service_keys import ServiceKeys
from quadrupel.api.stream_route import StreamRoute
from quadrupel.api.stream_watch import Hears, Watch
from quadrupel.api.streams import Streams
from quadrupel.api.token_keys import TokenKeys
from quadrupel.api.tokens import Tokens
from quadrupel.api.unsubscribe import Unsubscribing
from quadrupel.api.waiting import Waits
from quadrupel.core.looks import Look
from quadrupel.core.ports import Producer
from quadrupel.core.profiles import Feeds
from quadrupel.core.rates import Rate
from quadrupel.store import keys
from quadrupel.store.banner_reads import BannerReads
from quadrupel.store.read_servers import ReadServers


def create_app(
    *,
    reads: ReadServers,
    news: Hears,
    open_producer: Callable[[], Producer],
    token_keys: TokenKeys,
    issuer: str,
    audience: str,
    texts: Callable[[], BannerTexts],
    feeds: Callable[[], Feeds],
    save_contact: contacts.Save,
    save_looks: Callable[[Sequence[Look]], None],
    explain_user: explain.Explain,
    unsubscribing: Unsubscribing,
    languages: Sequence[str],
    zone: zoneinfo.ZoneInfo,
    now: Callable[[], datetime],
    on_stop: Callable[[Callable[[], None]], None] = lambda _: None,
    user_rate: Rate | None = None,
    key_rate: Rate | None = None,
    origins: Collection[str] = (),
) -> FastAPI:
    """The application. It runs `reads` and the producer from its start to its end.

    `news` tells streams which sets changed. `save_contact`, `save_looks`, `explain_user`, what
    `unsubscribing` calls, and what `open_producer` returns may block: threads use them. `on_stop`
    is told at the start what to call when the process is to stop, while requests still come: it
    ends those that wait, and streams, and lets every answer close its connection.
    `user_rate` and `key_rate` are how often each citizen and each service key may ask; None: as
    often as they like. Pages of `origins` may call the routes of citizens.
    """
    inbox = Inbox(open_producer)
    sets = BannerReads(reads)
    waits = Waits(sets)
    reader = BannerReader(sets, waits, texts, languages, zone)
    streams = Streams()
    watch = Watch(streams, sets, news, texts)
    service_keys = ServiceKeys(partial(keys.find, reads), now)
    tokens = Tokens(token_keys, issuer, audience)
    looks = Looks(save_looks, now)
    limit_user, limit_key = rates.limit("citizen", user_rate), rates.limit("key", key_rate)

    leaving = asyncio.Event()

    def end_what_lasts() -> None:
        leaving.set()
        waits.end()
        streams.end()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        on_stop(end_what_lasts)
        await token_keys.loaded()
        # Reads connect by themselves, now or later: the API starts without a database too.
        async with reads.running(), looks.running(), inbox.running(), watch.running():
            yield

    app = _Application(
        title="Quadrupel",
        version=version("quadrupel"),
        description=documents.DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it looks for each request
    )
    with_scope = partial(access.service, service_keys, limit=limit_key)
    app.include_router(
        banners.routes(
            reader, access.citizen(tokens, limit_user), with_scope(Scope.BANNERS_READ), looks
        )
    )
    app.include_router(stream_route.routes(reader, access.admitted(tokens, limit_user)))
    app.include_router(feedback.routes(inbox, tokens, waits, texts, now, limit_user))
    app.include_router(events.routes(inbox, feeds, now, with_scope(Scope.EVENTS_WRITE), looks))
    app.include_router(
        contacts.routes(save_contact, with_scope(Scope.CONTACTS_WRITE), languages, looks)
    )
    app.include_router(explain.routes(explain_user, with_scope(Scope.EXPLAIN_READ), looks))
    # Who has the link of a citizen's e-mail uses up nothing that the citizen reads banners with.
    app.include_router(unsubscribe.routes(unsubscribing, rates.limit("citizen", user_rate)))
    app.include_router(health.routes(reads, token_keys))
    _serve_openapi(app, texts, languages)
    handle_errors(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(StreamRoute, reader=reader, streams=streams, watch=watch)
    app.add_middleware(BoundedTarget)
    app.add_middleware(RequestFrame, is_leaving=leaving.is_set)

    def in_front(inner: ASGIApp) -> ASGIApp:
        hot = HotRoute(inner, reader, tokens, limit_user, leaving.is_set)
        return Cors(hot, origins) if origins else hot

    app.in_front = in_front
    return app


class _Application(FastAPI):
    """Has something in front of all layers of the framework, which cost a plain read a tenth."""

    in_front: Callable[[ASGIApp], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        return self.in_front(super().build_middleware_stack())


def _serve_openapi(
    app: FastAPI, texts: Callable[[], BannerTexts], languages: Sequence[str]
) -> None:
    document = documents.openapi(app)
    written = "", b""

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        nonlocal written
        now = texts()
        if now.digest != written[0]:  # anyone may ask, and it takes milliseconds
            made = with_declared(document, now, languages)
            written = now.digest, bytes(JSONResponse(made).body)
        return Response(written[1], media_type="application/json")
