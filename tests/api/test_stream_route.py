"""Streams as front ends see them, on a real server and a real database."""

import asyncio
import contextlib
import time

import httpx
import pytest
from prometheus_client import REGISTRY

from quadrupel.api.streams import MAX_OF_USER
from quadrupel.api.token_keys import TokenKeys
from quadrupel.store.read_pool import new_pool
from quadrupel.store.read_servers import ReadServers

from .conftest import NOWHERE, application
from .front_end import PATH, reading

LICENCE = ("licence_expiring", {"licence_expires": "2026-12-20", "fee": "1234.50"})
BIRTHDAY = ("birthday", {})


def bearer(api, user: str, **claims) -> dict[str, str]:
    return api.bearer(api.signer.token(user, **claims))


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def open_streams() -> float:
    return sample("quadrupel_banner_streams")


def until(condition, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _only_own_streams() -> None:
    """Begin when the streams that the test before left have been noticed to be gone."""
    until(lambda: open_streams() == 0)


def test_what_is_read_is_sent_at_once_and_again_when_it_changes(api) -> None:
    api.publish("watcher", 7, LICENCE)
    headers = bearer(api, "watcher")
    with reading(api.client, headers) as front_end:
        answer = front_end.response.headers
        assert answer["content-type"] == "text/event-stream"
        assert answer["cache-control"] == "private, no-store"
        assert answer["x-accel-buffering"] == "no"
        assert "x-request-id" in answer
        took = []
        for version, banners in ((7, [LICENCE]), (8, [LICENCE, BIRTHDAY]), (9, [])):
            began = time.monotonic()
            if version > 7:
                api.publish("watcher", version, *banners)
            event = front_end.next()
            took.append(time.monotonic() - began)
            assert event.name == "banners"
            assert event.text == api.client.get("/v1/me/banners", headers=headers).text
        assert min(took[1:]) < 0.5
        assert event.data == {"version": 0, "as_of": None, "banners": []}
        assert 1_000 <= front_end.retry <= 5_000


def test_who_was_never_heard_of_is_shown_the_first_set_when_it_comes(api) -> None:
    with reading(api.client, bearer(api, "newcomer")) as front_end:
        assert front_end.next().data["version"] == 0
        api.publish("newcomer", 1, BIRTHDAY)
        assert front_end.next().data["version"] == 1


def test_nobody_sees_the_banners_of_another(api) -> None:
    with (
        reading(api.client, bearer(api, "one")) as one,
        reading(api.client, bearer(api, "other")) as other,
    ):
        assert one.next().data["banners"] == other.next().data["banners"] == []
        api.publish("one", 1, LICENCE)
        api.publish("other", 1, BIRTHDAY)
        assert [each["rule"] for each in other.next().data["banners"]] == ["birthday"]
        assert [each["rule"] for each in one.next().data["banners"]] == ["licence_expiring"]


def test_two_streams_of_a_user_show_each_their_placement_and_language(api) -> None:
    headers = bearer(api, "twice")
    russian = {**headers, "accept-language": "ru"}
    with (
        reading(api.client, headers, "?placement=main&locale=en") as main,
        reading(api.client, russian, "?placement=side") as side,
    ):
        assert main.response.headers["content-language"] == "en"
        assert side.response.headers["content-language"] == "ru"
        assert main.next().id != side.next().id
        api.publish("twice", 1, LICENCE, BIRTHDAY)
        [banner] = main.next().data["banners"]
        assert banner["title"] == "Renew your licence by 20 December 2026"
        [banner] = side.next().data["banners"]
        assert banner["title"] == "С днём!"


def test_who_comes_back_with_what_is_shown_is_sent_only_what_is_new(api) -> None:
    api.publish("returning", 3, LICENCE)
    headers = bearer(api, "returning")
    with reading(api.client, headers) as front_end:
        known = front_end.next().id
    with reading(api.client, headers, last=known) as front_end:
        front_end.sign_of_life()
        api.publish("returning", 4, BIRTHDAY)
        assert front_end.next().data["version"] == 4
    with reading(api.client, headers, last=known) as front_end:
        assert front_end.next().data["version"] == 4


@pytest.mark.parametrize(
    "last",
    [
        "",
        "3",
        "3-",
        "-1",
        "3-0000000000000000",
        "3-000000000000000G",
        "3-0000000000000000, 3-0000000000000000",
        "٣-0000000000000000".encode(),
        b"\xff\xfe",
        "9" * 5_000,
        "null",
        "'; DROP TABLE published; --",
    ],
)
def test_an_id_that_is_none_of_ours_is_as_good_as_none(api, last) -> None:
    api.publish("hostile", 3, LICENCE)
    with reading(api.client, bearer(api, "hostile"), last=last) as front_end:
        assert front_end.next().data["version"] == 3


@pytest.mark.parametrize(
    ("user", "query"), [("mine", "?placement=main"), ("mine", "?locale=ru"), ("theirs", "")]
)
def test_an_id_of_another_view_is_not_known(api, user: str, query: str) -> None:
    for each in ("mine", "theirs"):
        api.publish(each, 3, LICENCE)
    with reading(api.client, bearer(api, "mine")) as front_end:
        known = front_end.next().id
    with reading(api.client, bearer(api, user), query, last=known) as front_end:
        assert front_end.next().data["version"] == 3


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "reason"),
    [
        ("GET", PATH, {"authorization": "Bearer no.token.atall"}, 401, "not-authenticated"),
        ("GET", f"{PATH}?placement=attic", {}, 422, "unknown-placement"),
        ("GET", f"{PATH}?placement=", {}, 422, "unknown-placement"),
        ("GET", f"{PATH}?locale=fr", {}, 422, "unknown-locale"),
        ("HEAD", f"{PATH}?locale=fr", {}, 422, None),
        ("POST", PATH, {}, 405, "method-not-allowed"),
        ("DELETE", PATH, {}, 405, "method-not-allowed"),
        ("GET", f"{PATH}/", {}, 404, "not-found"),
    ],
)
def test_what_opens_no_stream_is_refused(
    api, method: str, path: str, headers: dict, status: int, reason: str | None
) -> None:
    before = open_streams()
    response = api.client.request(method, path, headers=bearer(api, "refused") | headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    if reason is not None:
        assert response.json()["type"] == f"urn:quadrupel:problem:{reason}"
    assert open_streams() == before


def test_head_is_answered_without_a_body_and_opens_nothing(api) -> None:
    before = open_streams()
    response = api.client.head(PATH, headers=bearer(api, "head"))
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream"
    assert response.content == b""
    until(lambda: open_streams() == before)


def test_a_body_that_nobody_asked_for_is_ignored(api) -> None:
    api.publish("talkative", 1, BIRTHDAY)
    headers = bearer(api, "talkative")
    with api.client.stream("GET", PATH, headers=headers, content=b"x" * 300_000) as response:
        assert b"event: banners" in next(response.iter_raw())


def test_it_ends_when_the_token_expires(api) -> None:
    api.publish("guest", 2, BIRTHDAY)
    began, before = time.time(), sample("quadrupel_banner_streams_ended_total", reason="expired")
    with reading(api.client, bearer(api, "guest", exp=int(began) + 2)) as front_end:
        shown, end = front_end.next(), front_end.next()
        assert (end.name, end.id, end.data) == ("end", shown.id, {"reason": "expired"})
        assert 0.9 < time.time() - began < 8.0
        assert front_end.next() is None
    ended = "quadrupel_banner_streams_ended_total"  # is counted when all has been sent
    until(lambda: sample(ended, reason="expired") == before + 1)
    # The connection is as good as before.
    assert api.client.get("/v1/me/banners", headers=bearer(api, "guest")).json()["version"] == 2


def test_a_reader_who_goes_is_noticed(api) -> None:
    before = open_streams()
    with contextlib.ExitStack() as stack:
        leavers = [bearer(api, f"leaver{number}") for number in range(5)]
        kept = [stack.enter_context(reading(api.client, each)) for each in leavers]
        assert [each.next().name for each in kept] == ["banners"] * 5
        assert open_streams() == before + 5
    until(lambda: open_streams() == before)


def test_a_user_who_has_too_many_is_told_so_and_others_are_not(api) -> None:
    headers = bearer(api, "greedy")
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(reading(api.client, headers)) for _ in range(MAX_OF_USER)]
        assert [each.next().name for each in kept] == ["banners"] * MAX_OF_USER
        refused = api.client.get(PATH, headers=headers)
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:quadrupel:problem:too-many-streams"
        assert int(refused.headers["retry-after"]) > 0
        kept.append(stack.enter_context(reading(api.client, bearer(api, "modest"))))
        assert kept[-1].next().name == "banners"
    until(lambda: api.client.head(PATH, headers=headers).status_code == 200)


