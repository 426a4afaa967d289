"""Whatever a caller can show to be let in, and what only looks like it."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt

from .routes import OTHER, OWN, Headers, bearer

SCOPES = frozenset(("banners:read", "events:write", "contacts:write", "explain:read"))


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forged(signer, header: dict[str, object], algorithm: str | None = None, secret=b"") -> str:
    """The claims of a good token under another header, with a signature or none."""
    signed = f"{encoded(json.dumps(header).encode())}.{signer.token(OWN).split('.')[1]}"
    if algorithm is None:
        return f"{signed}."
    # The library refuses to sign with a PEM key, an attacker does not.
    signature = jwt.get_algorithm_by_name(algorithm).sign(signed.encode(), secret)
    return f"{signed}.{encoded(signature)}"


def tampered(signer) -> str:
    head, _, signature = signer.token(OTHER).split(".")
    return f"{head}.{signer.token(OWN).split('.')[1]}.{signature}"


def signed_by_a_key_of_its_own(signer) -> str:
    """A token that says itself which key it is to be verified with."""
    stranger = type(signer)()
    [key] = [each for each in stranger.jwks()["keys"] if each["kid"] == "ES256"]
    header = {"alg": "ES256", "kid": "own", "jwk": key, "jku": "http://127.0.0.1:1/keys"}
    return forged(signer, header, "ES256", stranger.private["ES256"])


def later(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


SHOWN_TOKENS: dict[str, Callable] = {
    "a token by ES256": lambda signer: signer.token(OWN, "ES256"),
    "a token by RS256": lambda signer: signer.token(OWN, "RS256"),
    "a token by EdDSA": lambda signer: signer.token(OWN, "EdDSA"),
    "a token for several audiences": lambda signer: signer.token(OWN, aud=["a", "quadrupel"]),
    "a token within the leeway": lambda signer: signer.token(OWN, exp=later(-1 / 3600)),
    "malformed": lambda signer: "abc",
    "three parts of nothing": lambda signer: "a.b.c",
    "not ASCII": lambda signer: "\xff\xfe",
    "too long": lambda signer: "a" * 10_000,
    "expired": lambda signer: signer.token(OWN, exp=later(-1)),
    "not yet": lambda signer: signer.token(OWN, nbf=later(1)),
    "issued later": lambda signer: signer.token(OWN, iat=later(1)),
    "without exp": lambda signer: signer.token(OWN, without=["exp"]),
    "exp is a text": lambda signer: signer.token(OWN, exp="soon"),
    "without iss": lambda signer: signer.token(OWN, without=["iss"]),
    "another issuer": lambda signer: signer.token(OWN, iss="https://evil.example"),
    "without aud": lambda signer: signer.token(OWN, without=["aud"]),
    "another audience": lambda signer: signer.token(OWN, aud="billing"),
    "without sub": lambda signer: signer.token(OWN, without=["sub"]),
    "sub is no user id": lambda signer: signer.token(f"{OWN} "),
    "sub is empty": lambda signer: signer.token(""),
    "unknown kid": lambda signer: signer.token(OWN, kid="another"),
    "kid of another algorithm": lambda signer: signer.token(OWN, kid="RS256"),
    "alg none": lambda signer: forged(signer, {"alg": "none"}),
    "alg none, signed": lambda signer: (
        forged(signer, {"alg": "none", "kid": "ES256"}) + signer.token(OWN).split(".")[2]
    ),
    "HS256": lambda signer: forged(signer, {"alg": "HS256"}, "HS256", b"s" * 32),
    "HS256 with the public key": lambda signer: forged(
        signer, {"alg": "HS256", "kid": "RS256"}, "HS256", signer.public_pem("RS256")
    ),
    "another user's claims": tampered,
    "another signer": lambda signer: type(signer)().token(OWN),
    "a key that the token brings": signed_by_a_key_of_its_own,
}

SHOWN_KEYS: dict[str, Callable] = {
    "a key with the scope": lambda api, scope: api.create_key(scope),
    "a key that expires later": lambda api, scope: api.create_key(scope, expires_at=later(1)),
    "a key without the scope": lambda api, scope: api.create_key(*SCOPES - {scope}),
    "a key without any scope": lambda api, scope: api.create_key(),
    "a malformed key": lambda api, scope: "qk_1_2",
    "a key that is not ASCII": lambda api, scope: "qk_\xff",
    "an unknown key": lambda api, scope: f"qk_{'a' * 12}_{'b' * 43}",
    "a key with another secret": lambda api, scope: api.create_key(scope)[:-43] + "b" * 43,
    "an expired key": lambda api, scope: api.create_key(scope, expires_at=later(-1)),
    "a revoked key": lambda api, scope: api.create_key(scope, revoked=True),
}

SHOWN_OTHERWISE: dict[str, Callable[..., Headers]] = {
    "nothing": lambda token, key: [],
    "an empty header": lambda token, key: [("authorization", "")],
    "a scheme alone": lambda token, key: [("authorization", "Bearer")],
    "a password": lambda token, key: [("authorization", "Basic dTE6cHc=")],
    "a token in a cookie": lambda token, key: [("cookie", f"access_token={token}")],
    "a key in a cookie": lambda token, key: [("cookie", f"access_token={key}")],
    "a key in X-API-Key": lambda token, key: [("x-api-key", key)],
    "two tokens": lambda token, key: bearer(token, "a.b.c"),
    "a token twice": lambda token, key: bearer(token, token),
    "a key twice": lambda token, key: bearer(key, key),
    "a token and a key": lambda token, key: bearer(token, key),
    "two tokens in one header": lambda token, key: bearer(f"{token}, Bearer {token}"),
}


def headers_of(shown: str, api, scope: str) -> Headers:
    """The headers of a caller who shows that; the scope is the one that a key would need."""
    if shown in SHOWN_TOKENS:
        return bearer(SHOWN_TOKENS[shown](api.signer))
    if shown in SHOWN_KEYS:
        return bearer(SHOWN_KEYS[shown](api, scope))
    return SHOWN_OTHERWISE[shown](api.signer.token(OWN), api.full_key)
