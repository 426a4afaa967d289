"""Citizens' tokens: which user a bearer JWT speaks for."""

import jwt

from quadrupel.api.token_keys import TokenKey, TokenKeys
from quadrupel.core.errors import EventRefused, NotAuthenticated
from quadrupel.core.events import check_user_id

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
LEEWAY_SECONDS = 10
MAX_TOKEN = 8192


class Tokens:
    """Verifies tokens of one issuer for one audience.

    A token holds when it is signed with one of the keys by the algorithm of that key, and has
    `iss`, `aud`, `exp` and a `sub` that is a user id; `nbf` and `iat` count if they are there.
    """

    def __init__(self, keys: TokenKeys, issuer: str, audience: str) -> None:
        self.keys = keys
        self._issuer = issuer
        self._audience = audience

    async def user_of(self, token: str) -> str:
        """The user id in a token that holds; NotAuthenticated otherwise."""
        if len(token) > MAX_TOKEN:
            raise NotAuthenticated(f"the token is longer than {MAX_TOKEN} characters")
        kid, algorithm = _header(token)
        for key in await self.keys.find(kid, algorithm):
            claims = self._claims(token, key)
            if claims is not None:
                return _user_id(claims)
        raise NotAuthenticated("the token is not signed with a key that is known here")

    def _claims(self, token: str, key: TokenKey) -> dict[str, object] | None:
        """The claims of a token that holds; None when it was signed with another key."""
        try:
            claims: dict[str, object] = jwt.decode(
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


def _header(token: str) -> tuple[str | None, str]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise NotAuthenticated("the token is not a JWT") from error
    kid, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in ALGORITHMS:
        raise NotAuthenticated("the token must be signed by RS256, ES256 or EdDSA")
    return kid if isinstance(kid, str) else None, algorithm


def _user_id(claims: dict[str, object]) -> str:
    try:
        return check_user_id(claims["sub"])
    except EventRefused as error:
        raise NotAuthenticated(f"the token's sub: {error.detail}") from error
