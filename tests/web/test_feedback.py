"""What the API hears of what a citizen does with banners."""

import json

import pytest
from playwright.sync_api import expect
from starlette.responses import Response

from .citizen import AWAY, dismiss, shown
from .portal import CONFIGURE, ELEMENT
from .scripted_api import banner

pytestmark = pytest.mark.browser


FINE = banner("fine_discount", title="Штраф со скидкой", episode="fine 7")


FAR_BELOW = '<div class="tall"></div>' + ELEMENT


TALL = ".tall { height: 2000px }"


def heard(api, action):
    """The rules and episodes of which it was said, without repetitions."""
    pieces = [piece for piece in api.feedback() if piece["action"] == action]
    return list(dict.fromkeys((piece["banner"], piece["episode"]) for piece in pieces))


def story(one):
    return (one["rule"], one["episode"])


def test_what_has_been_in_view_for_a_while_is_reported_as_seen_once_and_together(api, open_page):
    api.show(banner(), FINE)
    page = open_page()
    api.wait(lambda: api.feedback())
    [asked] = api.to("feedback")
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["authorization"] == "Bearer citizen"
    assert json.loads(asked.body) == [
        {"banner": rule, "episode": episode, "action": "seen"}
        for rule, episode in (story(banner()), story(FINE))
    ]
    api.show(FINE, banner(text="Иначе"))
    page.wait_for_timeout(400)
    assert len(api.feedback()) == 2


def test_another_episode_is_seen_anew(api, open_page):
    api.show(banner(episode="1"))
    open_page()
    api.wait(lambda: heard(api, "seen"))
    api.show(banner(episode="2"))
    rule = banner()["rule"]
    api.wait(lambda: heard(api, "seen") == [(rule, "1"), (rule, "2")])


def test_what_is_below_the_fold_is_seen_when_it_is_scrolled_to(api, open_page):
    api.show(banner())
    page = open_page(FAR_BELOW, style=TALL)
    expect(shown(page)).to_have_count(1)
    page.wait_for_timeout(400)
    assert api.feedback() == []
    page.mouse.wheel(0, 5000)
    api.wait(lambda: heard(api, "seen") == [story(banner())])


def test_what_is_in_view_for_less_than_a_while_is_not_seen(api, open_page):
    api.show(banner())
    page = open_page(FAR_BELOW, style=TALL, seen=2_000)
    expect(shown(page)).to_have_count(1)
    page.mouse.wheel(0, 5000)
    page.wait_for_timeout(200)
    page.mouse.wheel(0, -5000)
    page.wait_for_timeout(2_500)
    assert api.feedback() == []


def test_less_than_half_of_a_banner_is_not_seen(api, open_page):
    api.show(banner(text="x " * 200))
    page = open_page(FAR_BELOW, style=TALL)
    expect(shown(page)).to_have_count(1)
    page.evaluate(
        """() => {
          const item = document.querySelector('quadrupel-banners').shadowRoot.querySelector('li');
          const { top, height } = item.getBoundingClientRect();
          scrollTo(0, scrollY + top + 0.45 * height - innerHeight);
        }"""
    )
    page.wait_for_timeout(400)
    assert api.feedback() == []
    page.mouse.wheel(0, 20)
    api.wait(lambda: heard(api, "seen"))


@pytest.mark.parametrize(
    "style",
    [
        "main::after { content: ''; position: fixed; inset: 0; background: #000 }",
        "quadrupel-banners { opacity: 0 }",
        "main { visibility: hidden }",
        "quadrupel-banners { display: none }",
    ],
    ids=["covered", "transparent", "invisible", "not there"],
)
def test_what_nobody_can_see_is_not_seen(api, open_page, style):
    api.show(banner())
    page = open_page(style=style)
    api.wait(lambda: api.streams)
    page.wait_for_timeout(400)
    assert api.feedback() == []
    page.evaluate("document.querySelector('link').remove()")
    api.wait(lambda: heard(api, "seen"))


def test_under_an_open_dialog_nothing_is_seen(api, open_page):
    api.show(banner())
    dialog = "<dialog>Согласие</dialog>"
    page = open_page(ELEMENT + dialog, CONFIGURE + "document.querySelector('dialog').showModal();")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("li")).to_have_count(1)
    page.wait_for_timeout(400)
    assert api.feedback() == []
    page.keyboard.press("Escape")
    api.wait(lambda: heard(api, "seen"))


