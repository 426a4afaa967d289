"""Whether a service key holds, asked of the database and remembered for a short while."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime

from quadrupel.core.errors import DatabaseUnavailable, NotAllowed, NotAuthenticated
from quadrupel.store.keys import ServiceKey, split_key

REMEMBERED_SECONDS = 30.0
"""How long a key is remembered: a revoked one may work for this long, and no longer."""

OUTAGE_SECONDS = 3600.0
"""How long one that held goes on while no database can be asked: nobody can revoke it there either,
but one that was revoked just before the outage may work until its end, or for so long."""

MAX_REMEMBERED = 4096


class ServiceKeys:
    """Checks keys with a memory of their rows; a row that does not exist is remembered too."""

    def __init__(
        self,
        find: Callable[[str], Awaitable[ServiceKey | None]],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._now = now
        self._clock = clock
        self._remembered: OrderedDict[str, tuple[float, ServiceKey | None]] = OrderedDict()

    async def check(self, text: str, scope: str) -> ServiceKey:
        """The key with that text.

        Raises NotAuthenticated when it does not hold, NotAllowed when it lacks the scope,
        DatabaseUnavailable when the database does not answer and it was not known before.
        """
        parts = split_key(text)
        if parts is None:
            raise NotAuthenticated("this needs a service key, qk_...; `quadrupel keys create`")
        key_id, secret = parts
        key = await self._key(key_id)
        if key is None or not key.holds(secret, self._now()):
            raise NotAuthenticated("the key is unknown, expired or revoked")
        if scope not in key.scopes:
            raise NotAllowed(scope)
        return key

    async def _key(self, key_id: str) -> ServiceKey | None:
        read_at, key = self._remembered.get(key_id, (float("-inf"), None))
        if self._clock() - read_at < REMEMBERED_SECONDS:
            return key
        now = self._clock()
        try:
            key = await self._find(key_id)
        except DatabaseUnavailable:
            if key is None or now - read_at >= OUTAGE_SECONDS:
                raise
            return key
        self._remembered[key_id] = (now, key)
        self._remembered.move_to_end(key_id)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return key
