"""A portal in a real Chromium, and a scripted API that it shows banners of."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from .scripted_api import ScriptedApi
from .serving import Server

CLIENT = Path(__file__).parents[2] / "clients/web"

WAITS = {
    "retry": 100, "most": 400, "answer": 1000, "silence": 4000, "stable": 100, "poll": 300,
    "again": 60_000, "hidden": 50, "seen": 300, "feedback": 100,
}  # fmt: skip
"""As everywhere, but for somebody in a hurry."""

ELEMENT = '<quadrupel-banners placement="main"></quadrupel-banners>'

PAGE = """<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Портал</title>
<link rel="stylesheet" href="/portal.css">
<script type="module" src="/portal.js"></script>
</head>
<body>
<main><h1>Портал</h1><p><a href="/before">До</a></p>{body}<p><a href="/after">После</a></p></main>
</body>
</html>"""

SCRIPT = """
import {{ configure, connect }} from '/quadrupel-banners.js';
Object.assign(window, {{ configure, connect, waits: {waits}, api: '{api}' }});
{configure}
"""

CONFIGURE = "configure({ api, waits, token: () => 'citizen' });"


class Portal:
    """Serves pages of a portal, under as strict a Content-Security-Policy as there is."""

    def __init__(self) -> None:
        routes = [
            Route("/portal.css", lambda _: Response(self.style, media_type="text/css")),
            Route("/portal.js", lambda _: Response(self.script, media_type="text/javascript")),
            Route("/quadrupel-banners.js", self._component),
            Route("/{page:path}", self._page),
        ]
        self._server = Server(Starlette(routes=routes))
        self.body = self.style = self.script = self.policy = ""

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.port}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def write(self, api: str, body: str, configure: str, style: str, waits: dict[str, int]) -> None:
        self.policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src {api};"
            " base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
        )
        self.body, self.style = PAGE.format(body=body), style
        self.script = SCRIPT.format(api=api, waits=json.dumps(waits), configure=configure)

    def _component(self, _: Request) -> Response:
        return FileResponse(CLIENT / "quadrupel-banners.js", media_type="text/javascript")

    def _page(self, request: Request) -> Response:
        if request.path_params["page"] == "favicon.ico":
            return Response(status_code=204)
        headers = {"Content-Security-Policy": self.policy}
        return Response(self.body, headers=headers, media_type="text/html")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # It keeps an event loop in this thread, which other tests must not find: no longer than this folder.
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def portal() -> Iterator[Portal]:
    portal = Portal()
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    api = ScriptedApi()
    api.start()
    yield api
    api.stop()


@pytest.fixture
def complaints() -> list[str]:
    """What the page's console says, but for the browser's own lines about requests that failed."""
    return []


@pytest.fixture
def context(browser: Browser, complaints: list[str]) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 900, "height": 600}, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console",
        lambda message: (
            None
            if message.text.startswith(("Failed to load resource", "Access to"))
            else complaints.append(message.text)
        ),
    )
    yield context
    context.close()


@pytest.fixture
def open_page(
    api: ScriptedApi, portal: Portal, context: BrowserContext
) -> Callable[..., Page]:
    """Opens a page of the portal: its body, what its script does, how it looks."""

    def opened(
        body: str = ELEMENT, configure: str = CONFIGURE, style: str = "", **waits: Any
    ) -> Page:
        portal.write(api.url, body, configure, style, WAITS | waits)
        page = context.new_page()
        page.goto(portal.url)
        return page

    return opened
