"""Who is let in: every route with every kind of caller, as one table.

The routes are those of the application itself: one that is not in `ROUTES` fails the first test.
"""

import json
import re

import httpx
import pytest
from structlog.testing import capture_logs

from .callers import SHOWN_KEYS, SHOWN_OTHERWISE, SHOWN_TOKENS, headers_of
from .routes import OTHER, OWN, ROUTES, SEEN, TRIED, Headers, ask, bearer, filled

TABLE = """
shown                               citizens            systems

nothing                             not-authenticated   not-authenticated
an empty header                     not-authenticated   not-authenticated
a scheme alone                      not-authenticated   not-authenticated
a password                          not-authenticated   not-authenticated
a token in a cookie                 not-authenticated   not-authenticated
a key in a cookie                   not-authenticated   not-authenticated
a key in X-API-Key                  not-authenticated   not-authenticated
two tokens                          two-tokens          two-tokens
a token twice                       two-tokens          two-tokens
a key twice                         two-tokens          two-tokens
a token and a key                   two-tokens          two-tokens
two tokens in one header            not-authenticated   not-authenticated

a token by ES256                    good                not-authenticated
a token by RS256                    good                not-authenticated
a token by EdDSA                    good                not-authenticated
a token for several audiences       good                not-authenticated
a token within the leeway           good                not-authenticated
malformed                           not-authenticated   not-authenticated
three parts of nothing              not-authenticated   not-authenticated
not ASCII                           not-authenticated   not-authenticated
too long                            not-authenticated   not-authenticated
expired                             not-authenticated   not-authenticated
not yet                             not-authenticated   not-authenticated
issued later                        not-authenticated   not-authenticated
without exp                         not-authenticated   not-authenticated
exp is a text                       not-authenticated   not-authenticated
without iss                         not-authenticated   not-authenticated
another issuer                      not-authenticated   not-authenticated
without aud                         not-authenticated   not-authenticated
another audience                    not-authenticated   not-authenticated
without sub                         not-authenticated   not-authenticated
sub is no user id                   not-authenticated   not-authenticated
sub is empty                        not-authenticated   not-authenticated
unknown kid                         not-authenticated   not-authenticated
kid of another algorithm            not-authenticated   not-authenticated
alg none                            not-authenticated   not-authenticated
alg none, signed                    not-authenticated   not-authenticated
HS256                               not-authenticated   not-authenticated
HS256 with the public key           not-authenticated   not-authenticated
another user's claims               not-authenticated   not-authenticated
another signer                      not-authenticated   not-authenticated
a key that the token brings         not-authenticated   not-authenticated

a key with the scope                not-authenticated   good
a key that expires later            not-authenticated   good
a key without the scope             not-authenticated   not-allowed
a key without any scope             not-authenticated   not-allowed
a malformed key                     not-authenticated   not-authenticated
a key that is not ASCII             not-authenticated   not-authenticated
an unknown key                      not-authenticated   not-authenticated
a key with another secret           not-authenticated   not-authenticated
an expired key                      not-authenticated   not-authenticated
a revoked key                       not-authenticated   not-authenticated
"""

STATUSES = {"not-authenticated": 401, "not-allowed": 403, "two-tokens": 400}


def rows() -> dict[str, dict[str, str]]:
    """What the table says, by what is shown and by column."""
    heads, *lines = [
        [cell.strip() for cell in line.split("  ") if cell] for line in TABLE.splitlines() if line
    ]
    return {row[0]: dict(zip(heads[1:], row[1:], strict=True)) for row in lines}


def assert_kept_to_itself(headers: Headers, told: str) -> None:
    """Nothing long that a caller shows, so no token and no key, is told again."""
    for _, value in headers:
        for word in re.findall(r"[\w.-]{16,}", value):
            assert word not in told


def assert_tells_nothing(response: httpx.Response, headers: Headers) -> None:
    """An answer to who was not let in says why, and neither whom there is nor how it was found."""
    for name in (OWN, OTHER, "Traceback", ".py", "psycopg", "SELECT"):
        assert name not in response.text
    assert_kept_to_itself(headers, response.text + str(response.headers))


