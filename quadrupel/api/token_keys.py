"""The public keys that citizens' tokens are verified with, from a file or a URL.

The source is a JWKS document or PEM blocks (public keys or certificates). Each key serves exactly
one algorithm, so a token cannot choose how it is verified.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from jwt import PyJWK, PyJWTError

from quadrupel.core.errors import SettingRefused, TokenKeysUnavailable
from quadrupel.http_urls import http_url

MIN_RSA_BITS = 2048
MAX_SOURCE_BYTES = 1024 * 1024
FETCH_SECONDS = 5.0
"""How long the source may take for the whole document; who shows an unknown key waits for it."""

FRESH_SECONDS = 600.0
"""After this long the keys are read again, in the background."""

REFRESH_SECONDS = 30.0
"""How often unknown keys may make us read the source again, at most."""

log = structlog.get_logger()

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
_NO_KEY = (
    *(PyJWTError, UnsupportedAlgorithm, NotImplementedError),
    *(ValueError, KeyError, TypeError),
)
"""What an entry of a JWKS raises that is no key, or one of a kind that is unknown here."""

_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A public key and the one algorithm it serves. `kid` None: any token may mean it."""

    kid: str | None
    algorithm: str
    public: PublicKey


def read_keys(document: bytes) -> tuple[TokenKey, ...]:
    """The usable keys of a JWKS or PEM document; those for other purposes are left out.

    Raises SettingRefused when there is none, or a private key.
    """
    keys = _from_pem(document) if b"-----BEGIN" in document else _from_jwks(document)
    if not keys:
        raise SettingRefused(
            "QUADRUPEL_JWT_KEYS holds no public key for RS256 (2048 bits or more), ES256 or EdDSA"
        )
    return tuple(keys)


class TokenKeys:
    """The keys of one source, read when they are first needed, and again as they change.

    While the source cannot be read, the keys read last stay in use.
    """

    def __init__(
        self, load: Callable[[], Awaitable[bytes]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._clock = clock
        self._keys: tuple[TokenKey, ...] = ()
        self.version = 0
        """Another number whenever the keys are others."""
        self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def loaded(self) -> bool:
        """Whether there are keys; while there are none, the source is read again by and by."""
        if not self._keys:
            await self._learn_more()
        return bool(self._keys)

    async def find(self, kid: str | None, algorithm: str) -> Sequence[TokenKey]:
        """The keys that a token with this header may be signed with; empty when there are none.

        An unknown key makes the source be read again, every `REFRESH_SECONDS` at most, and is
        waited for while the source is read. Raises TokenKeysUnavailable while no key is known.
        """
        if not self._matching(kid, algorithm):
            await self._learn_more()
        if not self._keys:
            raise TokenKeysUnavailable("no key of citizens' tokens could be read yet")
        self.keep_fresh()
        return self._matching(kid, algorithm)

    def keep_fresh(self) -> None:
        """Have the source read again, in the background, if that was long ago."""
        if self._clock() - self._tried_at >= FRESH_SECONDS:
            self._start_reading()

    async def refresh(self) -> None:
        """Read the source now, or wait for the reading that is under way. Raises nothing."""
        await asyncio.shield(self._start_reading())

    def _matching(self, kid: str | None, algorithm: str) -> list[TokenKey]:
        return [
            key
            for key in self._keys
            if key.algorithm == algorithm and (kid is None or key.kid in (None, kid))
        ]

    async def _learn_more(self) -> None:
        """Wait for the reading that is under way, or for one more if the last was long ago."""
        if self._is_reading() or self._clock() - self._tried_at >= REFRESH_SECONDS:
            await self.refresh()

    def _is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    def _start_reading(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._tried_at = self._clock()
            self._reading = asyncio.get_running_loop().create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        try:
            keys = read_keys(await self._load())
        except (OSError, httpx.HTTPError, SettingRefused) as error:
            reason = str(error) or type(error).__name__
            log.warning("the keys of citizens' tokens cannot be read", error=reason)
            return
        if keys != self._keys:
            self._keys = keys
            self.version += 1


def key_source(setting: str, seconds: float = FETCH_SECONDS) -> Callable[[], Awaitable[bytes]]:
    """How to read the keys that QUADRUPEL_JWT_KEYS names: a URL, within `seconds`, or else a file.

    A file is read once at this moment, so that a wrong one is a SettingRefused at start; so is a
    URL that nobody could ask.
    """
    if setting.startswith(("https://", "http://")):
        try:
            http_url(setting)
        except ValueError as error:
            raise SettingRefused(f"QUADRUPEL_JWT_KEYS: {error}") from error
        return lambda: _fetch(setting, seconds)
    path = Path(setting)
    try:
        read_keys(path.read_bytes())
    except OSError as error:
        raise SettingRefused(
            f"QUADRUPEL_JWT_KEYS is no http(s) URL, and cannot be read as a file: {error.strerror}"
        ) from None
    return lambda: asyncio.to_thread(path.read_bytes)


async def _fetch(url: str, seconds: float) -> bytes:
    """What is there. What is wrong is told without the URL, which may hold a password."""
    body = b""
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(timeout=seconds) as client,
        client.stream("GET", url) as response,
    ):
        if not response.is_success:
            raise SettingRefused(f"QUADRUPEL_JWT_KEYS: its URL answers {response.status_code}")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_SOURCE_BYTES:
                raise SettingRefused(
                    "QUADRUPEL_JWT_KEYS: what is at its URL has more than a megabyte"
                )
    return body


def _from_jwks(document: bytes) -> list[TokenKey]:
    try:
        entries = json.loads(document)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingRefused("QUADRUPEL_JWT_KEYS is neither PEM nor a JWKS document") from error
    keys = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        if "d" in entry:
            raise _private_key()
        try:
            jwk = PyJWK.from_dict(entry)
        except _NO_KEY:
            continue
        key = _token_key(jwk.key_id, jwk.key)
        if key and entry.get("alg", key.algorithm) == key.algorithm:
            keys.append(key)
    return keys


def _from_pem(document: bytes) -> list[TokenKey]:
    keys = []
    for block in _PEM.finditer(document):
        if b"PRIVATE" in block[1]:
            raise _private_key()
        try:
            public: object
            if block[1] == b"CERTIFICATE":
                public = load_pem_x509_certificate(block[0]).public_key()
            else:
                public = load_pem_public_key(block[0])
        except (UnsupportedAlgorithm, ValueError) as error:
            raise SettingRefused(f"QUADRUPEL_JWT_KEYS has a broken PEM block: {error}") from error
        if key := _token_key(None, public):
            keys.append(key)
    return keys


def _token_key(kid: str | None, public: object) -> TokenKey | None:
    match public:
        case RSAPublicKey() if public.key_size >= MIN_RSA_BITS:
            return TokenKey(kid, "RS256", public)
        case EllipticCurvePublicKey() if isinstance(public.curve, SECP256R1):
            return TokenKey(kid, "ES256", public)
        case Ed25519PublicKey():
            return TokenKey(kid, "EdDSA", public)
        case _:
            return None


def _private_key() -> SettingRefused:
    return SettingRefused(
        "QUADRUPEL_JWT_KEYS has a private key: give the API the public ones only, "
        "and replace the private key if anyone else could read it"
    )
