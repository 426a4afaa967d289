"""The integration guide, typed in as it stands."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .portal import CLIENT
from .scripted_api import banner

pytestmark = pytest.mark.browser

GUIDE = (Path(__file__).parents[2] / "docs/how-to/show-banners.md").read_text()
THERE = "https://notify.portal.example"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def typed_in(api, portal, context):
    """Opens a page of the guide's first steps; `more` is put behind its script."""

    def opened(more: str = "", markup: str = "", style: str = "") -> Page:
        session = "const session = { accessToken: async () => 'citizen' };\n"
        portal.page = f'<!doctype html><html lang="ru">{markup}{blocks("html")[0]}'
        portal.script = session + blocks("js")[0].replace(THERE, api.url) + more
        portal.policy = blocks("text")[0].strip().replace(THERE, api.url)
        portal.style = style
        page = context.new_page()
        page.goto(portal.url)
        return page

    return opened


def test_the_first_four_steps_show_banners(api, typed_in, complaints):
    api.show(banner())
    page = typed_in()
    expect(page.get_by_role("link", name=banner()["title"])).to_be_visible()
    api.show(banner(title="Дальше"))
    expect(page.get_by_role("link", name="Дальше")).to_be_visible()
    assert complaints == []


def test_its_style_gives_the_look_that_it_says(api, typed_in):
    api.show(banner())
    linked = '<link rel="stylesheet" href="/static/portal.css">'
    page = typed_in(markup=linked, style=blocks("css")[0])
    item = page.get_by_role("listitem")
    expect(item).to_have_css("border-left-color", "rgb(122, 31, 61)")
    expect(item).to_have_css("border-radius", "0px")
    expect(page.locator("[part=title]")).to_have_css("font-size", "18px")


def test_its_router_follows_links_of_its_own(api, typed_in, complaints):
    api.show(banner())
    page = typed_in("const router = { push: (link) => { window.went = link; } };" + blocks("js")[1])
    page.get_by_role("link", name=banner()["title"]).click()
    api.wait(lambda: page.evaluate("window.went") == banner()["link"])
    assert complaints == []


def test_the_properties_and_parts_that_it_names_are_those_that_there_are():
    style = (CLIENT / "src/style.css").read_text()
    view = (CLIENT / "src/view.js").read_text()
    assert set(re.findall(r"--quadrupel-[a-z]+", GUIDE)) == set(
        re.findall(r"--quadrupel-[a-z]+", style)
    )
    named = re.search(r"Parts: ([^.]+)\.", GUIDE)[1]
    assert set(re.findall(r"`([a-z]+)`", named)) == set(re.findall(r"part: '([a-z]+)'", view))
