"""A portal in a real Chromium, and a scripted API whose banners it shows."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from .portal import Portal
from .scripted_api import ScriptedApi


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # It keeps an event loop in this thread, which tests of other folders must not find.
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        chromium = playwright.chromium.launch(executable_path=program, args=["--disable-gpu"])
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
    """What pages threw, and said on the console; not the browser's own lines of failed requests."""
    return []


@pytest.fixture
def context(browser: Browser, complaints: list[str]) -> Iterator[BrowserContext]:
    def hear(message: ConsoleMessage) -> None:
        if not message.text.startswith(("Failed to load resource", "Access to fetch")):
            complaints.append(message.text)

    context = browser.new_context(viewport={"width": 900, "height": 600}, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    context.on("console", hear)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    context.close()


@pytest.fixture
def open_page(api: ScriptedApi, portal: Portal, context: BrowserContext) -> Callable[..., Page]:
    """Opens the page that `Portal.write` would write of the same arguments."""

    def opened(*page: str, **others: Any) -> Page:
        portal.write(api.url, *page, **others)
        tab = context.new_page()
        tab.goto(portal.url)
        return tab

    return opened


@pytest.fixture
def turn() -> Callable[[Page, bool], None]:
    """Hides a page or shows it: tells it so, since a headless browser has nothing to hide it by."""

    def turned(page: Page, hidden: bool) -> None:
        page.evaluate(
            """hidden => {
              Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
              document.dispatchEvent(new Event('visibilitychange'));
            }""",
            hidden,
        )

    return turned
