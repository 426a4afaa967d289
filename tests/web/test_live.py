"""What a citizen sees, and which requests it takes."""

import pytest
from playwright.sync_api import expect
from starlette.responses import Response

from .portal import CONFIGURE, ELEMENT
from .scripted_api import banner

pytestmark = pytest.mark.browser

EXPIRED = banner("driving_licence_expired", title="Удостоверение просрочено")
FINE = banner("fine_discount", placement="profile", title="Штраф со скидкой")
TITLE, EXPIRED_TITLE, FINE_TITLE = banner()["title"], EXPIRED["title"], FINE["title"]


def shown(page):
    return page.get_by_role("listitem")


def test_a_banner_comes_changes_and_goes_without_a_reload(api, open_page, complaints):
    page = open_page()
    page.evaluate("window.loaded = 'once'")
    api.wait(lambda: api.streams)
    expect(page.get_by_role("region")).to_have_count(0)
    api.show(banner())
    link = page.get_by_role("link", name=TITLE)
    expect(link).to_have_attribute("href", page.url + "services/driving-licence/renew")
    api.show(EXPIRED)
    expect(shown(page)).to_have_text([EXPIRED_TITLE])
    api.show()
    expect(page.get_by_role("region")).to_have_count(0)
    assert page.evaluate("window.loaded") == "once"
    assert len(api.to("stream")) == 1
    assert complaints == []


def test_an_edited_text_replaces_the_old_one_in_its_place(api, open_page):
    api.show(banner(), EXPIRED)
    page = open_page()
    expect(shown(page)).to_have_count(2)
    api.show(banner(title="Обновите права", text="До 20 декабря"), EXPIRED)
    expect(shown(page)).to_have_text(["Обновите праваДо 20 декабря", EXPIRED_TITLE])


def test_banners_stand_in_the_order_of_the_api(api, open_page):
    api.show(banner(), EXPIRED)
    page = open_page()
    expect(shown(page)).to_have_count(2)
    api.show(EXPIRED, banner("new", title="Новое"), banner())
    expect(shown(page)).to_have_text([EXPIRED_TITLE, "Новое", TITLE])


def test_what_a_placement_falls_back_to_is_shown_and_not_reported(api, open_page, complaints):
    fallback = {
        "rule": None, "placement": "main", "priority": 0, "title": "Все услуги", "text": "",
        "link": "/services", "dismissible": False, "fallback": True,
    }  # fmt: skip
    api.show(banner())
    page = open_page()
    expect(shown(page)).to_have_text([TITLE])
    api.show(fallback)
    expect(shown(page)).to_have_text(["Все услуги"])
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("")
    page.get_by_role("link", name="Все услуги").click()
    page.wait_for_url("**/services")
    page.wait_for_timeout(400)
    assert {piece["banner"] for piece in api.feedback()} <= {banner()["rule"]}
    assert complaints == []


def test_nothing_takes_no_room(api, open_page):
    page = open_page(style="quadrupel-banners { margin: 50px }")
    api.wait(lambda: api.streams)
    assert page.evaluate("document.querySelector('main').offsetHeight") == page.evaluate(
        "document.querySelector('quadrupel-banners').remove(),"
        "document.querySelector('main').offsetHeight"
    )


def test_one_placement_is_asked_for_alone(api, open_page):
    open_page()
    api.wait(lambda: api.streams)
    assert [(each.route, each.query) for each in api.asked] == [
        ("stream", {"client": "web", "placement": "main"})
    ]


def test_several_placements_share_one_stream(api, open_page):
    api.show(banner(), FINE)
    other = '<quadrupel-banners placement="profile" label="Профиль"></quadrupel-banners>'
    page = open_page(ELEMENT + other)
    expect(page.get_by_role("region", name="Уведомления")).to_have_text(TITLE)
    expect(page.get_by_role("region", name="Профиль")).to_have_text(FINE_TITLE)
    assert [each.query for each in api.to("stream")] == [{"client": "web"}]


