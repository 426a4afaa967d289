"""Links that refuse e-mails: wrong ones, too many requests, and parts that are away."""

import re
from collections.abc import Callable
from urllib.parse import unquote

import httpx
import pytest
from structlog.testing import capture_logs

from quadrupel.api.unsubscribe import Unsubscribing
from quadrupel.channels.unsubscribing import UnsubscribeTokens
from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.core.rates import rate
from quadrupel.core.refusals import MAILINGS, Wishes

from .conftest import running
from .routes import UNSUBSCRIBE_TOKENS
from .unsubscribe_links import ONE_CLICK, RULE, Page, link, post

GOOD = UNSUBSCRIBE_TOKENS.write("anna", MAILINGS)


BAD_TOKENS = {
    "a word": "x",
    "cut": GOOD[:-1],
    "longer": f"{GOOD}A",
    "of a secret of others": UnsubscribeTokens(["y" * 40]).write("anna", MAILINGS),
    "a payload alone": GOOD.partition(".")[0],
    "an empty signature": f"{GOOD.partition('.')[0]}.",
    "a NUL": f"{GOOD}%00",
    "not UTF-8": f"%ff{GOOD}",
    "a slash": GOOD.replace(".", "%2F"),
    "a line break": f"{GOOD}%0D%0AX-Evil:1",
    "a script": "%3Cscript%3Ealert(1)%3C/script%3E",
    "long": "A" * 8_000,
    "a user id": "anna",
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_wrong_token_is_told_nothing(api, token: str) -> None:
    with capture_logs() as logs:
        answers = [
            api.client.get(f"/v1/unsubscribe/{token}"),
            post(api, f"/v1/unsubscribe/{token}", ONE_CLICK),
            post(api, f"/v1/unsubscribe/{token}", b"nonsense", "text/plain"),
        ]
    for each in answers:
        assert each.status_code == 404
        assert each.headers["content-type"] == "application/problem+json"
        assert each.headers["cache-control"] == "no-store"
        assert each.json()["type"] == "urn:quadrupel:problem:not-found"
        assert "anna" not in each.text
        assert "script" not in each.text
        assert "x-evil" not in each.headers
    assert token not in str(logs)


def test_where_no_secret_is_set_every_token_is_wrong(api_database, signer, tmp_path) -> None:
    def never(*_: object) -> Wishes:
        raise AssertionError

    nothing = Unsubscribing(UnsubscribeTokens(()), never, never)
    with running(api_database, signer, tmp_path, unsubscribing=nothing) as own:
        url = link("anna")
        assert own.client.get(url).status_code == 404
        assert post(own, url, ONE_CLICK).status_code == 404


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


WRONG_LINKS = {name: token for name, token in BAD_TOKENS.items() if "/" not in unquote(token)}
"""With a slash it is a longer path, and no link."""


@pytest.mark.parametrize("token", WRONG_LINKS.values(), ids=WRONG_LINKS)
@pytest.mark.parametrize(("accept", "language"), [("en", "en"), ("ru", "ru"), ("fr", "en")])
def test_a_citizen_reads_on_a_page_that_a_link_holds_no_longer(
    api, token: str, accept: str, language: str
) -> None:
    browser = {"accept": BROWSER, "accept-language": accept}
    url = f"/v1/unsubscribe/{token}"
    for answer in (api.client.get(url, headers=browser), post(api, url, ONE_CLICK, **browser)):
        assert answer.status_code == 404
        assert_tells(answer, language)
        assert "anna" not in answer.text
        assert "script" not in answer.text


def away(*_: object) -> Wishes:
    raise DatabaseUnavailable("no database server answers")


@pytest.mark.parametrize(
    ("find", "change", "statuses"),
    [(lambda _: Wishes(), away, (200, 503)), (away, away, (503, 503))],
    ids=["the primary", "both"],
)
@pytest.mark.parametrize(("accept", "language"), [("en", "en"), ("ru,en;q=0.5", "ru")])
def test_a_citizen_reads_on_a_page_that_something_is_away(
    api_database, signer, tmp_path, find, change, statuses, accept, language
) -> None:
    parts = Unsubscribing(UNSUBSCRIBE_TOKENS, find, change)
    browser = {"accept": BROWSER, "accept-language": accept}
    with running(api_database, signer, tmp_path, unsubscribing=parts) as own:
        url = link("anna")
        answers = (
            own.client.get(url, headers=browser),
            post(own, url, ONE_CLICK, **browser),
        )
    assert tuple(each.status_code for each in answers) == statuses
    assert_tells(answers[1], language)
    assert int(answers[1].headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "text/plain, application/problem+json", "", "html"]
)
def test_who_asks_for_no_page_is_told_by_a_problem_document(api, accept: str) -> None:
    url = "/v1/unsubscribe/x"
    for answer in (
        api.client.get(url, headers={"accept": accept}),
        post(api, url, ONE_CLICK, accept=accept),
    ):
        assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_what_only_a_program_can_send_is_answered_by_a_problem_document(api) -> None:
    answer = post(api, link("anna"), b"nonsense", accept=BROWSER)
    assert (answer.status_code, answer.json()["status"]) == (422, 422)


def assert_tells(answer: httpx.Response, language: str) -> None:
    """It is a page in the language that says what went wrong, and offers nothing."""
    page = Page(answer)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-security-policy" in answer.headers
    assert page.language == answer.headers["content-language"] == language
    assert [each.get("role") for tag, each in page.seen if tag == "p"] == ["alert"]
    assert bool(re.search("[а-я]", page.texts["p"][0])) == (language == "ru")
    assert page.buttons == {}


@pytest.mark.parametrize(
    ("find", "change", "statuses"),
    [(lambda _: Wishes(), away, (200, 503)), (away, away, (503, 503))],
    ids=["the primary", "both"],
)
def test_what_is_away_is_said_and_when_to_ask_again(
    api_database, signer, tmp_path, find: Callable, change: Callable, statuses: tuple[int, int]
) -> None:
    parts = Unsubscribing(UNSUBSCRIBE_TOKENS, find, change)
    url = link("anna")
    with (
        running(api_database, signer, tmp_path, unsubscribing=parts) as own,
        capture_logs() as logs,
    ):
        answers = (own.client.get(url), post(own, url, ONE_CLICK))
    assert tuple(each.status_code for each in answers) == statuses
    for each in answers:
        if each.status_code == 503:
            assert each.json()["type"] == "urn:quadrupel:problem:unavailable"
            assert int(each.headers["retry-after"]) > 0
    assert url.rpartition("/")[2] not in str(logs), "a token is for nobody who reads the log"
    assert "/v1/unsubscribe/..." in str(logs)


def test_requests_count_for_the_citizen_whom_the_link_is_of(api_database, signer, tmp_path) -> None:
    with running(api_database, signer, tmp_path, user_rate=rate(1, 60, 2)) as strict:
        assert strict.client.get(link("often")).status_code == 200
        assert post(strict, link("often", RULE), ONE_CLICK).status_code == 200
        for response in (strict.client.get(link("often")), post(strict, link("often"), ONE_CLICK)):
            assert response.status_code == 429
            assert int(response.headers["retry-after"]) > 0
        page = strict.client.get(link("often"), headers={"accept": BROWSER})
        assert page.status_code == 429
        assert int(page.headers["retry-after"]) > 0
        assert_tells(page, "en")
        assert strict.client.get(link("calm")).status_code == 200
        own = strict.bearer(strict.signer.token("often"))
        assert strict.client.get("/v1/me/banners", headers=own).is_success, "counted apart"
        assert strict.client.get("/v1/unsubscribe/x").status_code == 404
