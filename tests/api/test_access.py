"""Every route with every kind of caller."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest

PAST = datetime.now(UTC) - timedelta(hours=1)


def unsigned(api) -> str:
    _, body, _ = api.signer.token().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{none}.{body}."


def signed_with_the_public_key_as_a_secret(api) -> str:
    claims = jwt.decode(api.signer.token(), options={"verify_signature": False})
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"RS256"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    algorithm = jwt.get_algorithm_by_name("HS256")
    # The library refuses to sign with a PEM key, an attacker does not.
    signature = algorithm.sign(head + b"." + body, api.signer.public_pem("RS256"))
    encoded = base64.urlsafe_b64encode(signature).rstrip(b"=")
    return b".".join((head, body, encoded)).decode()


def tampered(api) -> str:
    head, _, signature = api.signer.token("u1").split(".")
    other = api.signer.token("u2").split(".")[1]
    return f"{head}.{other}.{signature}"


TOKENS_THAT_DO_NOT_HOLD: dict[str, Callable] = {
    "malformed": lambda api: "abc",
    "three dots": lambda api: "a.b.c",
    "not ASCII": lambda api: "\xff\xfe",
    "too long": lambda api: "a" * 10_000,
    "a service key": lambda api: api.full_key,
    "expired": lambda api: api.signer.token(exp=PAST),
    "not yet": lambda api: api.signer.token(nbf=datetime.now(UTC) + timedelta(hours=1)),
    "issued later": lambda api: api.signer.token(iat=datetime.now(UTC) + timedelta(hours=1)),
    "without exp": lambda api: api.signer.token(without=["exp"]),
    "exp is a text": lambda api: api.signer.token(exp="soon"),
    "without iss": lambda api: api.signer.token(without=["iss"]),
    "without aud": lambda api: api.signer.token(without=["aud"]),
    "without sub": lambda api: api.signer.token(without=["sub"]),
    "another issuer": lambda api: api.signer.token(iss="https://evil.example"),
    "another audience": lambda api: api.signer.token(aud="billing"),
    "sub is no user id": lambda api: api.signer.token("u 1"),
    "sub is empty": lambda api: api.signer.token(""),
    "unknown kid": lambda api: api.signer.token(kid="another"),
    "kid of another algorithm": lambda api: api.signer.token(kid="RS256"),
    "alg none": unsigned,
    "HS256 with the public key": signed_with_the_public_key_as_a_secret,
    "HS256": lambda api: jwt.encode({"sub": "u1"}, "s" * 32, "HS256"),
    "another user's claims": tampered,
    "another signer": lambda api: type(api.signer)().token(),
}

KEYS_THAT_DO_NOT_HOLD: dict[str, Callable] = {
    "malformed": lambda api: "qk_1_2",
    "not ASCII": lambda api: "qk_\xff",
    "a citizen's token": lambda api: api.signer.token(),
    "unknown id": lambda api: f"qk_{'a' * 12}_{'b' * 43}",
    "wrong secret": lambda api: api.full_key[:-43] + "b" * 43,
    "expired": lambda api: api.create_key("banners:read", "events:write", expires_at=PAST),
    "revoked": lambda api: api.create_key("banners:read", "events:write", revoked=True),
}

SERVICE_ROUTES = [
    ("GET", "/v1/users/u1/banners", "banners:read"),
    ("POST", "/v1/events", "events:write"),
    ("PUT", "/v1/users/u1/contacts", "contacts:write"),
]


@pytest.mark.parametrize("kind", TOKENS_THAT_DO_NOT_HOLD)
def test_a_citizen_is_let_in_by_no_token_that_does_not_hold(api, kind: str) -> None:
    token = TOKENS_THAT_DO_NOT_HOLD[kind](api)
    header = f"Bearer {token}".encode("latin-1")
    response = api.client.get("/v1/me/banners", headers={"authorization": header})
    assert_not_authenticated(response)


@pytest.mark.parametrize("kind", KEYS_THAT_DO_NOT_HOLD)
@pytest.mark.parametrize(("method", "path", "scope"), SERVICE_ROUTES)
def test_a_system_is_let_in_by_no_key_that_does_not_hold(
    api, method: str, path: str, scope: str, kind: str
) -> None:
    key = KEYS_THAT_DO_NOT_HOLD[kind](api)
    header = f"Bearer {key}".encode("latin-1")
    response = api.client.request(method, path, headers={"authorization": header})
    assert_not_authenticated(response)


@pytest.mark.parametrize("path", ["/v1/me/banners", "/v1/users/u1/banners"])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dTE6cHc=", "bearer"])
def test_no_credentials_let_nobody_in(api, path: str, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    assert_not_authenticated(api.client.get(path, headers=headers))


@pytest.mark.parametrize(("method", "path", "scope"), SERVICE_ROUTES)
def test_a_key_without_the_scope_is_403_and_names_it(
    api, method: str, path: str, scope: str
) -> None:
    others = [each for _, _, each in SERVICE_ROUTES if each != scope]
    response = api.client.request(method, path, headers=api.bearer(api.create_key(*others)))
    assert response.status_code == 403
    assert response.json()["type"] == "urn:quadrupel:problem:not-allowed"
    assert scope in response.headers["www-authenticate"]
    assert scope in response.json()["detail"]


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_token_of_each_algorithm_lets_its_user_in(api, algorithm: str) -> None:
    api.publish("mine", 3, ("birthday", {}))
    token = api.signer.token("mine", algorithm, aud=["other", "quadrupel"])
    response = api.client.get("/v1/me/banners", headers=api.bearer(token))
    assert response.json()["version"] == 3


def test_a_key_that_expires_later_holds(api) -> None:
    key = api.create_key("banners:read", expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert api.client.get("/v1/users/u1/banners", headers=api.bearer(key)).is_success


def assert_not_authenticated(response) -> None:
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:quadrupel:problem:not-authenticated"
