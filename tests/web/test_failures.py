"""What a page shows, and asks, when the API or something before it does not do as it should."""

import asyncio
import json
import threading
from itertools import pairwise

import pytest
from playwright.sync_api import expect
from starlette.responses import JSONResponse, Response

from .portal import ELEMENT
from .scripted_api import banner

pytestmark = pytest.mark.browser

FIRST, SECOND, THIRD = (banner(title=title, episode=title) for title in ("1", "2", "3"))


def shown(page):
    return page.get_by_role("listitem")


def test_what_is_shown_stays_while_the_api_is_away_and_follows_it_when_it_is_back(
    api, open_page, complaints
):
    api.show(FIRST)
    page = open_page()
    expect(shown(page)).to_have_text(["1"])
    api.stop()
    page.wait_for_timeout(1000)
    expect(shown(page)).to_have_text(["1"])
    api.show(SECOND)
    api.start()
    expect(shown(page)).to_have_text(["2"])
    api.wait(lambda: api.streams)
    api.show(THIRD)
    expect(shown(page)).to_have_text(["3"])
    assert complaints == []


def test_a_page_opened_while_the_api_is_away_is_as_without_banners(api, open_page, complaints):
    api.stop()
    page = open_page()
    page.wait_for_timeout(500)
    expect(page.get_by_role("heading", name="Портал")).to_be_visible()
    expect(shown(page)).to_have_count(0)
    api.show(FIRST)
    api.start()
    expect(shown(page)).to_have_text(["1"])
    assert complaints == []


def test_what_is_broken_is_asked_ever_more_rarely(api, open_page):
    api.refuse = {route: Response(status_code=500) for route in ("read", "stream")}
    open_page(most=60_000)
    api.wait(lambda: len(api.to("read")) >= 4)
    stream, *reads = api.asked[:5]
    waits = [later.at - earlier.at for earlier, later in pairwise(reads)]
    assert stream.route == "stream"
    doubled = (0.1, 0.2, 0.4)  # at least, and less than twice that
    assert all(wait >= least for wait, least in zip(waits, doubled, strict=True))


def test_what_nobody_confirms_for_too_long_goes(api, open_page):
    api.show(FIRST)
    page = open_page(age=400)
    expect(shown(page)).to_have_text(["1"])
    api.stop()
    expect(shown(page)).to_have_count(0)
    api.start()
    expect(shown(page)).to_have_text(["1"])


def test_without_a_stream_it_asks_again_and_again_whether_something_changed(
    api, open_page, complaints
):
    api.refuse = {"stream": Response(status_code=404)}
    api.show(FIRST)
    page = open_page()
    expect(shown(page)).to_have_text(["1"])
    api.wait(lambda: len(api.to("read")) >= 3)
    api.show(SECOND)
    expect(shown(page)).to_have_text(["2"])
    assert len(api.to("stream")) == 1
    assert [asked.headers.get("if-none-match") for asked in api.to("read")[:3]] == [
        None, '"1"', '"1"',
    ]  # fmt: skip
    assert complaints == []


@pytest.mark.parametrize(
    "refusal",
    [Response(status_code=502), Response("<h1>Sign in</h1>", media_type="text/html")],
    ids=["a status", "a page"],
)
def test_a_stream_that_cannot_be_opened_is_followed_by_a_read_at_once(api, open_page, refusal):
    api.refuse = {"stream": refusal}
    api.show(FIRST)
    expect(shown(open_page(poll=60_000))).to_have_text(["1"])
    assert [asked.route for asked in api.asked][:2] == ["stream", "read"]


def test_a_stream_that_a_proxy_holds_back_is_followed_by_a_read(api, open_page):
    api.show(FIRST)
    api.greeting = lambda stream: b""
    expect(shown(open_page(answer=300, poll=60_000))).to_have_text(["1"])
    assert [asked.route for asked in api.asked][:2] == ["stream", "read"]


def test_a_stream_that_falls_silent_is_opened_again(api, open_page):
    api.show(FIRST)
    page = open_page(silence=300)
    expect(shown(page)).to_have_text(["1"])
    api.wait(lambda: len(api.to("stream")) == 2)
    assert api.to("stream")[1].headers["last-event-id"] == "1"


def test_a_stream_with_heartbeats_is_left_alone(api, open_page):
    page = open_page(silence=1_500)
    api.wait(lambda: api.streams)
    for _ in range(5):
        page.wait_for_timeout(500)
        api.send(b": heartbeat\n\n")
    assert len(api.to("stream")) == 1