def test_a_placement_that_comes_later_joins_the_stream(api, open_page):
    api.show(banner(), FINE)
    page = open_page()
    expect(shown(page)).to_have_count(1)
    page.evaluate(
        """() => {
          const element = document.createElement('quadrupel-banners');
          element.setAttribute('placement', 'profile');
          document.querySelector('main').append(element);
        }"""
    )
    expect(shown(page)).to_have_count(2)
    assert [each.query.get("placement") for each in api.to("stream")] == ["main", None]
    api.wait(lambda: len(api.streams) == 1)


ONE_MORE = """
configure({ api, waits, token: () => 'citizen' });
const [first] = document.querySelectorAll('quadrupel-banners');
first.addEventListener('quadrupel-banners', async () => {
  for (let turn = 0; turn < %d; turn += 1) await null;
  const element = document.createElement('quadrupel-banners');
  element.setAttribute('placement', 'profile');
  first.after(element);
}, { once: true });
"""
"""Mounts one more placement when the first one is shown banners, so many microtasks later."""


@pytest.mark.parametrize("microtasks", range(6))
def test_a_placement_that_comes_in_answer_to_banners_does_not_wait_for_the_next_poll(
    api, open_page, microtasks
):
    api.refuse = {"stream": Response(status_code=404)}
    api.show(banner(), FINE)
    page = open_page(ELEMENT, ONE_MORE % microtasks, poll=60_000)
    expect(shown(page)).to_have_text([TITLE, FINE_TITLE])
    assert [each.query.get("placement") for each in api.to("read")] == ["main", None]


def test_an_element_that_is_moved_keeps_its_stream_and_one_that_is_removed_ends_it(api, open_page):
    api.show(banner())
    page = open_page()
    expect(shown(page)).to_have_count(1)
    page.evaluate(
        "document.querySelector('main').append(document.querySelector('quadrupel-banners'))"
    )
    expect(shown(page)).to_have_count(1)
    page.evaluate("document.querySelector('quadrupel-banners').remove()")
    api.wait(lambda: not api.streams)
    assert len(api.to("stream")) == 1


@pytest.mark.parametrize(
    ("attribute", "query", "header"), [("", None, "ru"), ('locale="en"', "en", None)]
)
def test_texts_are_asked_for_in_the_language_of_the_page_or_the_element(
    api, open_page, attribute, query, header
):
    api.show(banner())
    page = open_page(ELEMENT.replace("placement", f"{attribute} placement"))
    expect(page.get_by_role("region")).to_have_count(1)
    assert page.locator("section").get_attribute("lang") == query
    [asked] = api.to("stream")
    assert asked.query.get("locale") == query
    assert header in (None, asked.headers["accept-language"])


def test_nobody_signed_in_is_shown_nothing_and_asks_nothing(api, open_page, complaints):
    api.show(banner())
    page = open_page(ELEMENT, "configure({ api, waits, token: async () => null });")
    page.wait_for_timeout(300)
    expect(shown(page)).to_have_count(0)
    assert (api.asked, complaints) == ([], [])


def test_whoever_signs_in_next_does_not_see_the_banners_of_whoever_was_before(api, open_page):
    api.show(banner())
    page = open_page(
        ELEMENT, "window.user = 'citizen'; configure({ api, waits, token: () => user });"
    )
    expect(shown(page)).to_have_count(1)
    page.evaluate("window.user = null; configure({})")
    expect(shown(page)).to_have_count(0)
    api.tokens = {"another"}
    api.show(EXPIRED)
    page.evaluate("window.user = 'another'; configure({})")
    expect(shown(page)).to_have_text([EXPIRED_TITLE])
    assert [each.headers["authorization"] for each in api.to("stream")] == [
        "Bearer citizen", "Bearer another",
    ]  # fmt: skip


OWN_TOKENS = """
configure({ api, waits });
window.user = 'citizen';
const token = () => user;
for (const each of document.querySelectorAll('quadrupel-banners')) each.token = token;
"""


