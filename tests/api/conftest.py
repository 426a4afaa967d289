"""The API as it runs: a real server on a real database, with the bus in memory."""

import asyncio
import contextlib
import json
import threading
import time
import uuid
import zoneinfo
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from granian.constants import Interfaces
from granian.server.embed import Server
from psycopg import sql
from psycopg.types.json import Jsonb

from quadrupel.api.app import create_app
from quadrupel.api.banner_texts import BannerTexts
from quadrupel.api.token_keys import TokenKeys, key_source
from quadrupel.api.unsubscribe import Unsubscribing
from quadrupel.bus import topics
from quadrupel.channels.unsubscribing import UnsubscribeTokens
from quadrupel.config import migrations_folder
from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.core.contacts import Contact
from quadrupel.core.looks import Look
from quadrupel.core.ports import Message, Topic
from quadrupel.core.positions import Position
from quadrupel.core.profiles import Feeds
from quadrupel.core.refusals import Wishes
from quadrupel.portal import free_port
from quadrupel.rules.placements import Placement
from quadrupel.rules.rule import Banner
from quadrupel.store import banner_news, contacts, database, keys, looks, migrations, refusals
from quadrupel.store.banner_news import BannerNews
from quadrupel.store.read_pool import new_pool
from quadrupel.store.read_servers import NEAR_SECONDS, ReadServers
from quadrupel.testing import MemoryBus

from .routes import UNSUBSCRIBE_TOKENS

ISSUER = "https://login.portal.example"
NOWHERE = "postgresql://127.0.0.1:1/none"
AUDIENCE = "quadrupel"
SCOPES = ("banners:read", "events:write", "contacts:write", "explain:read")

TEXTS = BannerTexts(
    {
        "licence_expiring": Banner(
            "main",
            80,
            "/services/licence",
            {
                "en": "Renew your licence by {licence_expires}",
                "ru": "Обновите права до {licence_expires}",
            },
            {"en": "It costs {fee}.", "ru": "Это стоит {fee}."},
        ),
        "birthday": Banner("side", 10, "/", {"en": "Happy birthday!", "ru": "С днём!"}, {}),
        "summons": Banner("main", 1, "/court", {"en": "A court", "ru": "Суд"}, {}, must_show=True),
    },
    {"licence_expires": Type.DATE, "fee": Type.DECIMAL},
    {
        "main": Placement("main", "The top", {"web": 3, "ios": 1}),
        "side": Placement("side", "Beside it", {"web": 2}),
        "app": Placement("app", "The first screen", {"ios": 1}),
    },
    "texts-1",
)

FEEDS = Feeds(
    Schema(
        {
            "licence_expires": Attribute(
                "licence_expires",
                Type.DATE,
                "When the licence runs out",
                (Feed(Operation.LATEST, "document.issued", field="expires"),),
            )
        }
    )
)


@dataclass(frozen=True)
class Signer:
    """The portal's login: one private key per algorithm."""

    private: Mapping[str, Any] = field(
        default_factory=lambda: {
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "RS256": rsa.generate_private_key(65537, 2048),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }
    )

    def jwks(self) -> dict[str, Any]:
        documents = []
        for name, key in self.private.items():
            algorithm = jwt.get_algorithm_by_name(name)
            entry = algorithm.to_jwk(key.public_key(), as_dict=True)
            documents.append(entry | {"kid": name, "alg": name, "use": "sig"})
        return {"keys": documents}

    def public_pem(self, algorithm: str) -> bytes:
        pem: bytes = (
            self.private[algorithm]
            .public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        return pem

    def token(
        self,
        user_id: str = "u1",
        algorithm: str = "ES256",
        kid: str | None = None,
        without: Sequence[str] = (),
        **claims: object,
    ) -> str:
        expires = datetime.now(UTC) + timedelta(minutes=5)
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "exp": expires}
        chosen = {name: each for name, each in (usual | claims).items() if name not in without}
        return jwt.encode(
            chosen, self.private[algorithm], algorithm, headers={"kid": kid or algorithm}
        )


@dataclass
class Api:
    """A running API, and the world around it."""

    client: httpx.Client
    database_url: str
    bus: MemoryBus
    signer: Signer
    routes: Sequence[tuple[str, frozenset[str]]] = ()
    full_key: str = ""

    def bearer(self, credentials: str) -> dict[str, str]:
        return {"authorization": f"Bearer {credentials}"}

    @property
    def service(self) -> dict[str, str]:
        """The header of a key with every scope."""
        return self.bearer(self.full_key)

    def create_key(
        self, *scopes: str, expires_at: datetime | None = None, revoked: bool = False
    ) -> str:
        now = datetime.now(UTC)
        engine = database.open_engine(self.database_url)
        with database.transaction(engine) as connection:
            key, text = keys.create(connection, "test", scopes, now, expires_at)
            if revoked:
                keys.revoke(connection, key.key_id, now)
        engine.dispose()
        return text

    def publish(
        self,
        user_id: str,
        version: int,
        *banners: Sequence[Any],
        contains: Position | None = None,
    ) -> None:
        with psycopg.connect(self.database_url) as connection:
            connection.execute(
                "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
                " rule_set, banners, updated_at, event_partition, event_offset)"
                " VALUES (%s, %s, 1, '2026-11-23', now(), 'r', %s, now(), %s, %s)"
                " ON CONFLICT (user_id) DO UPDATE"
                " SET version = excluded.version, banners = excluded.banners,"
                " event_partition = excluded.event_partition, event_offset = excluded.event_offset",
                (
                    user_id,
                    version,
                    Jsonb([list(banner) for banner in banners]),
                    *(contains or (None, None)),
                ),
            )
            for told in banner_news.payloads({user_id: version}, datetime.now(UTC)):
                connection.execute("SELECT pg_notify(%s, %s)", [banner_news.CHANNEL, told])

    def messages(self, user_id: str) -> list[Message]:
        """The events of the user that are on the bus."""
        partitions = self.bus.topics[topics.EVENTS]
        key = user_id.encode()
        return [message for each in partitions for message in each if message.key == key]


