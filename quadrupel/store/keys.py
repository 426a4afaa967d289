"""Service keys: what a system other than a citizen's browser shows to the API.

A key is `qk_ID_SECRET`. The secret has 256 random bits and only its SHA-256 is stored: a guess is
hopeless, so no slow hash is needed, and a stolen table opens nothing.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from psycopg.rows import class_row

from quadrupel.core.errors import DatabaseUnavailable, NotFound
from quadrupel.store.read_order import Source
from quadrupel.store.read_servers import ReadServers
from quadrupel.store.tables import api_keys

_KEY = re.compile(r"qk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A key as stored. Times are aware, in UTC."""

    key_id: str
    name: str
    secret_hash: bytes
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def holds(self, secret: str, now: datetime) -> bool:
        """Whether the secret is this key's, and the key neither expired nor revoked."""
        same = secrets.compare_digest(_hash(secret), self.secret_hash)
        return same and self.revoked_at is None and (not self.expires_at or now < self.expires_at)


def split_key(text: str) -> tuple[str, str] | None:
    """The id and the secret in a key; None if the text is no key."""
    found = _KEY.fullmatch(text)
    return (found[1], found[2]) if found else None


def create(
    connection: sa.Connection,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ServiceKey, str]:
    """Store a new key. The text of the key is returned this once and nowhere kept."""
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    key = ServiceKey(key_id, name, _hash(secret), sorted(set(scopes)), now, expires_at, None)
    connection.execute(
        api_keys.insert().values(
            key_id=key.key_id,
            name=key.name,
            secret_hash=key.secret_hash,
            scopes=key.scopes,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )
    return key, f"qk_{key_id}_{secret}"


def every(connection: sa.Connection) -> list[ServiceKey]:
    """All keys, revoked and expired ones too, the oldest first."""
    rows = connection.execute(
        sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)
    )
    return [ServiceKey(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def revoke(connection: sa.Connection, key_id: str, now: datetime) -> None:
    """Revoke a key; one that is revoked stays so. NotFound if there is none."""
    query = (
        api_keys.update()
        .where(api_keys.c.key_id == key_id)
        .values(revoked_at=sa.func.coalesce(api_keys.c.revoked_at, now))
    )
    if connection.execute(query).rowcount == 0:
        raise NotFound(f"there is no key {key_id}; `quadrupel keys list` shows them all")


async def find(servers: ReadServers, key_id: str) -> ServiceKey | None:
    """The key of that id; None if there is none.

    The primary is asked, so that a revoked key ends in time, and the replica while it is away.
    Raises DatabaseUnavailable, also where the replica does not have the key: it may be too new.
    """
    answer = await servers.fetch_all(
        "SELECT key_id, name, secret_hash, scopes, created_at, expires_at, revoked_at"
        " FROM api_keys WHERE key_id = %s",
        (key_id,),
        class_row(ServiceKey),
        newest=True,
    )
    if not answer.rows and answer.source is Source.REPLICA:
        raise DatabaseUnavailable("the replica does not have the key, and the primary is away")
    return next(iter(answer.rows), None)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
