"""Citizens who stay for a while: whose token let them in, and whether it still would."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt

from quadrupel.api.tokens import LEEWAY_SECONDS, Tokens
from quadrupel.core.errors import NotAuthenticated


@dataclass(slots=True)
class Admission:
    """A citizen's token that held when it was shown, and `seconds` after which it does not.

    `keys` is the version of the keys that it was verified with.
    """

    tokens: Tokens
    token: str
    user_id: str
    seconds: float
    keys: int

    async def holds(self) -> bool:
        """Whether the keys of now would let the token in; cheap while they stay the same."""
        keys = self.tokens.keys
        keys.keep_fresh()
        if self.keys == keys.version:
            return True
        self.keys = keys.version
        try:
            await self.tokens.user_of(self.token)
        except NotAuthenticated:
            return False
        return True


async def admit(tokens: Tokens, token: str, now: Callable[[], float] = time.time) -> Admission:
    """Let in the citizen whose token this is. Raises NotAuthenticated.

    It holds until it expires. One that has expired, and is accepted because clocks may differ,
    holds as long as it is.
    """
    user_id, keys = await tokens.user_of(token), tokens.keys.version
    claims = jwt.decode(token, options={"verify_signature": False})  # that was verified just now
    left = float(claims["exp"]) - now()
    return Admission(tokens, token, user_id, left if left > 0 else left + LEEWAY_SECONDS, keys)
