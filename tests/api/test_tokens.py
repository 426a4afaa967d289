"""Tokens are remembered, and never longer than they are to work."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import jwt
import pytest
import time_machine

from quadrupel.api.token_keys import FRESH_SECONDS, TokenKeys
from quadrupel.api.tokens import LEEWAY_SECONDS, REMEMBERED_SECONDS, RememberedUsers, Tokens
from quadrupel.core.errors import NotAuthenticated


class World:
    """A source of keys, the time that passes, and how often a signature was looked at."""

    def __init__(self, signer, limit: int = 10) -> None:
        self.began = int(time.time())
        self.passed = 0.0
        self.documents = [signer.jwks()]
        self.keys = TokenKeys(self.load, lambda: self.passed)
        self.tokens = Counting(self, limit)

    async def load(self) -> bytes:
        return json.dumps(self.documents[-1]).encode()

    def withdraw(self, kid: str) -> None:
        kept = [each for each in self.documents[-1]["keys"] if each["kid"] != kid]
        self.documents.append({"keys": kept})

    async def user_of(self, token: str) -> tuple[str, bool]:
        """The token's user, and whether it was remembered."""
        before = self.tokens.verified
        return await self.tokens.user_of(token), self.tokens.verified == before


class Counting(Tokens):
    def __init__(self, world: World, limit: int) -> None:
        super().__init__(
            world.keys,
            "https://login.portal.example",
            "quadrupel",
            now=lambda: world.began + world.passed,
            clock=lambda: world.passed,
            limit=limit,
        )
        self.verified = 0

    def _claims(self, token, key):
        self.verified += 1
        return super()._claims(token, key)


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


@pytest.mark.parametrize(
    ("holds", "later", "remembered"),
    [
        (3600, 0, True),
        (3600, REMEMBERED_SECONDS - 1, True),
        (3600, REMEMBERED_SECONDS, False),
        (30, 30, True),  # expired, and within the leeway
        (30, 30 + LEEWAY_SECONDS - 0.1, True),
        (30, 30 + LEEWAY_SECONDS, False),
        (REMEMBERED_SECONDS, REMEMBERED_SECONDS, False),
        (-5, 0, True),  # verified within the leeway
        (-5, LEEWAY_SECONDS - 5.1, True),
        (-5, LEEWAY_SECONDS - 5, False),
    ],
)
def test_a_token_is_remembered_no_longer_than_it_holds_and_a_minute_at_most(
    signer, holds: float, later: float, remembered: bool
) -> None:
    async def story() -> None:
        world = World(signer)
        await world.keys.refresh()
        token = signer.token("u7", exp=world.began + holds)
        assert await world.user_of(token) == ("u7", False)
        world.passed = later
        assert await world.user_of(token) == ("u7", remembered)

    play(story)


def test_a_token_that_expired_within_the_memory_is_refused(signer) -> None:
    async def story() -> None:
        world = World(signer)
        await world.keys.refresh()
        token = signer.token(exp=world.began + 20)
        assert await world.user_of(token) == ("u1", False)
        assert await world.user_of(token) == ("u1", True)
        world.passed = 20 + LEEWAY_SECONDS
        with (
            time_machine.travel(world.began + world.passed, tick=False),  # for the library
            pytest.raises(NotAuthenticated, match="expired"),
        ):
            await world.user_of(token)

    play(story)


def test_the_remembered_user_is_the_one_of_the_token(signer) -> None:
    async def story() -> None:
        world = World(signer)
        await world.keys.refresh()
        tokens = {f"u{number}": signer.token(f"u{number}") for number in range(8)}
        for remembered in (False, True):
            for user, token in tokens.items():
                assert await world.user_of(token) == (user, remembered)

    play(story)


def test_a_withdrawn_key_stops_working_as_soon_as_the_new_key_set_is_read(signer) -> None:
    async def story() -> None:
        world = World(signer)
        await world.keys.refresh()
        token, other = signer.token(algorithm="ES256"), signer.token(algorithm="EdDSA")
        for each in (token, other, token, other):
            await world.user_of(each)
        world.withdraw("ES256")
        assert await world.user_of(token) == ("u1", True)  # nobody knows of it yet
        await world.keys.refresh()
        with pytest.raises(NotAuthenticated, match="known here"):
            await world.user_of(token)
        assert await world.user_of(other) == ("u1", False)

    play(story)


def test_remembered_tokens_do_not_keep_the_keys_from_being_read_again(signer) -> None:
    async def story() -> None:
        world = World(signer)
        await world.keys.refresh()
        token = signer.token(exp=world.began + 2 * FRESH_SECONDS)
        world.passed = FRESH_SECONDS - 1
        await world.user_of(token)
        world.withdraw("ES256")
        world.passed = FRESH_SECONDS
        assert await world.user_of(token) == ("u1", True)
        await asyncio.sleep(0.01)
        with pytest.raises(NotAuthenticated):
            await world.user_of(token)

    play(story)


