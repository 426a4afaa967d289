"""Links that refuse e-mails: what a GET shows, what a POST does, and who may do neither."""

import hashlib
import re
from base64 import b64encode

import psycopg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from quadrupel.api.unsubscribe import Unsubscribing
from quadrupel.core.refusals import EVERYTHING, MAILINGS, Wishes

from .conftest import running
from .routes import FORM, UNSUBSCRIBE_TOKENS
from .unsubscribe_links import ONE_CLICK, RULE, Page, known, link, post, refused


@pytest.mark.parametrize("kind", [MAILINGS, RULE, EVERYTHING])
def test_who_only_looks_at_a_link_changes_nothing(api, kind: str) -> None:
    user = known(api)
    url = link(user, kind)
    scanners = ({}, {"user-agent": "scanner", "purpose": "prefetch"}, {"content-type": FORM})
    for headers in scanners:
        for query in ("", "?List-Unsubscribe=One-Click", "?refuse=all"):
            for method in ("GET", "HEAD"):
                response = api.client.request(method, url + query, headers=headers)
                assert response.status_code == 200
        assert api.client.request("GET", url, content=ONE_CLICK, headers=headers).is_success
    assert refused(api, user) == set()


def test_one_click_refuses_the_kind_and_the_second_one_changes_nothing(api) -> None:
    user = known(api)
    for _ in range(2):
        response = post(api, link(user), ONE_CLICK)
        assert response.status_code == 200
        assert refused(api, user) == {MAILINGS}
    with psycopg.connect(api.database_url) as connection:
        [row] = connection.execute("SELECT * FROM refusals WHERE user_id = %s", [user]).fetchall()
    assert row[:3] == (user, "email", MAILINGS)


def test_the_page_offers_what_can_be_chosen_next(api) -> None:
    user = known(api)
    url = link(user, RULE)

    def choose(body: str) -> set[str]:
        chosen = Page(post(api, url, body.encode()))
        looked_at = Page(api.client.get(url))
        assert chosen.response.text == looked_at.response.text
        return chosen.choices

    assert Page(api.client.get(url)).choices == {"refuse=kind", "refuse=all"}
    assert choose("refuse=kind") == {"allow=kind", "refuse=all"}
    assert choose("refuse=all") == {"allow=all"}
    assert refused(api, user) == {RULE, EVERYTHING}
    assert choose("allow=all") == {"allow=kind", "refuse=all"}
    assert choose("allow=kind") == {"refuse=kind", "refuse=all"}
    assert refused(api, user) == set()
    assert Page(api.client.get(link(user, EVERYTHING))).choices == {"refuse=all"}


def test_a_link_is_good_for_its_own_kind_and_citizen_only(api) -> None:
    user, other = known(api), known(api)
    post(api, link(user, RULE), ONE_CLICK)
    assert refused(api, other) == set()
    assert Page(api.client.get(link(user, MAILINGS))).choices == {"refuse=kind", "refuse=all"}
    assert Page(api.client.get(link(other, RULE))).choices == {"refuse=kind", "refuse=all"}


LANGUAGES = [
    ("en", "ru", "en", "E-mails from the portal"),
    ("ru", "en", "ru", "Письма портала"),
    ("ru-RU", "en", "ru", "Письма портала"),
    (None, "ru-RU,ru;q=0.9,en;q=0.5", "ru", "Письма портала"),
    (None, "fr", "en", "E-mails from the portal"),
    (None, "", "en", "E-mails from the portal"),
    ("fr", "ru", "ru", "Письма портала"),
]


