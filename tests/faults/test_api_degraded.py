"""The API on a primary with its streaming replica and Kafka, of which one or all are away.

Every process is real, citizens read all the time, and none of their reads may fail while a database
is there.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from quadrupel import bootstrap, portal
from quadrupel.bus import topics
from quadrupel.bus.kafka import KafkaBus
from quadrupel.config import Settings, read_settings
from quadrupel.portal import Identity
from quadrupel.store import database, keys
from quadrupel.store.read_servers import AGE_FROM_SECONDS
from tests import standby

from .crowd import BANNER, PATH, Api, Crowd, Read, ask_once, front_door, publish
from .nest import wait_for
from .parts import Flow

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

USERS = 20
TELLERS = ("u1", "u2", "u3", "u4", "u5")
SECONDS = 120
NAME = "portal"
SCOPES = ("banners:read", "events:write")


@dataclass
class World:
    """A portal: two servers, a broker, ingest, and what the API needs to start."""

    servers: standby.Pair
    broker: Any
    settings: Settings
    door: dict[str, str]
    identity: Identity
    folder: Path
    key: str

    @property
    def port(self) -> int:
        return int(self.door["QUADRUPEL_API_PORT"])

    def api(self) -> Api:
        """The API, not started yet."""
        return Api(self.door, log=self.folder / "api.log")

    def crowd(self) -> Crowd:
        """Citizens, who do not read yet."""
        return Crowd(self.port, self.identity, USERS)

    @contextlib.contextmanager
    def ingest(self) -> Iterator[Flow]:
        """Ingest in a process of its own."""
        bus = KafkaBus(self.broker.bootstrap, timeout=10)
        with (
            contextlib.closing(bus),
            Flow(self.settings, bus, self.folder / "ingest.log", ("ingest",)) as flow,
        ):
            yield flow

    def ask(self, method: str, path: str, user: str | None = None, **more: Any) -> httpx.Response:
        """One request: of a citizen, or, without one, of a system with a key."""
        credentials = self.identity.token(user, datetime.now(UTC)) if user else self.key
        headers = {"authorization": f"Bearer {credentials}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.request(method, url, headers=headers, timeout=30, trust_env=False, **more)

    def dismiss(self, user: str) -> httpx.Response:
        """A citizen closes the banner."""
        rule, _, episode = BANNER
        told = {"banner": rule, "episode": episode, "action": "dismissed"}
        return self.ask("POST", f"{PATH}/feedback", user, json=told)

    def report(self, identity: str) -> httpx.Response:
        """A system reports an event."""
        event = {"specversion": "1.0", "id": identity, "source": "/s", "type": "t"}
        event |= {"subject": "u1", "time": "2026-11-23T10:00:00Z"}
        return self.ask("POST", "/v1/events", json=event)

    def dismissals(self, server: standby.Postgres) -> dict[str, str]:
        """By user, how often profiles say that the banner was dismissed."""
        count = f"SELECT user_id, banners -> '{BANNER[0]}.dismissed' ->> 'count' FROM profiles"
        return dict(server.ask(count, database=NAME))  # type: ignore[arg-type]


@contextlib.contextmanager
def open_world(broker: Any, folder: Path, url_of: Any) -> Iterator[World]:
    """Set everything up; `url_of` names the database to the processes, of a pair of servers."""
    folder.mkdir(exist_ok=True)
    with standby.pair() as servers:
        servers.primary.ask(f"CREATE DATABASE {NAME}")
        settings = read_settings(
            database_url=url_of(servers), kafka_bootstrap=broker.bootstrap, batch_size=100
        )
        bootstrap.set_up(settings)
        publish(settings.database, USERS)
        engine = database.open_engine(settings.database)
        with database.transaction(engine) as connection:
            _, key = keys.create(connection, "test", SCOPES, bootstrap.now())
        engine.dispose()
        servers.lets_go()
        more = {
            "QUADRUPEL_REPLICA_URL": servers.standby.at(NAME),
            "QUADRUPEL_KAFKA_BOOTSTRAP": broker.bootstrap,
        }
        with front_door(folder, settings.database, **more) as (door, identity):
            yield World(servers, broker, settings, door, identity, folder, key)


def primary_of(servers: standby.Pair) -> str:
    return servers.primary.at(NAME)


def whoever_may_write(servers: standby.Pair) -> str:
    """Both servers, as libpq takes them: the one that takes writes is meant."""
    hosts = ",".join(str(each.folder) for each in (servers.primary, servers.standby))
    query = f"host={quote(hosts, safe='')}&target_session_attrs=read-write"
    return urlsplit(servers.primary.at(NAME))._replace(query=query).geturl()


@pytest.fixture(scope="module")
def broker(kafka_script) -> Iterator[Any]:
    """A broker that the tests of this file stop and start."""
    with kafka_script.Broker() as broker:
        yield broker


@pytest.fixture(scope="module")
def world(broker, tmp_path_factory) -> Iterator[World]:
    """One world and one API for all tests that leave them as they were."""
    folder = tmp_path_factory.mktemp("world")
    with open_world(broker, folder, primary_of) as world, world.api():
        yield world


@pytest.fixture
def outage(full) -> float:
    """How many seconds the primary is away."""
    return 60.0 if full else 10.0


def ages(reads: Sequence[Read]) -> list[int | None]:
    return [each.age for each in reads]


def all_is_read(flow: Flow) -> bool:
    """Whether ingest has all events."""
    return flow.bus.admin().progress(topics.EVENTS, topics.INGEST_GROUP).lag == 0


def are_in_time(crowd: Crowd) -> bool:
    """Whether reads are answered without an age again."""
    return set(ages(crowd.since(time.monotonic() - 1.0))) == {None}


def test_the_primary_is_killed_and_started_again_under_load(world, outage) -> None:
    with world.ingest() as flow, world.crowd() as crowd:
        assert world.dismiss("u6").status_code == 202  # feedback is taken before, too
        wait_for(lambda: world.dismissals(world.servers.primary).get("u6") == "1", SECONDS)
        crowd.wait_for_more()
        assert set(ages(crowd.reads)) == {None}
        world.servers.primary.kill()
        gone = time.monotonic()
        for user in TELLERS * 2:
            assert world.dismiss(user).status_code == 202
        wait_for(lambda: time.monotonic() - gone > outage, SECONDS)
        old = ages(crowd.since(gone + AGE_FROM_SECONDS + 1.0))
        assert crowd.failures == []
        assert len(old) > 50
        assert None not in old
        assert max(old) >= outage - 2
        world.servers.primary.start()
        wanted = dict.fromkeys((*TELLERS, "u6"), "1")
        wait_for(lambda: world.dismissals(world.servers.primary) == wanted, SECONDS)
        for user in TELLERS:
            assert world.dismiss(user).status_code == 202  # told again, and not counted again
        wait_for(lambda: all_is_read(flow), SECONDS)
        wait_for(lambda: are_in_time(crowd), SECONDS)
        assert world.dismissals(world.servers.primary) == wanted
    assert crowd.failures == []


def test_the_replica_is_promoted_under_load(broker, tmp_path, outage) -> None:
    with open_world(broker, tmp_path / "world", whoever_may_write) as world:
        servers = world.servers
        with world.ingest() as flow, world.api(), world.crowd() as crowd:
            crowd.wait_for_more()
            servers.primary.kill()
            gone = time.monotonic()
            for user in TELLERS * 2:
                assert world.dismiss(user).status_code == 202
            wait_for(lambda: time.monotonic() - gone > outage / 2, SECONDS)
            servers.standby.promote()
            wanted = dict.fromkeys(TELLERS, "1")
            wait_for(lambda: world.dismissals(servers.standby) == wanted, SECONDS)
            wait_for(lambda: all_is_read(flow), SECONDS)
            wait_for(lambda: are_in_time(crowd), SECONDS)
            assert world.dismissals(servers.standby) == wanted
        assert crowd.failures == []


def test_without_the_bus_what_is_reported_is_503_and_reads_go_on(world) -> None:
    with world.crowd() as crowd:
        assert world.report("before").status_code == 202
        world.broker.stop()
        try:
            for answer in (world.dismiss("u1"), world.report("meanwhile")):
                assert answer.status_code == 503
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["type"] == "urn:quadrupel:problem:unavailable"
                assert int(answer.headers["retry-after"]) > 0
            crowd.wait_for_more()
        finally:
            world.broker.start()
        wait_for(lambda: world.report("after").status_code == 202, SECONDS)
        wait_for(lambda: world.dismiss("u1").status_code == 202, SECONDS)
    assert crowd.failures == []


def test_without_any_database_reads_are_503_soon_and_come_back_by_themselves(world) -> None:
    assert world.ask("GET", "/v1/users/u7/banners").json()["version"] == 7
    assert world.report("known").status_code == 202
    usual = max(each.seconds for each in many(world, "/livez"))
    world.servers.primary.kill()
    world.servers.standby.kill()
    for _ in range(2):  # as it is noticed, and when it is known
        told = many(world, PATH)
        assert {each.status for each in told} == {503}
        assert {each.headers["content-type"] for each in told} == {"application/problem+json"}
        assert all(int(each.headers["retry-after"]) > 0 for each in told)
        # What it takes beyond what this machine takes for as many answers without a database.
        assert max(each.seconds for each in told) < 1.5 + 3 * usual
    assert world.ask("GET", "/livez").is_success
    assert world.ask("GET", "/readyz").status_code == 503
    assert world.report("still known").status_code == 202  # by its key, held in memory
    world.servers.standby.start()
    # Each process of the API finds out by itself.
    wait_for(lambda: {each.status for each in many(world, PATH)} == {200}, SECONDS)
    wait_for(lambda: {each.status for each in many(world, "/readyz")} == {200}, SECONDS)
    assert all("age" in each.headers for each in many(world, PATH))
    world.servers.primary.start()
    wait_for(lambda: not any("age" in each.headers for each in many(world, PATH)), SECONDS)


@dataclass
class Told:
    """An answer, and how long it took."""

    seconds: float
    status: int
    headers: Mapping[str, str]


def many(world: World, path: str, count: int = 200) -> list[Told]:
    """What so many citizens are answered who ask at the same moment."""

    async def ask(token: str) -> Told:
        began = time.monotonic()
        headers = {"authorization": f"Bearer {token}"}
        status, told, _ = await ask_once(world.port, path, headers)
        return Told(time.monotonic() - began, status, told)

    async def ask_all() -> list[Told]:
        return await asyncio.gather(*map(ask, tokens))

    now = datetime.now(UTC)
    tokens = [world.identity.token(f"u{number}", now) for number in range(count)]
    return asyncio.run(ask_all())


def test_it_starts_with_the_replica_alone(world) -> None:
    world.servers.primary.stop()
    try:
        door = world.door | {"QUADRUPEL_API_PORT": str(portal.free_port(0))}
        alone = replace(world, door=door)
        with alone.api(), alone.crowd() as crowd:
            crowd.wait_for_more()
            assert alone.ask("GET", "/v1/users/u7/banners").json()["version"] == 7
            assert alone.report("alone").status_code == 202
        assert crowd.failures == []
        assert None not in ages(crowd.reads[-50:])
    finally:
        world.servers.primary.start()