def test_all_begins_anew_for_elements_with_a_token_of_their_own_too(api, open_page):
    api.show(banner(), FINE)
    other = ELEMENT.replace("main", "profile")
    page = open_page(ELEMENT + other, OWN_TOKENS)
    expect(shown(page)).to_have_text([TITLE, FINE_TITLE])
    api.tokens = {"another"}
    page.evaluate("window.user = 'another'; configure({})")
    api.wait(lambda: len(api.to("stream")) == 2)
    expect(shown(page)).to_have_text([TITLE, FINE_TITLE])
    assert [each.headers["authorization"] for each in api.to("stream")] == [
        "Bearer citizen", "Bearer another",
    ]  # fmt: skip
    api.wait(lambda: len(api.streams) == 1)


def test_whoever_connects_after_it_begins_anew_too(api, open_page):
    api.show(banner())
    script = """
      configure({ waits });
      window.user = 'citizen';
      window.found = [];
      const token = () => user;
      const onBanners = (banners) => found.push(user);
      window.open = () => { window.connection = connect({ api, waits, token, onBanners }); };
      window.open();
    """
    page = open_page("", script)
    api.wait(lambda: page.evaluate("found.length"))
    api.tokens = {"another"}
    page.evaluate("window.user = 'another'; configure({}); connection.close(); window.open()")
    api.wait(lambda: page.evaluate("found.length") == 2)
    assert [each.headers["authorization"] for each in api.to("stream")] == [
        "Bearer citizen", "Bearer another",
    ]  # fmt: skip
    api.wait(lambda: len(api.streams) == 1)


def test_a_token_set_before_the_element_is_known_counts(api, open_page, context):
    api.show(banner())
    early = "() => { document.querySelector('quadrupel-banners').token = () => 'citizen'; }"
    context.add_init_script(
        f"document.addEventListener('readystatechange', {early}, {{ once: true }});"
    )
    page = open_page(ELEMENT, "configure({ api, waits });")
    expect(shown(page)).to_have_count(1)


def test_loaded_twice_it_is_one_element(api, open_page, complaints):
    api.show(banner())
    twice = "const copy = await import('/copy/quadrupel-banners.js'); copy." + CONFIGURE
    page = open_page(ELEMENT, twice)
    expect(shown(page)).to_have_count(1)
    assert complaints == []


def test_a_hidden_page_is_not_served_until_it_is_shown_again(api, open_page, turn):
    api.show(banner())
    page = open_page()
    expect(shown(page)).to_have_count(1)
    turn(page, hidden=True)
    api.wait(lambda: not api.streams)
    page.wait_for_timeout(300)
    assert len(api.to("stream")) == 1
    api.show(EXPIRED)
    expect(shown(page)).to_have_text([TITLE])
    turn(page, hidden=False)
    expect(shown(page)).to_have_text([EXPIRED_TITLE])


def test_a_page_that_is_hidden_for_a_moment_keeps_its_stream(api, open_page, turn):
    page = open_page(hidden=2000)
    api.wait(lambda: api.streams)
    turn(page, hidden=True)
    turn(page, hidden=False)
    page.wait_for_timeout(200)
    assert len(api.to("stream")) == 1


def test_functions_do_without_the_element(api, open_page):
    api.show(banner(), FINE)
    script = """
      window.found = [];
      window.connection = connect({
        api, waits, token: () => 'citizen', placement: 'profile',
        onBanners: (banners) => found.push(banners.map((each) => each.rule)),
      });
    """
    page = open_page("", script)
    api.wait(lambda: page.evaluate("found.length"))
    api.show(banner())
    api.wait(lambda: page.evaluate("found.length") == 2)
    api.show(banner(), EXPIRED)
    page.evaluate("connection.close()")
    api.wait(lambda: not api.streams)
    assert page.evaluate("found") == [["fine_discount"], []]


def test_what_a_listener_throws_is_reported_and_stops_nothing(api, open_page, complaints):
    script = """
      window.calls = 0;
      connect({ api, waits, token: () => 'citizen', onBanners() {
        calls += 1;
        throw new Error('ours');
      } });
    """
    page = open_page("", script)
    api.wait(lambda: page.evaluate("calls") == 1)
    api.show(banner())
    api.wait(lambda: page.evaluate("calls") == 2)
    assert complaints == ["ours", "ours"]
