"""Who stays is let in as long as the token holds, and no longer than its key is known."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from quadrupel.api.admissions import admit
from quadrupel.api.token_keys import FRESH_SECONDS, TokenKeys
from quadrupel.api.tokens import LEEWAY_SECONDS, Tokens
from quadrupel.core.errors import NotAuthenticated

from .conftest import AUDIENCE, ISSUER


class World:
    """A source of keys, and the time that passes."""

    def __init__(self, signer) -> None:
        self.passed = 0.0
        self.document = signer.jwks()
        self.keys = TokenKeys(self.load, lambda: self.passed)
        self.tokens = Tokens(self.keys, ISSUER, AUDIENCE)

    async def load(self) -> bytes:
        return json.dumps(self.document).encode()

    def withdraw(self, kid: str) -> None:
        self.document = {"keys": [each for each in self.document["keys"] if each["kid"] != kid]}


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


@pytest.mark.parametrize(
    ("holds", "seconds"),
    [(300, 300), (1, 1), (0, LEEWAY_SECONDS), (-4, LEEWAY_SECONDS - 4), (10**9, 10**9)],
)
def test_it_lasts_until_the_token_expires_or_is_not_accepted_any_more(
    signer, holds: int, seconds: int
) -> None:
    async def story() -> None:
        world, now = World(signer), int(time.time())
        token = signer.token("u7", exp=now + holds)
        admission = await admit(world.tokens, token, lambda: float(now))
        assert admission.user_id == "u7"
        assert admission.seconds == seconds
        assert await admission.holds()

    play(story)


@pytest.mark.parametrize("wrong", [{"exp": 1}, {"aud": "billing"}, {"without": ["exp"]}])
def test_a_token_that_does_not_hold_is_not_admitted(signer, wrong: dict) -> None:
    async def story() -> None:
        with pytest.raises(NotAuthenticated):
            await admit(World(signer).tokens, signer.token(**wrong))

    play(story)


def test_it_ends_with_the_key_of_the_token_and_not_with_another(signer) -> None:
    async def story() -> None:
        world = World(signer)
        one, other = [
            await admit(world.tokens, signer.token(algorithm=each)) for each in ("ES256", "EdDSA")
        ]
        world.withdraw("ES256")
        assert await one.holds()  # nobody knows of it yet
        await world.keys.refresh()
        assert not await one.holds()
        assert await other.holds()

    play(story)


def test_who_only_stays_has_the_keys_read_again_too(signer) -> None:
    async def story() -> None:
        world = World(signer)
        admission = await admit(world.tokens, signer.token(algorithm="ES256"))
        world.withdraw("ES256")
        world.passed = FRESH_SECONDS
        assert await admission.holds()
        await asyncio.sleep(0.01)
        assert not await admission.holds()

    play(story)