def nobody_chooses(*_: object) -> Wishes:
    raise AssertionError


def application(**given: Any) -> FastAPI:
    """The application without databases, on a bus in memory, unless the arguments say otherwise."""
    parts: dict[str, Any] = {
        "reads": ReadServers(new_pool(NOWHERE)),
        "news": BannerNews(NOWHERE),
        "open_producer": MemoryBus().producer,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "texts": lambda: TEXTS,
        "feeds": lambda: FEEDS,
        "save_contact": lambda *_: None,
        "save_looks": lambda _: None,
        "explain_user": lambda *_: {},
        "unsubscribing": Unsubscribing(UnsubscribeTokens(()), lambda _: Wishes(), nobody_chooses),
        "languages": ("en", "ru"),
        "zone": zoneinfo.ZoneInfo("UTC"),
        "now": lambda: datetime.now(UTC),
    }
    return create_app(**parts | given)


@contextlib.contextmanager
def running(
    api_database: str,
    signer: Signer,
    folder: Path,
    replica: str | None = None,
    near: float = NEAR_SECONDS,
    **more: Any,
) -> Iterator[Api]:
    """A server on a free port, for as long as the block; it reads from the replica, if any.

    `near`: how many seconds that may be behind. `more` are further arguments of `create_app`.
    """
    replica_pool = new_pool(replica, 4) if replica else None
    bus = MemoryBus()
    bus.admin().create([Topic(topics.EVENTS, 3)])
    key_file = folder / "jwks.json"
    key_file.write_text(json.dumps(signer.jwks()))
    engine = database.open_engine(api_database)
    at_stop: list[Callable[[], None]] = []

    def save_contact(contact: Contact, until: float) -> None:
        with database.transaction(engine, until) as connection:
            contacts.save(connection, [contact], datetime.now(UTC))

    def save_looks(made: Sequence[Look]) -> None:
        with database.transaction(engine) as connection:
            looks.save(connection, made)

    def find_wishes(user_id: str) -> Wishes:
        with database.transaction(engine) as connection:
            return refusals.wishes(connection, user_id, "email")

    def change_wishes(user_id: str, kind: str, refuse: bool) -> Wishes:
        with database.transaction(engine) as connection:
            now = datetime.now(UTC)
            return refusals.choose(connection, user_id, "email", kind, now, refuse=refuse)

    more = {"unsubscribing": Unsubscribing(UNSUBSCRIBE_TOKENS, find_wishes, change_wishes)} | more
    app = application(
        reads=ReadServers(new_pool(api_database, 4), replica_pool, near),
        news=BannerNews(api_database),
        open_producer=bus.producer,
        token_keys=TokenKeys(key_source(str(key_file))),
        save_contact=save_contact,
        save_looks=save_looks,
        on_stop=at_stop.append,
        **more,
    )
    port = free_port(0)
    stop = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(serve(app, port, stop, at_stop),))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            wait_until_ready(client)
            contexts = iter_route_contexts(app.routes)
            routes = [(each.path, frozenset(each.methods)) for each in contexts]
            api = Api(client, api_database, bus, signer, routes)
            api.full_key = api.create_key(*SCOPES)
            yield api
    finally:
        stop.set()
        thread.join()
        engine.dispose()


async def serve(
    app: FastAPI, port: int, stop: threading.Event, at_stop: Sequence[Callable[[], None]]
) -> None:
    server = Server(app, port=port, interface=Interfaces.ASGI, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    while not stop.is_set():
        await asyncio.sleep(0.05)
    for each in at_stop:
        each()
    server.stop()
    await serving


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/readyz").is_success:
                return
        time.sleep(0.05)
    raise TimeoutError("the API did not get ready")


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="session")
def api_database(postgres_url: str) -> Iterator[str]:
    name = f"api_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        migrations.migrate(url, migrations_folder())
        yield url
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def api(
    api_database: str, signer: Signer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """One server for all tests: tell users and keys apart."""
    with running(api_database, signer, tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture
def own_api(api_database: str, signer: Signer, tmp_path: Path) -> Iterator[Api]:
    """A server for one test, which may break its world."""
    with running(api_database, signer, tmp_path) as api:
        yield api