def test_a_hidden_page_is_not_seen(api, open_page, turn):
    api.show(banner())
    page = open_page(seen=1_500, hidden=5_000)
    expect(shown(page)).to_have_count(1)
    turn(page, hidden=True)
    page.wait_for_timeout(2_000)
    assert api.feedback() == []
    turn(page, hidden=False)
    api.wait(lambda: heard(api, "seen"))


LATE = """
window.held = [];
window.IntersectionObserver = class extends IntersectionObserver {
  constructor(tell, options) {
    super((...what) => held.push(() => tell(...what)), options);
  }
};
"""
"""A browser that tells what is in view only when it is told to."""


def test_what_was_removed_before_the_browser_tells_that_it_was_in_view_is_not_seen(
    api, open_page, context, complaints
):
    context.add_init_script(LATE)
    api.show(banner())
    page = open_page()
    api.wait(lambda: page.evaluate("held.length"))
    api.show()
    expect(shown(page)).to_have_count(0)
    page.evaluate("held.forEach((tell) => tell())")
    page.wait_for_timeout(400)
    assert (api.feedback(), complaints) == ([], [])


def test_what_is_dismissed_is_gone_at_once_and_stays_away(api, open_page, complaints):
    api.show(banner(), FINE)
    page = open_page(seen=60_000)
    dismiss(page, banner())
    assert shown(page).all_text_contents() == [FINE["title"]]
    api.wait(lambda: heard(api, "dismissed") == [story(banner())])
    api.show(banner(), FINE, banner("new", title="Новое"))
    expect(shown(page)).to_have_text([FINE["title"], "Новое"])
    assert complaints == []


def test_a_double_click_dismisses_one_banner(api, open_page):
    api.show(banner(), FINE, banner("third", title="Третье"))
    page = open_page(seen=60_000)
    page.get_by_role("button").first.dblclick()
    expect(shown(page)).to_have_count(2)
    page.wait_for_timeout(200)
    expect(shown(page)).to_have_count(2)


def test_a_key_that_is_held_down_dismisses_one_banner(api, open_page):
    api.show(banner(), FINE, banner("third", title="Третье"))
    page = open_page(seen=60_000)
    page.get_by_role("button").first.focus()
    for _ in range(3):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    page.wait_for_timeout(200)
    expect(shown(page)).to_have_count(2)


def test_only_what_may_be_dismissed_has_a_button(api, open_page):
    api.show(banner(dismissible=False), FINE)
    page = open_page()
    expect(page.get_by_role("button")).to_have_count(1)


def test_what_the_api_refuses_to_dismiss_comes_back(api, open_page):
    api.refused_feedback = {banner()["rule"]}
    api.show(banner(), FINE)
    page = open_page(seen=60_000)
    dismiss(page, banner())
    expect(shown(page)).to_have_count(2)
    assert len(api.feedback()) == 1


def test_a_dismissal_that_finds_the_api_away_waits_for_it(api, open_page, complaints):
    api.show(banner(), FINE)
    page = open_page(seen=60_000)
    expect(shown(page)).to_have_count(2)
    api.stop()
    dismiss(page, banner())
    page.wait_for_timeout(500)
    expect(shown(page)).to_have_text([FINE["title"]])
    api.start()
    api.wait(lambda: heard(api, "dismissed") == [story(banner())])
    expect(shown(page)).to_have_text([FINE["title"]])
    assert complaints == []


def test_feedback_that_the_api_cannot_take_now_is_repeated_until_it_can(api, open_page):
    api.refuse = {"feedback": AWAY}
    api.show(banner())
    page = open_page(seen=60_000)
    dismiss(page, banner())
    api.wait(lambda: len(api.feedback()) >= 2)
    api.refuse = {}
    count = len(api.feedback())
    api.wait(lambda: len(api.feedback()) > count)
    page.wait_for_timeout(400)
    assert heard(api, "dismissed") == [story(banner())]
    assert len(api.feedback()) == count + 1


