"""The routes of the API as tests try them: whose door each is, and how it answers who is let in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from quadrupel.channels.unsubscribing import UnsubscribeTokens
from quadrupel.core.refusals import MAILINGS

OWN, OTHER = "table-own-41c8", "table-other-7f3a"
"""The user whom callers speak for or ask about, and one whom no answer may tell of."""

EVENT = {
    "specversion": "1.0",
    "id": "table",
    "source": "/table",
    "type": "table.tried",
    "subject": OWN,
    "time": "2026-01-01T00:00:00Z",
}
SEEN = {"banner": "birthday", "episode": "2026", "action": "seen"}


UNSUBSCRIBE_SECRETS = ["a secret of tests, which is long enough"]
UNSUBSCRIBE_TOKENS = UnsubscribeTokens(UNSUBSCRIBE_SECRETS)
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Route:
    """Whose door a route is (a scope is that of a key), and how it answers who is let in."""

    door: str
    good: int
    body: object = None
    query: str = ""
    media_type: str = "application/json"

    @property
    def content(self) -> bytes | None:
        """The body as it is sent."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()

    @property
    def column(self) -> str | None:
        """Where the table says who is let in; None: everyone is."""
        return {"citizen": "citizens", "anyone": None}.get(self.door, "systems")


ROUTES = {
    "GET /v1/me/banners": Route("citizen", 200),
    "POST /v1/me/banners/feedback": Route("citizen", 202, SEEN),
    "GET /v1/me/banners/stream": Route("citizen", 200),
    "GET /v1/users/{user_id}/banners": Route("banners:read", 200),
    "GET /v1/users/{user_id}/explain": Route("explain:read", 200),
    "POST /v1/events": Route("events:write", 202, EVENT),
    "PUT /v1/users/{user_id}/contacts": Route("contacts:write", 204, {}),
    "GET /v1/unsubscribe/{token}": Route("anyone", 200),
    "POST /v1/unsubscribe/{token}": Route(
        "anyone", 200, b"List-Unsubscribe=One-Click", media_type=FORM
    ),
    "GET /livez": Route("anyone", 200),
    "GET /readyz": Route("anyone", 200),
    "GET /openapi.json": Route("anyone", 200),
}
TRIED = {
    **ROUTES,
    # What is not plain is answered by the framework and not by the hot route.
    "GET /v1/me/banners, not plain": Route("citizen", 200, query="?wait=1"),
}

Headers = Sequence[tuple[str, str]]


def bearer(*credentials: str) -> Headers:
    return [("authorization", f"Bearer {each}") for each in credentials]


def filled(path: str) -> str:
    """A path of the user."""
    return path.format(user_id=OWN, token=UNSUBSCRIBE_TOKENS.write(OWN, MAILINGS))


def ask(api, tried: str, headers: Headers, method: str | None = None) -> httpx.Response:
    """The answer of a route; of a stream its head."""
    usual, _, path = tried.partition(",")[0].partition(" ")
    route = TRIED[tried]
    content = route.content
    sent = [(name, value.encode("latin-1")) for name, value in headers]
    sent += [("content-type", route.media_type)] if content else []
    asked = api.client.stream(
        method or usual,
        filled(path) + route.query,
        headers=sent,
        content=content,
    )
    with asked as response:
        if response.headers.get("content-type") != "text/event-stream":
            response.read()
        return response