@pytest.mark.parametrize(("own", "accept", "language", "title"), LANGUAGES)
@pytest.mark.parametrize("kind", [MAILINGS, RULE, EVERYTHING])
@pytest.mark.parametrize("chosen", [None, b"refuse=kind", b"refuse=all"])
def test_the_page_is_in_the_citizens_language_and_can_be_used_by_anybody(
    speaking, own, accept, language, title, kind, chosen
) -> None:
    user = f"speaks-{own}"
    headers = {"accept-language": accept}
    url = link(user, kind)
    response = speaking.client.get(url, headers=headers)
    if chosen is not None:
        response = post(speaking, url, chosen, **headers)
    page = Page(response)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert page.language == response.headers["content-language"] == language
    assert page.texts["title"] == [title]
    assert page.texts["h1"] == [title]
    assert page.open == []
    assert page.buttons
    assert all(text.strip() for text in page.buttons.values())
    tags = [tag for tag, _ in page.seen]
    assert tags.count("form") == tags.count("button") == len(page.buttons)
    assert tags.count("main") == 1
    assert not {"script", "img", "link", "iframe", "a", "input"} & set(tags)
    forms = [attributes for tag, attributes in page.seen if tag == "form"]
    assert all(each == {"method": "post"} for each in forms)
    assert ("status" in [each.get("role") for _, each in page.seen]) == (chosen is not None)
    spoken = " ".join(text for tag in ("p", "button", "h1") for text in page.texts[tag])
    assert bool(re.search("[а-я]", spoken)) == (language == "ru")
    assert user not in response.text
    assert "summons" not in response.text, "nor of what the e-mail was"


@pytest.fixture(scope="module")
def speaking(api_database, signer, tmp_path_factory):
    """An API of citizens whose language is the end of their name; it remembers nothing."""

    def wishes(user: str, kind: str | None = None, refuse: bool = True) -> Wishes:
        own = user.removeprefix("speaks-")
        refused = frozenset({kind} if kind else ())
        return Wishes(refused, None if own == "None" else own)

    parts = Unsubscribing(UNSUBSCRIBE_TOKENS, wishes, wishes)
    folder = tmp_path_factory.mktemp("speaking")
    with running(api_database, signer, folder, unsubscribing=parts) as api:
        yield api


def test_the_page_is_kept_by_nobody_runs_nothing_and_is_in_no_frame(api) -> None:
    for response in (api.client.get(link("anna")), post(api, link(known(api)), ONE_CLICK)):
        headers = response.headers
        policy = dict(
            each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";")
        )
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", policy.pop("style-src"))
        assert policy == {
            "default-src": "'none'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["x-robots-tag"] == "noindex"
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers


def test_the_style_of_the_page_is_the_one_its_policy_allows(api) -> None:
    response = api.client.get(link("anna"))
    [style] = Page(response).texts["style"]
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in response.headers["content-security-policy"]


def test_of_who_has_no_contact_nothing_is_kept_and_the_answer_is_as_any(api) -> None:
    url = link("gone-and-erased")
    assert Page(post(api, url, ONE_CLICK)).choices == {"allow=kind", "refuse=all"}
    assert refused(api, "gone-and-erased") == set()


def test_a_refusal_outlives_a_contact_that_other_systems_tell_anew(api) -> None:
    user = known(api)
    post(api, link(user), ONE_CLICK)
    contact = {"email": "new@example.org", "consents": {"email": True}}
    api.client.put(f"/v1/users/{user}/contacts", json=contact, headers=api.service)
    assert refused(api, user) == {MAILINGS}


def test_no_token_is_in_the_log_even_when_it_says_all(api) -> None:
    url = link(known(api))
    with capture_logs() as logs:
        api.client.get(url)
        post(api, url, ONE_CLICK)
        post(api, url, b"nonsense")
        api.client.put(url)
    assert url.rpartition("/")[2] not in str(logs)


def test_choices_are_counted_and_looks_are_not(api) -> None:
    def counted(action: str) -> float:
        return REGISTRY.get_sample_value("quadrupel_refusals_total", {"action": action}) or 0

    before = counted("refused"), counted("wanted")
    url = link(known(api))
    api.client.get(url)
    for body in (ONE_CLICK, b"refuse=all", b"allow=all", b"nonsense"):
        post(api, url, body)
    assert (counted("refused"), counted("wanted")) == (before[0] + 2, before[1] + 1)
