"""Citizens' tokens: which user a bearer JWT speaks for.

A citizen reads many pages with one token, and verifying a signature costs more than all else that a
read does. So a token that was found to hold is remembered for a short while.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jwt

from quadrupel.api.token_keys import TokenKey, TokenKeys
from quadrupel.core.errors import EventRefused, NotAuthenticated
from quadrupel.core.events import check_user_id

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
LEEWAY_SECONDS = 10
MAX_TOKEN = 8192

REMEMBERED_SECONDS = 60.0
"""How long a token is remembered at most; never longer than it holds, or than its key is known."""

MAX_REMEMBERED = 100_000
"""Of how many tokens a process remembers the users: some 35 MB."""


class Tokens:
    """Verifies tokens of one issuer for one audience.

    A token holds when it is signed with one of the keys by the algorithm of that key, and has
    `iss`, `aud`, `exp` and a `sub` that is a user id; `nbf` and `iat` count if they are there.
    `now` is the time of day in seconds, `clock` never goes back. Belongs to one event loop.
    """

    def __init__(
        self,
        keys: TokenKeys,
        issuer: str,
        audience: str,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        limit: int = MAX_REMEMBERED,
    ) -> None:
        self.keys = keys
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._clock = clock
        self._remembered = RememberedUsers(limit)

    async def user_of(self, token: str) -> str:
        """The user id in a token that holds; NotAuthenticated otherwise."""
        if len(token) > MAX_TOKEN:
            raise NotAuthenticated(f"the token is longer than {MAX_TOKEN} characters")
        digest = hashlib.sha256(token.encode()).digest()
        user_id = self._remembered.find(digest, self.keys.version, self._clock())
        if user_id is None:
            return await self._verified(token, digest)
        self.keys.keep_fresh()
        return user_id

    async def _verified(self, token: str, digest: bytes) -> str:
        kid, algorithm = _header(token.partition(".")[0])
        for key in await self.keys.find(kid, algorithm):
            claims = self._claims(token, key)
            if claims is not None:
                user_id = _user_id(claims)
                holds = int(claims["exp"]) + LEEWAY_SECONDS - self._now()
                until = self._clock() + min(holds, REMEMBERED_SECONDS)
                self._remembered.add(digest, user_id, self.keys.version, until)
                return user_id
        raise NotAuthenticated("the token is not signed with a key that is known here")

    def _claims(self, token: str, key: TokenKey) -> dict[str, Any] | None:
        """The claims of a token that holds; None when it was signed with another key."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "aud", "exp", "sub"]},
            )
        except jwt.InvalidSignatureError:
            return None
        except jwt.ExpiredSignatureError as error:
            raise NotAuthenticated("the token has expired") from error
        except jwt.PyJWTError as error:
            raise NotAuthenticated(f"the token does not hold: {error}") from error
        return claims


class RememberedUsers:
    """Whose the tokens are that were verified: by a hash of the whole token, the oldest out first.

    What was verified with one version of the keys is forgotten with the next.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys = 0
        self._users: OrderedDict[bytes, tuple[float, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._users)

    def find(self, digest: bytes, keys: int, now: float) -> str | None:
        """The user of the token, if it was verified with these keys and is to be remembered yet."""
        if keys != self._keys:
            self._users.clear()
            self._keys = keys
        until, user_id = self._users.get(digest, (now, ""))
        return user_id if now < until else None

    def add(self, digest: bytes, user_id: str, keys: int, until: float) -> None:
        """Remember the user of a token that holds, until then."""
        if keys != self._keys:
            return  # they changed since it was looked for; the next look forgets what there is
        self._users[digest] = (until, user_id)
        self._users.move_to_end(digest)
        if len(self._users) > self._limit:
            self._users.popitem(last=False)


@lru_cache(maxsize=64)  # all that one key signs have the same one; of the longest it keeps 1 MB
def _header(segment: str) -> tuple[str | None, str]:
    try:
        header = jwt.get_unverified_header(f"{segment}..")
    except jwt.PyJWTError as error:
        raise NotAuthenticated("the token is not a JWT") from error
    kid, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise NotAuthenticated("the token must be signed by RS256, ES256 or EdDSA")
    return kid if isinstance(kid, str) else None, algorithm


def _user_id(claims: dict[str, Any]) -> str:
    try:
        return check_user_id(claims["sub"])
    except EventRefused as error:
        raise NotAuthenticated(f"the token's sub: {error.detail}") from error