def test_after_three_streams_that_do_not_last_it_polls(api, open_page):
    api.show(FIRST)
    api.greeting = lambda stream: None
    page = open_page(stable=60_000)
    expect(shown(page)).to_have_text(["1"])
    api.wait(lambda: len(api.to("stream")) == 3)
    count = len(api.to("read"))
    api.wait(lambda: len(api.to("read")) > count + 3)
    assert len(api.to("stream")) == 3


def test_a_stream_is_tried_again_where_there_was_none(api, open_page):
    api.refuse = {"stream": Response(status_code=404)}
    open_page(again=300)
    api.wait(lambda: api.to("read"))
    api.refuse = {}
    api.wait(lambda: api.streams)


@pytest.mark.parametrize("status", [429, 503])
def test_when_the_api_wants_to_be_left_alone_it_is(api, open_page, status, turn):
    busy = Response(status_code=status, headers={"Retry-After": "1"})
    api.refuse = {"stream": busy, "read": busy}
    page = open_page()
    api.wait(lambda: api.to("read"))
    api.refuse = {}
    api.show(FIRST)
    for hidden in (True, False):  # not even whoever comes back asks earlier
        page.wait_for_timeout(100)
        turn(page, hidden)
    expect(shown(page)).to_have_text(["1"])
    _, refused, answered, *_ = api.asked
    assert answered.at - refused.at >= 1


TOO_MANY_STREAMS = Response(status_code=429, headers={"Retry-After": "30"})


def test_a_stream_that_is_to_be_left_alone_holds_up_no_read(api, open_page):
    api.refuse = {"stream": TOO_MANY_STREAMS}
    api.show(FIRST)
    expect(shown(open_page())).to_have_text(["1"])
    api.wait(lambda: len(api.to("read")) > 4)
    assert len(api.to("stream")) == 1


def test_a_stream_is_left_alone_also_when_a_read_is_answered_again(api, open_page):
    api.show(FIRST)
    reads = InTurn(Response(status_code=500), JSONResponse(api.set("main")))
    api.refuse = {"stream": TOO_MANY_STREAMS, "read": reads}
    expect(shown(open_page())).to_have_text(["1"])
    api.wait(lambda: len(api.to("read")) > 4)
    assert len(api.to("stream")) == 1


