"""`GET /v1/users/{user_id}/explain`: who may look, what is answered, and that it is logged."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import structlog
from fastapi import FastAPI

from quadrupel.api.explain import explained, routes
from quadrupel.api.looks import Looks
from quadrupel.api.problems import handle_errors
from quadrupel.core.events import Event
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.rules import catalogue
from quadrupel.store import database, schema
from quadrupel.store.keys import ServiceKey
from quadrupel.store.profiles import ProfileStore

RULES = Path(__file__).parents[2] / "rules"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)


class Client:
    """Asks the application itself, without a server."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)

    def get(self, path: str, params: dict | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://api") as api:
                return await api.get(path, params=params)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def rule_set():
    return catalogue.load(RULES)


@pytest.fixture
def client(engine, rule_set):
    profile = Profile("u1")
    issued = Event(
        "e1",
        "/registry",
        "fine.issued",
        "u1",
        NOW,
        {"amount": 500, "due": "2026-11-22", "discount_until": "2026-12-01"},
    )
    fold(profile, arrived([issued], TODAY), Feeds(rule_set.schema))
    with database.transaction(engine) as connection:
        schema.apply(connection, rule_set.schema, NOW)
        ProfileStore(rule_set.schema).write(connection, [profile], NOW)

    def explain(user_id, rule, as_of):
        with database.transaction(engine) as connection:
            return explained(connection, rule_set, user_id, rule, as_of or TODAY, ZoneInfo("UTC"))

    async def service() -> ServiceKey:
        return ServiceKey("k1", "support", b"", ("explain:read",), NOW, None, None)

    app = FastAPI()
    app.include_router(routes(explain, service, Looks(lambda _: None, lambda: NOW)))
    handle_errors(app)
    return Client(app)


def test_a_rule_is_explained_with_the_event_that_brought_its_input(client):
    answer = client.get("/v1/users/u1/explain", params={"rule": "fine_overdue"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    (rule,) = answer.json()["rules"]
    assert rule["verdict"] == "match"
    due = next(each for each in rule["inputs"] if each["attribute"] == "fine_due")
    assert (due["value"], due["event"]) == ("2026-11-22", "fine.issued")
    assert due["time"] == "2026-11-20T09:30:00Z"


def test_what_becomes_of_a_banner_is_explained(client):
    (rule,) = client.get("/v1/users/u1/explain?rule=fine_overdue").json()["rules"]
    assert rule["banner"] == {
        "placement": "main",
        "clients": ["web", "ios", "android"],
        "losses": [],
        "variant": None,
        "dismissed": None,
    }
    (rule,) = client.get("/v1/users/u1/explain?rule=birthday").json()["rules"]
    assert rule["banner"] is None


def test_another_day_is_explained_on_demand(client):
    params = {"rule": "fine_overdue", "as_of": "2026-11-22"}
    with structlog.testing.capture_logs() as logs:
        answer = client.get("/v1/users/u1/explain", params=params).json()
    assert [each["as_of"] for each in logs if "as_of" in each] == ["2026-11-22"]
    assert answer["as_of"] == "2026-11-22"
    assert answer["rules"][0]["verdict"] == "no_match"
    assert answer["rules"][0]["deadline"] == "2026-11-23"
    assert answer["rules"][0]["deadline_is_exact"] is True
    assert answer["rules"][0]["because"] == ["user.fine_due < today is false"]


def test_without_a_rule_all_are_explained(client, rule_set):
    answer = client.get("/v1/users/u1/explain").json()
    assert [each["rule"] for each in answer["rules"]] == list(rule_set.rules)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/users/nobody/explain", 404),
        ("/v1/users/u1/explain?rule=no_such_rule", 404),
        *(
            (f"/v1/users/u1/explain?as_of={day}", 422)
            for day in (
                "yesterday",
                "",
                "0",
                "1700000000",
                "2026-11-31",
                "2026-11-23T00:00:00",
                "20261123",
                "2026-11-23%00",
                "٢٠٢٦-11-23",
                "-026-11-23",
            )
        ),
        ("/v1/users/a%20b/explain", 422),
    ],
)
def test_what_does_not_exist_or_means_nothing_is_a_problem(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_each_look_is_logged_with_the_key_that_looked(client):
    with structlog.testing.capture_logs() as logs:
        client.get("/v1/users/u1/explain", params={"rule": "fine_overdue"})
        client.get("/v1/users/nobody/explain")
    looks = [each for each in logs if each["event"] == "a user was looked at"]
    assert [(each["key"], each["user"], each["rule"]) for each in looks] == [
        ("k1", "u1", "fine_overdue"),
        ("k1", "nobody", None),
    ]


def test_an_erased_user_is_explained_as_an_unknown_one(client, engine):
    with database.transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE profiles SET erased = true")
    gone, unknown = client.get("/v1/users/u1/explain"), client.get("/v1/users/u2/explain")
    assert (gone.status_code, unknown.status_code) == (404, 404)
    assert gone.text.replace("u1", "u2") == unknown.text
