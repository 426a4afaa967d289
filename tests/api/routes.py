"""The routes of the API as tests try them: whose door each is, and how it answers who is let in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

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


@dataclass(frozen=True)
class Route:
    """Whose door a route is (a scope is that of a key), and how it answers who is let in."""

    door: str
    good: int
    body: object = None
    query: str = ""

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


def ask(api, tried: str, headers: Headers, method: str | None = None) -> httpx.Response:
    """The answer of a route; of a stream its head."""
    usual, _, path = tried.partition(",")[0].partition(" ")
    route = TRIED[tried]
    content = None if route.body is None else json.dumps(route.body).encode()
    sent = [(name, value.encode("latin-1")) for name, value in headers]
    sent += [("content-type", "application/json")] if content else []
    asked = api.client.stream(
        method or usual,
        path.format(user_id=OWN) + route.query,
        headers=sent,
        content=content,
    )
    with asked as response:
        if response.headers.get("content-type") != "text/event-stream":
            response.read()
        return response