def test_a_date_to_come_back_at_is_understood(api, open_page):
    busy = Response(status_code=503, headers={"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})
    api.refuse = {"stream": busy, "read": busy}
    page = open_page()
    api.wait(lambda: api.to("read"))
    page.wait_for_timeout(500)
    assert len(api.asked) == 2


def test_a_stream_says_after_how_long_to_come_back(api, open_page):
    page = open_page()
    api.wait(lambda: api.streams)
    page.wait_for_timeout(600)
    api.send(b"retry: 400\n\n")
    api.end("shutdown")
    first, second = api.wait(lambda: api.to("stream")[1:] and api.to("stream"))
    assert second.at - first.at >= 1


def test_a_token_that_ends_is_replaced_without_a_pause(api, open_page):
    api.tokens = {"1", "2"}
    api.show(FIRST)
    script = "let n = 0; configure({ api, waits, token: () => `${n += 1}` });"
    page = open_page(ELEMENT, script, seen=60_000)
    expect(shown(page)).to_have_text(["1"])
    page.wait_for_timeout(200)
    api.end("expired")
    api.wait(lambda: api.to("stream")[1:])
    assert [asked.headers["authorization"] for asked in api.to("stream")] == [
        "Bearer 1",
        "Bearer 2",
    ]
    assert api.to("stream")[1].headers["last-event-id"] == "1"
    assert api.to("read") == []


def test_a_token_that_is_not_accepted_is_asked_for_anew(api, open_page, complaints):
    api.show(FIRST)
    script = """
      window.refusals = [];
      configure({ api, waits, token: (refused) => {
        refusals.push(refused);
        return refused ? 'citizen' : 'old';
      } });
    """
    page = open_page(ELEMENT, script)
    expect(shown(page)).to_have_text(["1"])
    assert page.evaluate("refusals.slice(0, 2)") == [None, "old"]
    assert complaints == []


TELLING = """
window.told = [];
window.asked = [];
document.addEventListener('quadrupel-banners', ({ detail }) => told.push(detail.banners.length));
configure({ api, waits, token: (refused) => {
  asked.push(refused);
  return refused ? 'renewed' : 'citizen';
} });
"""
"""Notes how many banners are shown whenever that changes, and as what tokens are asked for."""


def test_one_refused_token_after_the_api_was_away_takes_no_banner_away(api, open_page):
    api.show(FIRST)
    page = open_page(ELEMENT, TELLING, seen=60_000)
    expect(shown(page)).to_have_text(["1"])
    api.stop()
    api.wait(lambda: page.evaluate("asked.length") > 4)
    api.tokens = {"renewed"}
    api.start()
    api.wait(lambda: api.asked[-1].headers["authorization"] == "Bearer renewed")
    page.wait_for_timeout(300)
    assert page.evaluate("told") == [1]


class InTurn(Response):
    """One answer after the other, and the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def __call__(self, scope, receive, send):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await answer(scope, receive, send)


def test_refusals_with_another_failure_between_take_no_banner_away(api, open_page):
    api.show(FIRST)
    shows, refuses = JSONResponse(api.set("main")), Response(status_code=401)
    api.tokens = {"citizen", "renewed"}
    reads = InTurn(shows, refuses, Response(status_code=500), refuses, shows)
    api.refuse = {"stream": Response(status_code=404), "read": reads}
    page = open_page(ELEMENT, TELLING, seen=60_000)
    api.wait(lambda: len(api.to("read")) == 6)
    assert page.evaluate("told") == [1]


class LateRefusal(Response):
    """A 401 that comes when it is let go."""

    def __init__(self):
        self.go = threading.Event()

    async def __call__(self, scope, receive, send):
        await asyncio.to_thread(self.go.wait, 10)
        await Response(status_code=401)(scope, receive, send)


def test_the_refused_token_is_the_one_that_was_sent_also_if_another_went_meanwhile(api, open_page):
    refusal = LateRefusal()
    api.tokens = {"old", "new"}
    api.refuse = {"stream": refusal}
    script = """
      window.user = 'old';
      window.refusals = [];
      const token = (refused) => { refusals.push(refused); return user; };
      window.connection = connect({ api, waits, token, onBanners() {} });
    """
    page = open_page("", script, answer=8000)
    api.wait(lambda: api.to("stream"))
    page.evaluate("window.user = 'new'; connection.clicked({ rule: 'some', episode: '1' })")
    api.wait(lambda: api.accepted)
    api.refuse = {}
    refusal.go.set()
    api.wait(lambda: api.streams)
    assert page.evaluate("refusals.filter(Boolean)") == ["old"]


def test_whoever_is_not_let_in_any_more_is_shown_nothing(api, open_page):
    api.show(FIRST)
    page = open_page()
    expect(shown(page)).to_have_text(["1"])
    api.tokens = set()
    api.end("expired")
    expect(shown(page)).to_have_count(0)
    api.tokens = {"citizen"}
    expect(shown(page)).to_have_text(["1"])


def test_a_token_that_cannot_be_got_is_told_once(api, open_page, complaints):
    script = "configure({ api, waits, token: () => Promise.reject(new Error('no session')) });"
    page = open_page(ELEMENT, script)
    page.wait_for_timeout(600)
    assert api.asked == []
    assert len(complaints) == 1
    assert complaints[0].startswith("quadrupel-banners: no token: Error: no session")


def test_a_token_that_never_comes_is_asked_for_again(api, open_page, complaints):
    api.show(FIRST)
    script = """
      let n = 0;
      configure({ api, waits, token: () => (n += 1) === 1 ? new Promise(() => {}) : 'citizen' });
    """
    page = open_page(ELEMENT, script, answer=300)
    expect(shown(page)).to_have_text(["1"])
    assert complaints == []


def test_a_mistake_of_the_page_is_told_once_with_what_to_do(api, open_page, complaints):
    problem = {"detail": "there is no placement 'mian'; declared are main, profile"}
    refusal = Response(json.dumps(problem), 422, media_type="application/problem+json")
    api.refuse = {"stream": refusal, "read": refusal}
    page = open_page(ELEMENT.replace("main", "mian"))
    api.wait(lambda: len(api.to("read")) > 1)
    page.wait_for_timeout(100)  # what it says of the second answer would have come
    assert complaints == [
        f"quadrupel-banners: 422 from {api.url}/v1/me/banners: {problem['detail']}"
    ]
