"""Links that refuse e-mails, as a citizen and a mail provider use them."""

import uuid

import httpx
import psycopg

from quadrupel.core.refusals import MAILINGS

from .routes import FORM, UNSUBSCRIBE_TOKENS

ONE_CLICK = b"List-Unsubscribe=One-Click"


RULE = "rule:summons"


def known(api, language: str | None = "en") -> str:
    """A citizen with a contact."""
    user = f"refuser-{uuid.uuid4().hex[:12]}"
    contact = {"email": "a@example.org", "language": language, "consents": {"email": True}}
    saved = api.client.put(f"/v1/users/{user}/contacts", json=contact, headers=api.service)
    assert saved.status_code == 204
    return user


def link(user: str, kind: str = MAILINGS) -> str:
    return f"/v1/unsubscribe/{UNSUBSCRIBE_TOKENS.write(user, kind)}"


def post(api, url: str, body: bytes, content_type: str = FORM, **headers: str) -> httpx.Response:
    return api.client.post(url, content=body, headers={"content-type": content_type, **headers})


def refused(api, user: str) -> set[str]:
    with psycopg.connect(api.database_url) as connection:
        rows = connection.execute("SELECT kind FROM refusals WHERE user_id = %s", [user])
        return {kind for (kind,) in rows}