def test_keys_that_are_read_again_unchanged_forget_nothing(signer) -> None:
    async def story() -> None:
        world = World(signer)
        await world.keys.refresh()
        token = signer.token()
        await world.user_of(token)
        await world.keys.refresh()
        assert await world.user_of(token) == ("u1", True)

    play(story)


def test_the_first_token_waits_until_the_keys_have_been_read(signer) -> None:
    async def story() -> None:
        world = World(signer)
        token = signer.token()
        assert await world.user_of(token) == ("u1", False)
        await world.user_of(token)
        assert await world.user_of(token) == ("u1", True)

    play(story)


def wrong_signature(signer) -> str:
    return type(signer)().token()


def another_payload(signer) -> str:
    head, _, signature = signer.token("u1").split(".")
    return f"{head}.{signer.token('u2').split('.')[1]}.{signature}"


@pytest.mark.parametrize(
    "wrong",
    [
        wrong_signature,
        another_payload,
        lambda signer: signer.token(aud="billing"),
        lambda signer: signer.token("u 1"),
        lambda signer: signer.token(exp=int(time.time()) - 60),
        lambda signer: jwt.encode({"sub": "u1"}, "s" * 32, "HS256"),
        lambda signer: "a.b.c",
    ],
)
def test_a_wrong_token_is_never_remembered(signer, wrong) -> None:
    async def story() -> None:
        world = World(signer)
        await world.keys.refresh()
        await world.user_of(signer.token())
        token = wrong(signer)
        for _ in range(3):
            with pytest.raises(NotAuthenticated):
                await world.user_of(token)
        assert len(world.tokens._remembered) == 1

    play(story)


def test_the_memory_is_bounded_and_the_oldest_leave_first(signer) -> None:
    async def story() -> None:
        world = World(signer, limit=3)
        await world.keys.refresh()
        tokens = [signer.token(f"u{number}") for number in range(5)]
        for token in tokens:
            await world.user_of(token)
        assert len(world.tokens._remembered) == 3
        for number, token in reversed(list(enumerate(tokens))):
            remembered = (await world.user_of(token))[1]
            assert remembered == (number >= 2)

    play(story)


def test_what_was_verified_with_other_keys_is_not_added() -> None:
    users = RememberedUsers(3)
    users.add(b"1", "u1", 7, 60.0)
    assert users.find(b"1", 7, 0.0) is None
    users.add(b"1", "u1", 7, 60.0)
    assert users.find(b"1", 7, 0.0) == "u1"
    assert users.find(b"1", 8, 0.0) is None
    assert users.find(b"1", 7, 0.0) is None


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


HEADERS = [
    b"",
    b"{",
    b"[]",
    b"\xff",
    b"{}",
    b'{"alg": null}',
    b'{"alg": 1e400}',
    b'{"alg": ["ES256"]}',
    b'{"alg": {"ES256": 1}}',
    b'{"alg": "es256"}',
    b'{"alg": "none"}',
    b'{"alg": "HS256"}',
    b'{"alg": "ES256\\u0000"}',
    b'{"alg": "ES256", "kid": ["ES256"]}',
    b'{"alg": "ES256", "crit": ["exp"]}',
    b'{"alg": "ES256", "crit": 1}',
    b"[" * 3000 + b"]" * 3000,
    b'{"alg": "ES256", "x": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_makes_more_of_a_token_than_it_is(signer, header: bytes) -> None:
    async def story() -> None:
        world = World(signer)
        _, claims, signature = signer.token().split(".")
        for token in (f"{encoded(header)}.{claims}.{signature}", f"{encoded(header)}.."):
            with pytest.raises(NotAuthenticated):
                await world.tokens.user_of(token)

    play(story)


CLAIMS = [
    {"exp": "Infinity"},
    {"exp": "NaN"},
    {"exp": "1e400"},
    {"exp": "[1]"},
    {"exp": "null"},
    {"exp": "true"},
    {"nbf": "Infinity"},
    {"iat": "[1]"},
    {"iss": '["https://login.portal.example"]'},
    {"aud": '{"quadrupel": 1}'},
    {"aud": "[]"},
    {"aud": "[1, 2]"},
    {"sub": "5"},
    {"sub": '["u1"]'},
    {"sub": '"u1\\u0000"'},
    {"sub": '"../u1"'},
]


@pytest.mark.parametrize("wrong", CLAIMS, ids=str)
def test_a_login_that_signs_nonsense_lets_nobody_in(signer, wrong: dict[str, str]) -> None:
    async def story() -> None:
        claims = {
            "iss": '"https://login.portal.example"',
            "aud": '"quadrupel"',
            "sub": '"u1"',
            "exp": str(int(time.time()) + 60),
        }
        pairs = ", ".join(f'"{name}": {value}' for name, value in (claims | wrong).items())
        header, body = b'{"alg": "ES256"}', f"{{{pairs}}}".encode()
        signed = f"{encoded(header)}.{encoded(body)}"
        algorithm = jwt.get_algorithm_by_name("ES256")
        signature = algorithm.sign(signed.encode(), signer.private["ES256"])
        with pytest.raises(NotAuthenticated):
            await World(signer).tokens.user_of(f"{signed}.{encoded(signature)}")

    play(story)
