"""Who may call what: citizens by their token, systems by a key with the route's scope."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from quadrupel.api.admissions import Admission, admit
from quadrupel.api.rates import Limit, unlimited
from quadrupel.api.service_keys import ServiceKeys
from quadrupel.api.tokens import Tokens
from quadrupel.core.errors import InputRefused, NotAuthenticated
from quadrupel.store.keys import ServiceKey


class Scope(StrEnum):
    """What a service key can be good for."""

    BANNERS_READ = "banners:read"
    EVENTS_WRITE = "events:write"
    CONTACTS_WRITE = "contacts:write"
    EXPLAIN_READ = "explain:read"


class OneBearer(HTTPBearer):
    """What a request shows as its bearer, once; None: nothing.

    Raises InputRefused (`two-tokens`) where it shows several: whoever stands between may have
    looked at another one than we would.
    """

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        if len(request.headers.getlist("authorization")) > 1:
            raise InputRefused("two-tokens", "the header Authorization is there more than once")
        return await super().__call__(request)


_citizen_bearer = OneBearer(
    scheme_name="citizenToken",
    bearerFormat="JWT",
    description="The citizen's token, signed by RS256, ES256 or EdDSA, with iss, aud, exp and sub.",
    auto_error=False,
)
_service_bearer = OneBearer(
    scheme_name="serviceKey",
    bearerFormat="qk_ID_SECRET",
    description="A key made by `quadrupel keys create`, with the scope the route names.",
    auto_error=False,
)

MISSING = "this needs the header Authorization: Bearer ..."


def citizen(tokens: Tokens, limit: Limit = unlimited) -> Callable[..., Awaitable[str]]:
    """A dependency: the user id of the citizen who calls.

    Raises NotAuthenticated, TooOften; InputRefused (`two-tokens`), as the other dependencies do.
    """

    async def user_id(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_citizen_bearer)],
    ) -> str:
        if bearer is None:
            raise NotAuthenticated(MISSING)
        found = await tokens.user_of(bearer.credentials)
        limit(found)
        return found

    return user_id


def admitted(tokens: Tokens, limit: Limit = unlimited) -> Callable[..., Awaitable[Admission]]:
    """A dependency: the admission of a citizen who means to stay.

    Raises NotAuthenticated, TooOften.
    """

    async def admission(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_citizen_bearer)],
    ) -> Admission:
        if bearer is None:
            raise NotAuthenticated(MISSING)
        found = await admit(tokens, bearer.credentials)
        limit(found.user_id)
        return found

    return admission


async def citizens_token(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_citizen_bearer)],
) -> str | None:
    """A dependency: the citizen's token, not verified yet; None if no header shows one."""
    return None if bearer is None else bearer.credentials


def service(
    keys: ServiceKeys, scope: Scope, limit: Limit = unlimited
) -> Callable[..., Awaitable[ServiceKey]]:
    """A dependency: the key of the system that calls.

    Raises NotAuthenticated, NotAllowed, TooOften.
    """

    async def key(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_service_bearer)],
    ) -> ServiceKey:
        if bearer is None:
            raise NotAuthenticated(MISSING)
        found = await keys.check(bearer.credentials, scope)
        limit(found.key_id)
        return found

    return key