def test_how_long_it_took_from_publish_is_measured(api) -> None:
    name = "quadrupel_publish_to_stream_seconds"
    with reading(api.client, bearer(api, "timed")) as front_end:
        front_end.next()
        before = sample(f"{name}_count"), sample(f"{name}_sum")
        began = time.time()
        api.publish("timed", 1, BIRTHDAY)
        front_end.next()
        took = time.time() - began
    count, seconds = sample(f"{name}_count") - before[0], sample(f"{name}_sum") - before[1]
    assert count == 1
    assert 0 <= seconds <= took


def test_while_the_database_is_away_no_stream_begins(signer) -> None:
    async def load() -> bytes:
        return signer.public_pem("ES256")

    async def story() -> None:
        reads = ReadServers(new_pool(NOWHERE))
        app = application(reads=reads, token_keys=TokenKeys(load))
        transport, before = httpx.ASGITransport(app), open_streams()
        async with (
            reads.running(),
            httpx.AsyncClient(transport=transport, base_url="http://api") as client,
        ):
            headers = {"authorization": f"Bearer {signer.token()}"}
            response = await client.get(PATH, headers=headers)
        assert response.status_code == 503
        assert response.json()["type"] == "urn:quadrupel:problem:unavailable"
        assert open_streams() == before

    asyncio.run(story())
