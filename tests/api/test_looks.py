"""Who reads, writes or erases a user's data by a service key is recorded, whatever happens."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import psycopg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from quadrupel import telemetry
from quadrupel.api import looks as looks_module
from quadrupel.api.looks import Looks
from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.core.looks import Look, LookAt
from quadrupel.store.keys import ServiceKey

from .conftest import running

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = ServiceKey("k1", "desk", b"", ("banners:read",), NOW, None, None)


class Table:
    """The table of looks, whose database may be away."""

    def __init__(self) -> None:
        self.saved: list[list[Look]] = []
        self.error: Exception | None = None
        self.asked = 0

    def save(self, made: Sequence[Look]) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.saved.append(list(made))

    @property
    def users(self) -> list[str]:
        return [look.user_id for batch in self.saved for look in batch]


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    monkeypatch.setattr(looks_module, "AGAIN_SECONDS", 0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def test_looks_that_come_together_are_written_together() -> None:
    async def story() -> None:
        table = Table()
        looks = Looks(table.save, lambda: NOW)
        async with looks.running():
            for number in range(5):
                looks.record(KEY, f"u{number}", LookAt.BANNERS)
            assert table.saved == [], "no request waits for the table"
            await until(lambda: not len(looks))
        [batch] = table.saved
        assert [look.user_id for look in batch] == [f"u{number}" for number in range(5)]
        assert batch[0] == Look("u0", NOW, "k1", "", "desk", LookAt.BANNERS)

    asyncio.run(story())


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), RuntimeError("no such table")])
def test_while_they_cannot_be_written_they_are_kept_and_written_later(error: Exception) -> None:
    async def story() -> None:
        table = Table()
        table.error = error
        looks = Looks(table.save, lambda: NOW)
        with capture_logs() as logs:
            async with looks.running():
                looks.record(KEY, "u1", LookAt.BANNERS)
                await until(lambda: table.asked > 3)
                looks.record(KEY, "u2", LookAt.EXPLAIN)
                table.error = None
                await until(lambda: not len(looks))
        assert table.users == ["u1", "u2"]
        said = [each["log_level"] for each in logs]
        assert said.count("warning") == 1, "it is not said again and again"
        assert [each["user"] for each in logs if each["log_level"] == "info"] == ["u1", "u2"]

    asyncio.run(story())


def test_when_no_more_can_be_kept_a_look_is_refused_and_not_made() -> None:
    async def story() -> None:
        table = Table()
        table.error = DatabaseUnavailable("away")
        looks = Looks(table.save, lambda: NOW, limit=2)
        before = REGISTRY.get_sample_value("quadrupel_looks_refused_total")
        with capture_logs() as logs:
            async with looks.running():
                looks.record(KEY, "u1", LookAt.BANNERS)
                looks.record(KEY, "u2", LookAt.BANNERS)
                with pytest.raises(DatabaseUnavailable, match="2 looks"):
                    looks.record(KEY, "u3", LookAt.BANNERS)
                table.error = None
                await until(lambda: not len(looks))
                looks.record(KEY, "u4", LookAt.BANNERS)
        assert table.users == ["u1", "u2", "u4"]
        assert [each["user"] for each in logs if "user" in each] == ["u1", "u2", "u4"]
        assert REGISTRY.get_sample_value("quadrupel_looks_refused_total") == before + 1

    asyncio.run(story())


def test_a_process_that_is_stopped_writes_what_is_left() -> None:
    async def story() -> None:
        table = Table()
        looks = Looks(table.save, lambda: NOW)
        async with looks.running():
            looks.record(KEY, "u1", LookAt.CONTACTS)
        assert table.users == ["u1"]

    asyncio.run(story())


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), RuntimeError("no such table")])
def test_a_process_that_is_stopped_and_cannot_says_how_many_are_in_its_log_only(error) -> None:
    async def story() -> None:
        table = Table()
        table.error = error
        looks = Looks(table.save, lambda: NOW)
        with capture_logs() as logs:
            async with looks.running():
                looks.record(KEY, "u1", LookAt.CONTACTS)
                looks.record(KEY, "u2", LookAt.CONTACTS)
        [lost] = [each for each in logs if each["log_level"] == "error"]
        assert lost["looks"] == 2

    asyncio.run(story())


@pytest.mark.parametrize("level", ["info", "error"])
def test_a_look_is_in_the_log_whatever_is_too_unimportant_to_log(level: str, capsys) -> None:
    telemetry.configure_logs("json", level)

    async def story() -> None:
        Looks(Table().save, lambda: NOW).record(KEY, "u1", LookAt.BANNERS)

    asyncio.run(story())
    said = json.loads(capsys.readouterr().err)
    assert (said["user"], said["key"], said["level"]) == ("u1", "k1", "info")


def recorded(api, user_id: str, count: int) -> list[tuple]:
    """What the table has of the user, as soon as it is so many rows."""
    deadline = time.monotonic() + 20
    query = "SELECT key_id, key_name, route, request_id FROM looks WHERE user_id = %s ORDER BY at"
    while True:
        with psycopg.connect(api.database_url) as connection:
            rows = connection.execute(query, [user_id]).fetchall()
        if len(rows) >= count or time.monotonic() > deadline:
            return rows
        time.sleep(0.02)


def test_every_route_that_names_a_user_records_who_looked(api) -> None:
    _, key_id, _ = api.full_key.split("_", 2)
    url = "/v1/users/watched"
    responses = [
        api.client.get(f"{url}/banners", headers=api.service | {"x-request-id": "look-1"}),
        api.client.head(f"{url}/banners", headers=api.service),
        api.client.get(f"{url}/explain", headers=api.service),
        api.client.put(f"{url}/contacts", json={}, headers=api.service),
    ]
    tag = {"if-none-match": responses[0].headers["etag"]}
    responses.append(api.client.get(f"{url}/banners", headers=api.service | tag))
    assert [each.status_code for each in responses] == [200, 200, 200, 204, 304]
    rows = recorded(api, "watched", 5)
    routes = ["banners", "banners", "explain", "contacts", "banners"]
    assert [row[:3] for row in rows] == [(key_id, "test", route) for route in routes]
    assert [row[3] for row in rows] == [each.headers["x-request-id"] for each in responses]
    assert rows[0][3] == "look-1"
    named = {path for path in api.client.get("/openapi.json").json()["paths"] if "user_id" in path}
    assert named == {f"/v1/users/{{user_id}}/{route}" for route in routes}


def test_who_erases_is_recorded_and_who_reports_is_not(api) -> None:
    event = {
        "specversion": "1.0",
        "source": "/s",
        "subject": "erased",
        "time": "2026-11-23T10:00:00Z",
    }
    types = ("user.registered", "user.erased", "document.issued")
    batch = [event | {"id": type_, "type": type_} for type_ in types]
    headers = api.service | {"x-request-id": "erase-1"}
    assert api.client.post("/v1/events", json=batch[:1], headers=headers).status_code == 202
    bad = [*batch, {"id": "no event"}]
    assert api.client.post("/v1/events", json=bad, headers=headers).status_code == 422
    assert api.client.post("/v1/events", json=batch, headers=headers).status_code == 202
    assert [row[1:] for row in recorded(api, "erased", 1)] == [("test", "erasure", "erase-1")]


def test_who_is_not_let_in_or_looks_at_nobody_else_is_not_recorded(api) -> None:
    url, own = "/v1/users/unwatched/banners", api.bearer(api.signer.token("unwatched"))
    assert api.client.get(url).status_code == 401
    assert api.client.get(url, headers=own).status_code == 401
    other = api.bearer(api.create_key("events:write"))
    assert api.client.get(url, headers=other).status_code == 403
    assert api.client.get(f"{url}?wait=x", headers=api.service).status_code == 422
    assert api.client.get("/v1/me/banners", headers=own).status_code == 200
    assert api.client.get("/v1/users/a%20b/banners", headers=api.service).status_code == 422
    assert api.client.get("/v1/users/after-them/banners", headers=api.service).status_code == 200
    assert len(recorded(api, "after-them", 1)) == 1
    assert recorded(api, "unwatched", 0) == []


def test_looks_while_the_primary_is_stopped_are_in_the_table_when_it_is_back(
    pair, pair_urls, signer, tmp_path
) -> None:
    primary, replica = pair_urls
    with running(primary, signer, tmp_path, replica) as api:
        pair.lets_go()
        pair.primary.stop()
        responses = [
            api.client.get(f"/v1/users/{user}/banners", headers=api.service)
            for user in ("watched", "watched", "another")
        ]
        pair.lets_go()
        assert [each.status_code for each in responses] == [200, 200, 200]
        requests = [each.headers["x-request-id"] for each in responses]
        assert [row[3] for row in recorded(api, "watched", 2)] == requests[:2]
        assert [row[3] for row in recorded(api, "another", 1)] == requests[2:]
