"""The plain read and the framework's route answer alike, and what is not plain is handed on."""

import asyncio
import itertools
import zoneinfo

import httpx
import pytest
from structlog.testing import capture_logs

from quadrupel.api import hot_route
from quadrupel.api.after import write_token
from quadrupel.api.banner_answers import BannerReader
from quadrupel.api.banner_texts import BannerTexts
from quadrupel.api.hot_route import PATH, HotRoute
from quadrupel.api.token_keys import TokenKeys
from quadrupel.api.tokens import Tokens
from quadrupel.api.waiting import Waits
from quadrupel.core.positions import Position
from quadrupel.rules.placements import Placement
from quadrupel.rules.rule import Banner
from quadrupel.store import banner_reads
from quadrupel.store.banner_reads import NOTHING, BannerReads

LICENCE = ("licence_expiring", {"licence_expires": "2026-12-20", "fee": "1234.50"})
CONTAINED = write_token({"alike": Position(1, 5)})
LATER = write_token({"alike": Position(1, 6)})
PER_REQUEST = {"x-request-id", "date"}


def told(response) -> tuple:
    headers = {name: each for name, each in response.headers.items() if name not in PER_REQUEST}
    return response.status_code, headers, response.content


def both(api, query: str, more: str, headers):
    """The answers of both routes: what is asked `more` changes nothing, but is not plain."""
    asked = [
        api.client.build_request("GET", f"{PATH}?{each}", headers=headers)
        for each in (query, query + more)
    ]
    assert [is_plain(request) for request in asked] == [True, False]
    return [api.client.send(request) for request in asked]


def is_plain(request: httpx.Request) -> bool:
    headers = [(name.lower(), each) for name, each in request.headers.raw]
    scope = {"type": "http", "method": request.method, "path": request.url.path}
    found = hot_route._plain(scope | {"headers": headers, "query_string": request.url.query})
    return found is not None


@pytest.mark.parametrize(
    "query",
    ["", "placement=side", "client=ios", "client=tv", "client=web&placement=attic", "locale=fr"],
)
@pytest.mark.parametrize("accept", [None, "ru, en;q=0.5", "\xff;q=1"])
def test_both_routes_answer_byte_for_byte_alike(api, query: str, accept) -> None:
    api.publish("alike", 4, (*LICENCE, "", ["web"]), ("birthday", {}))
    headers = api.bearer(api.signer.token("alike"))
    if accept is not None:
        headers["accept-language"] = accept.encode("latin-1")
    plain, other = both(api, query, "&wait=1", headers)
    assert told(plain) == told(other)
    if "etag" in plain.headers:
        headers["if-none-match"] = plain.headers["etag"]
        again = both(api, query, "&wait=1", headers)
        assert [each.status_code for each in again] == [304, 304]
        assert told(again[0]) == told(again[1])


@pytest.mark.parametrize(
    "query",
    [
        f"after={CONTAINED}",
        f"locale=ru&client=web&after={CONTAINED}&wait=10",
        f"after={LATER}&wait=0.05",
        f"placement=attic&after={LATER}&wait=0",
        "after=AQ",
        "placement=attic&after=AA&wait=0",
        "after=" + "A" * 4_000,
    ],
)
def test_both_routes_answer_alike_what_is_asked_after_an_event(api, query: str) -> None:
    api.publish("alike", 4, (*LICENCE, "", ["web"]), contains=Position(1, 5))
    plain, other = both(api, query, "&more=", api.bearer(api.signer.token("alike")))
    assert told(plain) == told(other)


def test_an_expired_token_is_refused_alike(api) -> None:
    plain, other = both(api, "", "&wait=1", api.bearer(api.signer.token(exp=1)))
    assert plain.status_code == 401
    assert told(plain) == told(other)


def test_an_answer_has_the_request_id_that_was_given(api) -> None:
    headers = {**api.bearer(api.signer.token()), "x-request-id": "plain-1"}
    response = api.client.get(PATH, headers=headers)
    assert response.headers["x-request-id"] == "plain-1"
    assert response.headers["x-content-type-options"] == "nosniff"


class Stuck(BannerReads):
    """Never answers, or at once."""

    def __init__(self) -> None:
        self.time = 0.0
        super().__init__(None, lambda: self.time, pause=0.0)
        self.answers = asyncio.Event()

    async def _fetch(self, users):
        await self.answers.wait()
        return dict.fromkeys(users, NOTHING)