def test_what_is_told_on_a_later_day_than_it_was_done_says_when_that_was(api, open_page, context):
    context.clock.install(time="2026-11-23T23:50:00Z")
    api.refuse = {"feedback": AWAY}
    api.show(banner(), FINE)
    page = open_page(seen=60_000)
    dismiss(page, banner())
    api.wait(lambda: api.feedback())
    page.clock.set_system_time("2026-11-24T00:05:00Z")
    count = len(api.feedback())
    api.wait(lambda: len(api.feedback()) > count + 1)
    page.clock.set_system_time("2026-11-25T00:05:00Z")
    dismiss(page, FINE)
    api.refuse = {}
    [first, second] = api.wait(lambda: len(api.accepted) == 2 and api.accepted)
    assert "time" not in api.feedback()[0]
    assert first["time"].startswith("2026-11-23T23:5")
    assert (second["banner"], "time" in second) == (FINE["rule"], False)


class Silence(Response):
    """An answer that never comes."""

    async def __call__(self, scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass


def test_feedback_that_is_never_answered_is_repeated(api, open_page):
    api.refuse = {"feedback": Silence()}
    api.show(banner())
    page = open_page(seen=60_000, answer=300)
    dismiss(page, banner())
    api.wait(lambda: len(api.to("feedback")) == 2)


def test_feedback_whose_token_never_comes_asks_for_another(api, open_page):
    api.show(banner())
    script = """
      window.never = false;
      configure({ api, waits, token: () => never ? new Promise(() => {}) : 'citizen' });
    """
    page = open_page(ELEMENT, script, seen=60_000, answer=300)
    expect(shown(page)).to_have_count(1)
    page.evaluate("window.never = true")
    dismiss(page, banner())
    page.wait_for_timeout(100)
    assert api.feedback() == []
    page.evaluate("window.never = false")
    api.wait(lambda: heard(api, "dismissed") == [story(banner())])


def test_one_refused_piece_does_not_hold_the_others_up(api, open_page):
    api.refused_feedback = {FINE["rule"]}
    api.show(banner(), FINE, banner("third", title="Третье"))
    open_page()
    api.wait(lambda: len(api.accepted) == 2)
    assert [piece["banner"] for piece in api.accepted] == [banner()["rule"], "third"]
    assert len(heard(api, "seen")) == 3


@pytest.mark.parametrize("how", ["click", "key"])
def test_a_link_that_is_followed_is_reported(api, open_page, how):
    api.show(banner())
    page = open_page(seen=60_000)
    link = page.get_by_role("link", name=banner()["title"])
    link.click() if how == "click" else link.press("Enter")
    page.wait_for_url("**/services/driving-licence/renew")
    api.wait(lambda: heard(api, "clicked") == [story(banner())])


def test_a_link_opened_in_another_tab_is_reported(api, open_page):
    api.show(banner())
    page = open_page(seen=60_000)
    page.get_by_role("link", name=banner()["title"]).click(button="middle")
    api.wait(lambda: heard(api, "clicked") == [story(banner())])
    page.get_by_role("link", name=banner()["title"]).click(button="right")
    page.wait_for_timeout(300)
    assert len(api.feedback()) == 1


def test_a_portal_may_follow_links_itself(api, open_page):
    api.show(banner())
    script = (
        CONFIGURE
        + """
      document.addEventListener('quadrupel-click', (event) => {
        event.preventDefault();
        window.followed = event.detail.banner.link;
      });
    """
    )
    page = open_page(ELEMENT, script, seen=60_000)
    before = page.url
    page.get_by_role("link", name=banner()["title"]).click()
    api.wait(lambda: heard(api, "clicked"))
    assert page.evaluate("followed") == banner()["link"]
    assert page.url == before


def test_functions_report_too(api, open_page):
    script = """
      window.connection = connect({
        api, waits, token: () => 'citizen', onBanners: (banners) => { window.found = banners; },
      });
    """
    api.show(banner(), FINE)
    page = open_page("", script)
    api.wait(lambda: page.evaluate("window.found?.length") == 2)
    page.evaluate(
        "connection.seen(found[0]); connection.seen(found[0]); connection.clicked(found[0])"
    )
    page.evaluate("connection.dismiss(found[1])")
    assert page.evaluate("found.map((each) => each.rule)") == [banner()["rule"]]
    api.wait(lambda: heard(api, "dismissed"))
    assert heard(api, "seen") == heard(api, "clicked") == [story(banner())]
    assert heard(api, "dismissed") == [story(FINE)]
