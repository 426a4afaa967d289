"""Banners for those who use a keyboard, a screen reader, their own colours or a narrow screen."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .portal import CLIENT, ELEMENT
from .scripted_api import banner

pytestmark = pytest.mark.browser

AXE = (CLIENT / "node_modules/axe-core/axe.min.js").read_text()
FINE = banner("fine_discount", title="Штраф со скидкой", text="До 3 декабря")
NEWS = banner("news", title="Портал закрыт ночью", link="", dismissible=False)
PROFILE = '<quadrupel-banners placement="profile" label="Профиль"></quadrupel-banners>'
SCHEMES = """
:root { color-scheme: light dark; font: 16px/1.5 sans-serif }
body { background: light-dark(#fff, #111); color: light-dark(#111, #eee) }
p > a { color: inherit }
"""

FOCUSED = """() => {
  const host = document.activeElement;
  const node = host.shadowRoot?.activeElement || host;
  return [node.localName, node.getAttribute('aria-label') || node.textContent];
}"""


def shown(page: Page):
    return page.get_by_role("listitem")


def button(page: Page, one: dict[str, Any]):
    return page.get_by_role("button", name=f"Скрыть: {one['title']}")


def said(page: Page):
    return page.get_by_role("status")


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(api, open_page, scheme):
    api.show(banner(), FINE, NEWS, banner("side", placement="profile"))
    page = open_page(ELEMENT + PROFILE, style=SCHEMES)
    page.emulate_media(color_scheme=scheme)
    expect(shown(page)).to_have_count(4)
    assert violations(page) == []


def test_axe_finds_nothing_wrong_where_there_is_nothing(api, open_page):
    page = open_page(style=SCHEMES)
    api.wait(lambda: api.streams)
    assert violations(page) == []


def test_axe_finds_what_is_wrong(api, open_page):
    page = open_page("<quadrupel-banners></quadrupel-banners><button></button>")
    api.wait(lambda: api.streams)
    assert [each.partition(":")[0] for each in violations(page)] == ["button-name"]


@pytest.mark.parametrize(
    ("language", "region", "name"),
    [
        ("ru", "Уведомления", "Скрыть: "),
        ("ru-RU", "Уведомления", "Скрыть: "),
        ("en-GB", "Notifications", "Dismiss: "),
        ("de", "Notifications", "Dismiss: "),
    ],
)
def test_what_it_says_itself_is_in_the_language_of_the_page(api, open_page, language, region, name):
    api.show(banner())
    page = open_page(language=language)
    buttons = page.get_by_role("region", name=region).get_by_role("button")
    expect(buttons).to_have_accessible_name(name + banner()["title"])


def test_a_portal_may_bring_words_of_its_own(api, open_page):
    api.show(banner())
    script = "configure({ api, waits, token: () => 'citizen', words: { dismiss: 'Яшерү' } });"
    page = open_page(ELEMENT, script, language="tt")
    expect(page.get_by_role("button")).to_have_accessible_name(f"Яшерү: {banner()['title']}")


def test_everything_is_reached_by_the_tab_key_in_the_order_of_reading(api, open_page):
    api.show(banner(), FINE, NEWS)
    page = open_page()
    expect(shown(page)).to_have_count(3)
    page.get_by_role("link", name="До", exact=True).focus()
    reached = []
    for _ in range(5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    assert reached == [
        ["a", banner()["title"]],
        ["button", f"Скрыть: {banner()['title']}"],
        ["a", FINE["title"]],
        ["button", f"Скрыть: {FINE['title']}"],
        ["a", "После"],
    ]


def test_after_a_dismissal_the_focus_is_on_what_has_taken_its_place(api, open_page):
    api.show(banner(), FINE, banner("third", title="Третье"))
    page = open_page()
    button(page, FINE).press("Enter")
    expect(button(page, banner("third", title="Третье"))).to_be_focused()
    page.keyboard.press("Space")
    expect(button(page, banner())).to_be_focused()
    expect(said(page)).to_have_text("Уведомление скрыто")


def test_after_the_last_dismissal_the_way_goes_on_from_there(api, open_page):
    api.show(banner())
    page = open_page()
    button(page, banner()).press("Enter")
    expect(shown(page)).to_have_count(0)
    expect(said(page)).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == ["a", "После"]


def test_a_banner_that_goes_by_itself_does_not_lose_the_focus(api, open_page):
    api.show(banner(), FINE)
    page = open_page()
    page.get_by_role("link", name=banner()["title"]).focus()
    api.show(FINE)
    expect(page.get_by_role("link", name=FINE["title"])).to_be_focused()
    api.show(FINE, banner("more", title="Ещё"))
    expect(shown(page)).to_have_count(2)
    expect(page.get_by_role("link", name=FINE["title"])).to_be_focused()
    api.show(banner("more", title="Ещё"), FINE)
    expect(shown(page).first).to_have_text("Ещё")
    expect(page.get_by_role("link", name=FINE["title"])).to_be_focused()
    api.show(NEWS)
    expect(said(page)).to_be_focused()


def test_what_changes_elsewhere_takes_no_focus(api, open_page):
    api.show(banner())
    page = open_page()
    expect(shown(page)).to_have_count(1)
    page.get_by_role("link", name="После").focus()
    api.show(FINE)
    expect(shown(page)).to_have_text([FINE["title"] + FINE["text"]])
    expect(page.get_by_role("link", name="После")).to_be_focused()


def test_what_arrives_later_is_announced_and_what_was_there_is_not(api, open_page):
    api.show(banner())
    page = open_page()
    expect(shown(page)).to_have_count(1)
    expect(said(page)).to_have_text("")
    api.show(banner(), FINE, NEWS)
    expect(said(page)).to_have_text(f"Новое уведомление: {FINE['title']}; {NEWS['title']}")
    expect(said(page)).to_have_attribute("aria-live", "polite")


@pytest.mark.parametrize(("attribute", "lang"), [('locale="ru"', "ru"), ("", None)])
def test_what_is_said_has_the_language_of_the_element_where_the_page_has_another(
    api, open_page, attribute, lang
):
    page = open_page(ELEMENT.replace("placement", f"{attribute} placement"), language="en")
    api.wait(lambda: api.streams)
    api.show(banner())
    expect(said(page)).to_contain_text(banner()["title"])
    assert said(page).get_attribute("lang") == lang


def test_what_goes_or_is_reworded_is_not_announced(api, open_page):
    api.show(banner(), FINE)
    page = open_page()
    expect(shown(page)).to_have_count(2)
    api.show(banner(text="Иначе"))
    expect(shown(page)).to_have_text([banner()["title"] + "Иначе"])
    expect(said(page)).to_have_text("")


def test_dark_is_for_pages_that_have_a_dark_side(api, open_page):
    api.show(banner())
    for style, colour in (("", "rgb(255, 255, 255)"), (SCHEMES, "rgb(26, 33, 45)")):
        page = open_page(style=style)
        page.emulate_media(color_scheme="dark")
        expect(shown(page)).to_have_css("background-color", colour)


def test_a_portal_gives_it_its_own_look(api, open_page):
    api.show(banner(text="Текст"))
    style = """
      quadrupel-banners { --quadrupel-accent: rgb(1, 2, 3); --quadrupel-radius: 9px }
      quadrupel-banners::part(title) { font-size: 30px }
    """
    page = open_page(style=style)
    item = shown(page)
    expect(item).to_have_css("border-left-color", "rgb(1, 2, 3)")
    expect(item).to_have_css("border-radius", "9px")
    expect(page.get_by_role("link", name=banner()["title"])).to_have_css("font-size", "30px")


def test_own_colours_of_the_reader_leave_the_edges_and_the_cross(api, open_page):
    api.show(banner())
    page = open_page()
    page.emulate_media(forced_colors="active", color_scheme="dark")
    expect(shown(page)).to_have_css("border-left-color", "rgb(255, 255, 255)")
    cross = "node => getComputedStyle(node, '::before').borderTopColor"
    assert button(page, banner()).evaluate(cross) == "rgb(255, 255, 255)"


def test_a_narrow_screen_and_large_letters_need_no_sideways_scrolling(api, open_page):
    api.show(banner(title="Достопримечательность" * 4, text="Слово " * 30), FINE)
    page = open_page(style=":root { font-size: 32px }")
    page.set_viewport_size({"width": 320, "height": 600})
    expect(shown(page)).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    box = button(page, FINE).bounding_box()
    assert min(box["width"], box["height"]) >= 44


def test_nothing_moves_by_itself(api, open_page):
    page = open_page()
    api.wait(lambda: api.streams)
    api.show(banner())
    expect(shown(page)).to_have_count(1)
    assert page.evaluate("document.getAnimations().length") == 0
