import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from quadrupel.api.token_keys import (
    FRESH_SECONDS,
    MAX_SOURCE_BYTES,
    REFRESH_SECONDS,
    TokenKeys,
    key_source,
    read_keys,
)
from quadrupel.core.errors import SettingRefused, TokenKeysUnavailable


def pem(key) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def certificate(key) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_pem_blocks_and_certificates_serve_one_algorithm_each(signer) -> None:
    blocks = [signer.public_pem(name) for name in ("RS256", "ES256", "EdDSA")]
    keys = read_keys(
        b"# the portal's\n" + b"\n".join([*blocks, certificate(signer.private["ES256"])])
    )
    assert [key.algorithm for key in keys] == ["RS256", "ES256", "EdDSA", "ES256"]
    assert all(key.kid is None for key in keys)


def test_a_jwks_keeps_its_kids_and_leaves_out_what_is_for_something_else(signer) -> None:
    entries = signer.jwks()["keys"]
    others = [
        {**entries[0], "use": "enc", "kid": "encryption"},
        {**entries[1], "alg": "PS256", "kid": "pss"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
        {"kty": "EC", "crv": "P-256", "x": "?", "y": "?", "kid": "broken"},
        {"kty": "quantum", "kid": "unknown"},
        {"kty": "oct", "kid": "empty"},
        {"kty": "RSA", "alg": "none", "kid": "unsigned"},
        {"kty": "RSA", "alg": ["RS256"], "kid": "list"},
        "not an object",
    ]
    keys = read_keys(json.dumps({"keys": [*others, *entries]}).encode())
    assert [(key.kid, key.algorithm) for key in keys] == [
        ("ES256", "ES256"),
        ("RS256", "RS256"),
        ("EdDSA", "EdDSA"),
    ]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "neither PEM nor a JWKS"),
        (b"\xff", "neither PEM nor a JWKS"),
        (b"[]", "neither PEM nor a JWKS"),
        (b"[" * 100_000, "neither PEM nor a JWKS"),
        (b'{"keys": 1}', "no public key"),
        (b'{"keys": []}', "no public key"),
        (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "no public key"),
        (b'{"keys": [{"kty": "RSA", "d": "x"}]}', "private key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "broken PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "private key"),
        (pem(rsa.generate_private_key(65537, 1024)), "no public key"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "no public key"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_document_without_usable_keys_names_the_setting(document: bytes, says: str) -> None:
    with pytest.raises(SettingRefused, match=f"QUADRUPEL_JWT_KEYS.*{says}"):
        read_keys(document)


@pytest.mark.parametrize("name", ["none.json", "htps://us:geheim@login/jwks.json", "geheim" * 99])
def test_a_file_that_is_wrong_is_an_error_at_start(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingRefused, match=r"QUADRUPEL_JWT_KEYS.*cannot be read") as refused:
        key_source(str(tmp_path / name))
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://login:x/jwks.json", "https://login:99999/", "https://"])
def test_a_url_that_nobody_could_ask_is_an_error_at_start(url: str) -> None:
    with pytest.raises(SettingRefused, match="QUADRUPEL_JWT_KEYS"):
        key_source(url)


class Source:
    """A source of keys that counts its readings, and the time that passes."""

    def __init__(self, document: Callable[[], bytes]) -> None:
        self.document = document
        self.readings = 0
        self.time = 0.0

    async def load(self) -> bytes:
        self.readings += 1
        await asyncio.sleep(0)
        return self.document()


def test_unknown_keys_make_the_source_be_read_again_but_not_often(signer) -> None:
    async def story() -> None:
        source = Source(lambda: json.dumps(signer.jwks()).encode())
        keys = TokenKeys(source.load, lambda: source.time)
        assert await keys.loaded()
        for _ in range(100):
            assert await keys.find("unknown", "ES256") == []
        assert source.readings == 1
        source.time += REFRESH_SECONDS
        asked = [keys.find("unknown", "ES256") for _ in range(100)]
        assert await asyncio.gather(*asked) == [[]] * 100
        assert source.readings == 2

    asyncio.run(story())


def test_a_rotated_key_is_found_at_once_and_the_old_one_is_forgotten(signer) -> None:
    async def story() -> None:
        new = type(signer)()
        documents = [signer.jwks(), {"keys": [{**new.jwks()["keys"][0], "kid": "new"}]}]
        source = Source(lambda: json.dumps(documents[source.readings - 1]).encode())
        keys = TokenKeys(source.load, lambda: source.time)
        assert len(await keys.find("ES256", "ES256")) == 1
        source.time += REFRESH_SECONDS
        assert len(await keys.find("new", "ES256")) == 1
        assert await keys.find("ES256", "ES256") == []

    asyncio.run(story())


def test_all_who_show_a_rotated_key_wait_for_the_reading_that_is_under_way(signer) -> None:
    async def story() -> None:
        new = type(signer)()
        documents = [signer.jwks(), {"keys": [{**new.jwks()["keys"][0], "kid": "new"}]}]
        source = Source(lambda: json.dumps(documents[source.readings - 1]).encode())
        keys = TokenKeys(source.load, lambda: source.time)
        await keys.loaded()
        source.time += REFRESH_SECONDS
        found = await asyncio.gather(*[keys.find("new", "ES256") for _ in range(5)])
        assert [len(each) for each in found] == [1] * 5
        assert source.readings == 2

    asyncio.run(story())


def test_without_any_key_no_token_is_judged(signer) -> None:
    async def story() -> None:
        def document() -> bytes:
            if source.readings < 2:
                raise OSError("away")
            return json.dumps(signer.jwks()).encode()

        source = Source(document)
        keys = TokenKeys(source.load, lambda: source.time)
        for _ in range(2):
            with pytest.raises(TokenKeysUnavailable):
                await keys.find("ES256", "ES256")
        assert source.readings == 1
        source.time += REFRESH_SECONDS
        assert len(await keys.find("ES256", "ES256")) == 1

    asyncio.run(story())


def test_keys_stay_in_use_while_the_source_is_away(signer) -> None:
    async def story() -> None:
        def document() -> bytes:
            if source.readings > 1:
                raise OSError("away")
            return json.dumps(signer.jwks()).encode()

        source = Source(document)
        keys = TokenKeys(source.load, lambda: source.time)
        assert len(await keys.find("ES256", "ES256")) == 1
        source.time += FRESH_SECONDS
        assert len(await keys.find("ES256", "ES256")) == 1
        await asyncio.sleep(0.01)
        assert source.readings == 2
        assert len(await keys.find("ES256", "ES256")) == 1

    asyncio.run(story())


def test_a_key_without_a_kid_serves_any_token_of_its_algorithm(signer) -> None:
    async def story() -> None:
        async def load() -> bytes:
            return signer.public_pem("ES256")

        keys = TokenKeys(load)
        assert len(await keys.find("any", "ES256")) == 1
        assert len(await keys.find(None, "ES256")) == 1
        assert await keys.find(None, "RS256") == []

    asyncio.run(story())


def test_a_source_that_trickles_is_given_up(signer) -> None:
    async def story() -> None:
        given_up = asyncio.Event()

        async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with contextlib.suppress(ConnectionError), contextlib.closing(writer):
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.02)
            given_up.set()

        server = await asyncio.start_server(trickle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        keys = TokenKeys(key_source(f"http://127.0.0.1:{port}/jwks.json", seconds=0.2))
        async with asyncio.timeout(5):
            assert not await keys.loaded()
            await given_up.wait()
        server.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "503"),
        (b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "302"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_SOURCE_BYTES + 1), "more than a megabyte"),
        (b"HTTP/1.1 200 OK\r\n\r\n{", "neither PEM nor a JWKS"),
        (b"nonsense\r\n\r\n", "illegal"),
    ],
    ids=["503", "302", "large", "nonsense inside", "nonsense"],
)
def test_why_a_url_gives_no_keys_is_told_without_its_password_and_query(
    answer: bytes, says: str
) -> None:
    async def story() -> None:
        async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError), contextlib.closing(writer):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                await writer.drain()

        server = await asyncio.start_server(respond, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        keys = TokenKeys(key_source(f"http://us:geheim@127.0.0.1:{port}/jwks.json?key=geheim"))
        assert not await keys.loaded()
        server.close()

    with capture_logs() as logs:
        asyncio.run(story())
    [told] = logs
    assert says in told["error"]
    assert "geheim" not in str(told)
