"""What becomes of feedback that is not sent yet when its page or its citizen goes."""

import json

import pytest
from playwright.sync_api import expect

from .citizen import AWAY, dismiss, shown
from .portal import ELEMENT
from .scripted_api import banner

pytestmark = pytest.mark.browser


def told_by(asked):
    """As whom feedback was posted, by a header or by the body."""
    header = asked.headers.get("authorization", "")
    return header.removeprefix("Bearer ") or json.loads(asked.body)["access_token"]


def test_a_page_that_goes_leaves_what_is_not_sent_yet(api, open_page):
    api.show(banner())
    page = open_page(feedback=60_000, seen=50)
    expect(shown(page)).to_have_count(1)
    page.wait_for_timeout(1_500)
    assert api.feedback() == []
    page.goto("about:blank")
    [asked] = api.wait(lambda: api.to("feedback"))
    assert asked.headers["content-type"].startswith("text/plain")
    assert "authorization" not in asked.headers
    body = json.loads(asked.body)
    assert body["access_token"] == "citizen"
    assert [piece["action"] for piece in body["feedback"]] == ["seen"]


def test_a_page_that_is_hidden_sends_what_it_has(api, open_page, turn):
    api.show(banner())
    page = open_page(feedback=60_000, seen=50, hidden=60_000)
    expect(shown(page)).to_have_count(1)
    page.wait_for_timeout(1_500)
    turn(page, hidden=True)
    [asked] = api.wait(lambda: api.to("feedback"))
    assert asked.headers["authorization"] == "Bearer citizen"


SIGNED_IN = """
window.user = 'citizen';
window.asked = [];
window.ready = null;
configure({ api, waits, token: async () => {
  await ready;
  asked.push(user);
  return user;
} });
"""
"""Says as whom it is asked for a token, and gives none before it is `ready`."""


def left_with_a_dismissal(api, open_page):
    """A page whose citizen dismissed a banner while the API was away, and signed out."""
    api.refuse = {"feedback": AWAY}
    api.show(banner())
    page = open_page(ELEMENT, SIGNED_IN, seen=60_000)
    dismiss(page, banner())
    api.wait(lambda: api.to("feedback"))
    page.evaluate("window.user = null")
    api.wait(lambda: page.evaluate("asked.at(-1) === null"))
    return page


def test_what_could_not_be_sent_is_never_told_as_the_next_citizen(api, open_page):
    api.tokens = {"citizen", "another"}
    page = left_with_a_dismissal(api, open_page)
    page.evaluate("window.user = 'another'; configure({})")
    api.wait(lambda: len(api.to("stream")) == 2)
    page.wait_for_timeout(500)
    assert {told_by(asked) for asked in api.to("feedback")} == {"citizen"}


def test_what_waits_for_a_token_is_not_told_by_that_of_the_next_citizen(api, open_page):
    api.tokens = {"citizen", "another"}
    api.show(banner())
    page = open_page(ELEMENT, SIGNED_IN, seen=60_000)
    expect(shown(page)).to_have_count(1)
    page.evaluate("() => { window.ready = new Promise((go) => { window.release = go; }); }")
    dismiss(page, banner())
    page.wait_for_timeout(200)
    page.evaluate("window.user = 'another'; configure({})")
    api.wait(lambda: api.to("feedback"))
    page.evaluate("release()")
    api.wait(lambda: len(api.to("stream")) == 2)
    page.wait_for_timeout(300)
    assert [told_by(asked) for asked in api.to("feedback")] == ["citizen"]


def test_an_element_that_is_removed_asks_for_no_token_any_more(api, open_page):
    page = left_with_a_dismissal(api, open_page)
    page.evaluate("document.querySelector('quadrupel-banners').remove()")
    page.wait_for_timeout(100)
    count = page.evaluate("asked.length")
    page.wait_for_timeout(800)
    assert page.evaluate("asked.length") == count
