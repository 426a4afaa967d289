"""Links that refuse e-mails, as a citizen and a mail provider use them."""

import uuid
from html.parser import HTMLParser

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


class Page(HTMLParser):
    """What assistive technology and a browser make of a page."""

    VOID = ("meta",)

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response
        self.language, self.open = "", []
        self.texts: dict[str, list[str]] = {}
        self.buttons: dict[str, str] = {}
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(response.text)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag == "html":
            self.language = dict(attrs)["lang"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.setdefault(self.open[-1], []).append(data)
            if self.open[-1] == "button":
                given = self.seen[-1][1]
                self.buttons[f"{given['name']}={given['value']}"] = data

    @property
    def choices(self) -> set[str]:
        return set(self.buttons)