def test_the_routes_are_those_of_the_application_and_its_document(api) -> None:
    document = api.client.get("/openapi.json").json()
    documented = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    served = {f"{method} {path}" for path, methods in api.routes for method in methods}
    assert served == set(ROUTES) == {*documented, "GET /openapi.json"}
    for name, operation in documented.items():
        door = ROUTES[name].door
        scheme = {"citizen": "citizenToken", "anyone": None}.get(door, "serviceKey")
        assert operation.get("security") == (scheme and [{scheme: []}])
        assert (f"`{door}`" in operation.get("description", "")) == (scheme == "serviceKey")


def test_the_table_has_a_row_for_each_kind_of_caller() -> None:
    assert list(rows()) == [*SHOWN_OTHERWISE, *SHOWN_TOKENS, *SHOWN_KEYS]


@pytest.mark.parametrize("tried", TRIED)
@pytest.mark.parametrize("shown", rows())
def test_who_is_let_in_is_in_the_table(api, shown: str, tried: str) -> None:
    route = TRIED[tried]
    headers = headers_of(shown, api, route.door if route.column == "systems" else "banners:read")
    expected = "good" if route.column is None else rows()[shown][route.column]
    before = len(api.messages(OWN))
    with capture_logs() as logs:
        response = ask(api, tried, headers)
    assert_kept_to_itself(headers, str(logs))
    if expected == "good":
        assert response.status_code == route.good
        return
    assert response.status_code == STATUSES[expected]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["type"] == f"urn:quadrupel:problem:{expected}"
    assert_tells_nothing(response, headers)
    assert len(api.messages(OWN)) == before
    challenge = response.headers.get("www-authenticate", "")
    assert challenge.startswith("Bearer ") == (expected != "two-tokens")
    if expected == "not-allowed":
        assert f'scope="{route.door}"' in challenge
        assert route.door in response.json()["detail"]


@pytest.mark.parametrize("shown", SHOWN_TOKENS)
def test_a_token_in_the_body_of_feedback_is_worth_what_it_is_in_the_header(api, shown: str) -> None:
    token = SHOWN_TOKENS[shown](api.signer)
    before = len(api.messages(OWN))
    with capture_logs() as logs:
        response = beacon(api, token)
    assert_kept_to_itself(bearer(token), response.text + str(logs))
    if rows()[shown]["citizens"] == "good":
        assert response.status_code == 202
        assert len(api.messages(OWN)) == before + 1
        return
    assert response.status_code == 401
    assert response.json()["type"] == "urn:quadrupel:problem:not-authenticated"
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert_tells_nothing(response, [])
    assert len(api.messages(OWN)) == before


@pytest.mark.parametrize("shown", SHOWN_KEYS)
def test_a_key_in_the_body_of_feedback_is_no_token(api, shown: str) -> None:
    response = beacon(api, SHOWN_KEYS[shown](api, "banners:read"))
    assert response.status_code == 401


def beacon(api, token: str, headers: Headers = ()) -> httpx.Response:
    """What `navigator.sendBeacon` sends."""
    sent = [("content-type", "text/plain;charset=UTF-8"), *headers]
    content = json.dumps({"access_token": token, "feedback": SEEN}).encode()
    return api.client.post("/v1/me/banners/feedback", content=content, headers=sent)


def test_a_token_in_the_body_and_one_in_the_header_are_too_many(api) -> None:
    token = api.signer.token(OWN)
    before = len(api.messages(OWN))
    response = beacon(api, token, bearer(token))
    assert response.status_code == 400
    assert response.json()["type"] == "urn:quadrupel:problem:two-tokens"
    assert len(api.messages(OWN)) == before


@pytest.mark.parametrize("tried", TRIED)
def test_nothing_in_a_query_lets_anyone_in(api, tried: str) -> None:
    method, _, path = tried.partition(",")[0].partition(" ")
    route = TRIED[tried]
    for secret in (api.signer.token(OWN), api.full_key):
        query = f"?access_token={secret}&token={secret}&api_key={secret}"
        sent = {"content-type": route.media_type}
        url = filled(path) + query
        response = api.client.request(method, url, content=route.content, headers=sent)
        assert response.status_code == (route.good if route.column is None else 401)
