"""The web client against the real API and every stage behind it, by a portal's own proxy."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import httpx
import jwt
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from quadrupel.demo_page import passing_on
from quadrupel.portal import (
    AUDIENCE,
    ISSUER,
    Identity,
    Portal,
    create_identity,
    licence,
    life_before,
)

from .portal import ELEMENT
from .portal import Portal as Pages
from .serving import Server
from .up import Up

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MILLISECONDS = 30_000
EXPIRING = "Замените водительское удостоверение"
INSURANCE = "Обновите полис ОСАГО"
FALLBACK = "Все государственные услуги в одном месте"
TOKEN = """
window.asked = [];
const token = async (refused) => {
  window.asked.push(refused);
  return (await fetch('/token')).text();
};
configure({ api: '/web', waits, token });
"""


@asynccontextmanager
async def closing(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """The client, closed when the server that asks by it stops."""
    async with api:
        yield


class OwnProxy(Pages):
    """A portal that signs its citizens' tokens, and passes what they ask on to the API."""

    def __init__(self, up: Up, identity: Identity) -> None:
        super().__init__()
        self.identity = identity
        self.citizen = ""
        self.holds = timedelta(hours=1)
        self.given = 0
        api = passing_on.open_client(up.api)
        routes = [
            Route("/token", self._token),
            *passing_on.routes(api),
            Route("/{path:path}", self._answer),
        ]
        self._server = Server(Starlette(routes=routes, lifespan=lambda _: closing(api)))

    def _token(self, request: Request) -> Response:
        self.given += 1
        claims = {"sub": self.citizen, "iss": ISSUER, "aud": AUDIENCE}
        claims["exp"] = datetime.now(UTC) + self.holds
        return PlainTextResponse(jwt.encode(claims, self.identity.key, algorithm="ES256"))


@pytest.fixture(scope="module")
def identity(tmp_path_factory) -> Identity:
    return create_identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture(scope="module")
def up(identity) -> Iterator[Up]:
    up = Up(jwt_keys=str(identity.public_file), jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    up.start()
    yield up
    assert up.stop() == 0, up.said


@pytest.fixture(scope="module")
def front(up, identity) -> Iterator[Portal]:
    """The portal's back end."""
    scopes = ("events:write", "banners:read", "explain:read")
    command = ["keys", "create", "--name", "front", *(f"--scope={each}" for each in scopes)]
    key = up.run(*command).strip()
    with httpx.Client(base_url=up.api, timeout=20) as client:
        yield Portal(client, key, identity)


@pytest.fixture(scope="module")
def pages(up, identity) -> Iterator[OwnProxy]:
    pages = OwnProxy(up, identity)
    pages.start()
    yield pages
    pages.stop()


@pytest.fixture
def citizen(request, front, pages) -> str:
    """A citizen whose licence runs out in twenty days."""
    name = f"web-{abs(hash(request.node.name)):x}"
    expires = date.today() + timedelta(days=20)  # noqa: DTZ011
    token = front.report(life_before(name, datetime.now(UTC), expires))
    front.ask(f"/v1/users/{name}/banners", {"after": str(token), "wait": "10"})
    pages.citizen, pages.holds, pages.given = name, timedelta(hours=1), 0
    return name


@pytest.fixture
def open_own_page(pages, context: BrowserContext) -> Callable[..., Page]:
    def opened(**waits: int) -> Page:
        context.set_default_timeout(MILLISECONDS)
        pages.write("'self'", ELEMENT, TOKEN, **waits)
        pages.script = pages.script.replace("[''self'', ", "['/web', ")
        page = context.new_page()
        page.goto(pages.url)
        return page

    return opened


def shown(page: Page) -> Locator:
    return page.get_by_role("listitem")


def shows(page: Page, title: str) -> None:
    expect(shown(page)).to_have_count(1, timeout=MILLISECONDS)
    expect(shown(page)).to_contain_text(title, timeout=MILLISECONDS)


def new_licence(front: Portal, citizen: str) -> None:
    now = datetime.now(UTC)
    front.report([licence(citizen, now, now.date())])


def feedback_of(up: Up, citizen: str) -> set[str]:
    """What the profile says the citizen did with the banner of the licence."""
    told = json.loads(up.run("users", "show", citizen, "--json"))
    held = told["profile"]["attributes"].get("banners", {"value": {}})["value"]
    actions = ("seen", "clicked", "dismissed")
    return {action for action in actions if f"driving_licence_expiring.{action}" in held}


def test_where_real_citizens_sign_in_there_is_no_demo_page(up):
    assert "the demo page is at" not in up.said
    with pytest.raises(httpx.ConnectError):
        httpx.get(up.page)


def test_a_banner_comes_and_goes_without_a_reload(citizen, front, open_own_page, complaints):
    page = open_own_page()
    page.evaluate("window.loaded = 'once'")
    shows(page, EXPIRING)
    new_licence(front, citizen)
    shows(page, INSURANCE)
    assert page.evaluate("window.loaded") == "once"
    assert complaints == []


def test_what_is_dismissed_stays_away_also_from_a_new_page(citizen, up, open_own_page, complaints):
    page = open_own_page()
    shows(page, EXPIRING)
    page.get_by_role("button").click()
    shows(page, FALLBACK)
    page.reload()
    shows(page, FALLBACK)
    up.wait(lambda: "dismissed" in feedback_of(up, citizen))
    assert complaints == []


def test_what_was_seen_and_clicked_is_in_the_profile(citizen, up, open_own_page):
    page = open_own_page()
    shows(page, EXPIRING)
    page.get_by_role("link", name=EXPIRING).click()
    up.wait(lambda: feedback_of(up, citizen) == {"seen", "clicked"})


def test_a_token_that_runs_out_is_replaced_and_all_goes_on(
    citizen, front, pages, up, open_own_page
):
    pages.holds = timedelta(seconds=3)
    page = open_own_page(stable=1000)
    shows(page, EXPIRING)
    pages.holds = timedelta(hours=1)
    given = pages.given
    up.wait(lambda: pages.given > given)
    new_licence(front, citizen)
    shows(page, INSURANCE)
    assert set(page.evaluate("window.asked")) == {None}, "no token was refused"


def test_a_token_that_is_refused_is_replaced(citizen, up, pages, open_own_page):
    pages.holds = timedelta(seconds=-60)
    page = open_own_page()
    up.wait(lambda: page.evaluate("window.asked.some(Boolean)"))
    pages.holds = timedelta(hours=1)
    shows(page, EXPIRING)


def test_nobody_sees_the_banners_of_whoever_was_signed_in_before(citizen, pages, open_own_page):
    page = open_own_page()
    shows(page, EXPIRING)
    pages.citizen = "nobody"
    page.evaluate("configure({})")
    shows(page, FALLBACK)