class Door:
    """The hot route alone, in front of an application that says 418, and its sets."""

    def __init__(self, signer) -> None:
        async def load() -> bytes:
            return signer.public_pem("ES256")

        async def teapot(scope, receive, send) -> None:
            await send({"type": "http.response.start", "status": 418, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        self.sets = Stuck()
        banner = Banner("main", 1, "/", {"en": "B"}, {})
        texts = BannerTexts({"b": banner}, {}, {"main": Placement("main", "m", {"web": 1})}, "1")
        utc = zoneinfo.ZoneInfo("UTC")
        reader = BannerReader(self.sets, Waits(self.sets), lambda: texts, ("en",), utc)
        tokens = Tokens(TokenKeys(load), "https://login.portal.example", "quadrupel")
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(HotRoute(teapot, reader, tokens)), base_url="http://api"
        )


HANDED_ON = [
    ("POST", PATH, {}),
    ("HEAD", PATH, {}),
    ("GET", f"{PATH}/", {}),
    ("GET", "/v1/users/u1/banners", {}),
    *(
        ("GET", f"{PATH}?{query}", {})
        for query in (
            "wait=1",
            "after=",
            "after=AQ&locale=en",
            "after=AQ&after=AQ",
            "wait=1&after=AQ",
            "after=AQ&wait=",
            "after=AQ&wait=-1",
            "after=AQ&wait=1e0",
            "after=AQ&wait=10.1",
            "after=AQ&wait=1&wait=1",
            "after=AQ&wait=1%0A",
            "locale=",
            "locale",
            "locale=%00",
            "locale=e+n",
            "Locale=en",
            "locale=en&",
            "locale=en&locale=en",
            "client=web&client=ios",
            "client=",
            "locale=en&more=1",
            "placement=" + "a" * 64,
        )
    ),
    *(
        ("GET", PATH, {"authorization": each})
        for each in ("", "Bearer", "bearer a.b.c", "Basic a", b"Bearer \xff")
    ),
]


@pytest.mark.parametrize(("method", "path", "headers"), HANDED_ON)
def test_what_is_not_plain_is_handed_on(signer, method: str, path: str, headers: dict) -> None:
    async def story() -> None:
        door = Door(signer)
        bearer = {"authorization": f"Bearer {signer.token()}"}
        response = await door.client.request(method, path, headers=bearer | headers)
        assert response.status_code == 418

    asyncio.run(story())


@pytest.mark.parametrize("twice", ["authorization", "accept-language", "if-none-match"])
def test_a_header_that_comes_twice_is_for_the_framework(signer, twice: str) -> None:
    async def story() -> None:
        bearer = ("authorization", f"Bearer {signer.token()}")
        headers = [bearer, (twice, bearer[1]), (twice, bearer[1])]
        assert (await Door(signer).client.get(PATH, headers=headers)).status_code == 418

    asyncio.run(story())


def test_who_comes_while_others_wait_too_long_is_refused_at_once(signer) -> None:
    async def story() -> None:
        door, numbers = Door(signer), itertools.count()

        def ask(token: str | None = None):
            token = token or signer.token(f"u{next(numbers)}")
            return door.client.get(PATH, headers={"authorization": f"Bearer {token}"})

        waiting = []
        for _ in range(banner_reads.QUERIES + 1):  # a query for each, and one that waits for them
            waiting.append(asyncio.create_task(ask()))
            await asyncio.sleep(0.1)
        door.sets.time = banner_reads.MAX_SECONDS + 0.1
        with capture_logs() as logs:
            refused = [await ask() for _ in range(10)]
            refused.append(await ask("no.token.at.all"))  # nothing is spent on it
        for response in refused:
            assert response.status_code == 503
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["type"] == "urn:quadrupel:problem:overloaded"
            assert int(response.headers["retry-after"]) > 0
        told = [each["log_level"] for each in logs if each["event"] != "answered"]
        assert told == ["warning"]
        door.sets.answers.set()
        assert {each.status_code for each in await asyncio.gather(*waiting)} == {200}
        assert (await ask()).json()["version"] == NOTHING.version

    asyncio.run(story())
