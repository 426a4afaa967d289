"""The demo page as an ASGI application: its files, its buttons, and the way to the API."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from quadrupel.api.problems import response_to
from quadrupel.core.errors import QuadrupelError
from quadrupel.demo_page import passing_on
from quadrupel.demo_page.cast import SPANS, Cast
from quadrupel.demo_page.guard import Guard
from quadrupel.demo_page.situations import SITUATIONS

FILES = Path(__file__).parent / "files"
MODULE = "quadrupel-banners.js"
LANGUAGES = ("en", "ru")
"""The languages that the page itself has words in."""


def create_app(
    cast: Cast, api: httpx.AsyncClient, languages: Sequence[str], hosts: frozenset[str]
) -> Starlette:
    """The application for browsers that ask at `hosts`. It closes `api` at its end.

    `languages` are those that banners have texts in.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with api:
            yield

    spoken = [each for each in LANGUAGES if each in languages] or list(LANGUAGES[:1])
    app = Starlette(
        routes=[
            Route("/", _file("index.html")),
            Route("/portal", _file("portal.html")),
            Route(f"/{MODULE}", _file(MODULE, module_file())),
            Mount("/files", StaticFiles(directory=FILES)),
            Route("/demo", _program(spoken)),
            *_acts(cast),
            *passing_on.routes(api),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={QuadrupelError: _problem},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def module_file() -> Path:
    """The web client: beside the package in a checkout, else inside it."""
    checkout = Path(__file__).parents[2] / "clients" / "web" / MODULE
    shipped = Path(__file__).parents[1] / "_shipped" / MODULE
    return shipped if shipped.is_file() else checkout


def _acts(cast: Cast) -> list[Route]:
    """What the buttons do, and what is shown of it. Functions that block run in threads."""

    def act(path: str, do: Callable[..., Any], method: str) -> Route:
        def answer(request: Request) -> Response:
            return JSONResponse(do(**request.path_params))

        return Route(f"/demo/{{situation}}{path}", answer, methods=[method])

    return [
        act("", cast.enter, "POST"),
        act("/again", cast.begin_again, "POST"),
        act("/events/{happening}", cast.happen, "POST"),
        act("/time/{span}", cast.move, "POST"),
        act("/token", cast.token, "POST"),
        act("/explanations", cast.explanations, "GET"),
        act("/mails", cast.mails, "GET"),
    ]


def _program(languages: Sequence[str]) -> Callable[[Request], Response]:
    """What there is to choose from."""
    situations = [
        {
            "id": each.id,
            "person": each.person,
            "about": each.about,
            "happenings": [
                {"id": happening.id, "title": happening.title} for happening in each.happenings
            ],
        }
        for each in SITUATIONS.values()
    ]
    told = {"languages": languages, "spans": list(SPANS), "situations": situations}
    return lambda _: JSONResponse(told)


def _file(name: str, path: Path | None = None) -> Callable[[Request], Response]:
    return lambda _: FileResponse(path or FILES / name)


def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, QuadrupelError):
        raise error
    return response_to(error, request.url.path)
