"""The demo page of a real `quadrupel up`, in Chromium: everything behind it is running."""

import itertools
import re
from collections.abc import Iterator
from datetime import date

import httpx
import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect

from .portal import CLIENT
from .up import Up

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = (CLIENT / "node_modules/axe-core/axe.min.js").read_text()
EXPIRING = re.compile("Renew your driving licence by")
EXPIRED = re.compile("Your driving licence ran out")
INSURANCE = "Update your motor insurance certificate"
MILLISECONDS = 30_000
"""How long something may take that goes through all stages of a machine that has much to do."""


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    up = Up()
    up.start()
    yield up
    assert up.stop() == 0, up.said


@pytest.fixture
def violations(context: BrowserContext) -> list[str]:
    """What the Content-Security-Policy had to forbid, in all frames."""
    found: list[str] = []
    context.expose_binding("violated", lambda _, what: found.append(what))
    context.add_init_script(
        "addEventListener('securitypolicyviolation', (event) =>"
        " violated(`${event.violatedDirective} ${event.blockedURI}`))"
    )
    return found


@pytest.fixture
def page(context: BrowserContext, violations: list[str]) -> Page:
    """A tab as wide as a desk's; what is violated in it is heard."""
    context.set_default_timeout(MILLISECONDS)
    page = context.new_page()
    page.set_viewport_size({"width": 1500, "height": 1000})
    return page


def visit(page: Page, up: Up, situation: str = "licence", language: str = "en") -> None:
    """Open the page at a citizen who is new."""
    page.goto(f"{up.page}/?situation={situation}&language={language}")
    idle(page)
    press(page, "Begin again" if language == "en" else "Начать сначала")


def press(page: Page, name: str) -> None:
    """Press a button, and wait until what it does is published."""
    page.get_by_role("button", name=name, exact=True).click()
    idle(page)


def idle(page: Page) -> None:
    said = page.locator("#status")
    expect(said).not_to_have_text(re.compile(r"^$|…$"), timeout=MILLISECONDS)
    expect(said).not_to_contain_text("did not work")


def frame(page: Page, client: str) -> FrameLocator:
    return page.frame_locator(f"#{client}")


def banners(page: Page, client: str = "web", placement: str = "main") -> Locator:
    element = frame(page, client).locator(f'quadrupel-banners[placement="{placement}"]')
    return element.get_by_role("listitem")


def shows(page: Page, *titles: str | re.Pattern[str]) -> None:
    """Both views show these in their main place, sooner or later."""
    for client in ("web", "ios"):
        expect(banners(page, client)).to_have_text(
            [re.compile(each) if isinstance(each, str) else each for each in titles],
            timeout=MILLISECONDS,
        )


def reason(page: Page, rule: str) -> Locator:
    return page.locator(f'#reasons details[data-rule="{rule}"]')


def test_the_story_of_a_licence_is_seen_live_in_both_views(page, up, complaints, violations):
    visit(page, up)
    shows(page, EXPIRING)
    for each in page.frames:
        each.evaluate("window.kept = true")
    press(page, "+ 1 month")
    shows(page, EXPIRED)
    press(page, "A new driving licence is issued")
    shows(page, INSURANCE)
    press(page, "The insurance certificate is issued anew")
    shows(page, "All services of the state in one place")
    press(page, "A traffic fine of 1,500 roubles")
    shows(page, "Pay your latest fine with a discount")
    press(page, "A fine is paid")
    shows(page, "All services of the state in one place")
    assert [each.evaluate("window.kept") for each in page.frames] == [True] * 3, "no reload"
    assert (complaints, violations) == ([], [])


def test_each_banner_is_explained_by_every_clause_with_its_values(page, up):
    visit(page, up)
    why = reason(page, "driving_licence_expiring")
    expect(why).to_have_attribute("open", "")
    expect(why.locator("summary")).to_contain_text(EXPIRING)
    expect(why.locator("summary")).to_contain_text("browser")
    expect(why.locator("summary")).to_contain_text("telephone")
    expect(why.locator(".clauses")).to_contain_text("user.driving_licence_expires")
    expect(why.locator(".mark.true").first).to_be_visible()
    expect(why.locator("dl")).to_contain_text("The day the driving licence runs out")
    expect(why.locator("dl")).to_contain_text("from document.issued")
    expect(page.locator("#near details").first).to_be_visible()
    press(page, "+ 1 month")
    expect(reason(page, "driving_licence_expired").locator("summary")).to_contain_text(EXPIRED)
    expect(page.locator("#shown")).not_to_contain_text(EXPIRING)


def test_what_is_dismissed_is_gone_in_both_views_and_stays_away(page, up):
    visit(page, up, "fines")
    shows(page, "Pay your latest fine with a discount")
    banners(page).get_by_role("button").click()
    shows(page, "All services of the state in one place")
    expect(reason(page, "fine_discount_ending")).to_contain_text("dismissed")
    page.reload()
    idle(page)
    shows(page, "All services of the state in one place")
    press(page, "+ 1 day")
    shows(page, "All services of the state in one place")


def test_when_the_api_dies_what_was_shown_stays_and_all_is_live_again(page, up, violations):
    visit(page, up)
    shows(page, EXPIRING)
    leader, *_ = up.api_processes()
    leader.kill()
    up.wait(lambda: not up.is_ready())
    shows(page, EXPIRING)
    up.wait(up.is_ready)
    press(page, "A new driving licence is issued")
    shows(page, INSURANCE)
    assert violations == []


def test_while_the_api_stands_still_a_dismissal_waits_for_it(page, up):
    visit(page, up)
    shows(page, EXPIRING)
    with up.api_stands_still():
        banners(page).get_by_role("button").click()
        expect(banners(page)).to_have_count(0)
        expect(banners(page, "ios")).to_have_text([EXPIRING])
    shows(page, "All services of the state in one place")


def test_what_the_api_does_not_answer_is_said_not_to_have_worked(page, up):
    visit(page, up)
    with up.api_stands_still():
        page.get_by_role("button", name="A new driving licence is issued").click()
        expect(page.locator("#status")).to_contain_text("did not work", timeout=MILLISECONDS)


def test_who_begins_again_is_new_in_both_views(page, up):
    visit(page, up)
    press(page, "+ 1 month")
    shows(page, EXPIRED)
    later = page.locator("#day").text_content()
    press(page, "Begin again")
    shows(page, EXPIRING)
    assert page.locator("#day").text_content() != later


def test_time_moves_on_for_three_years_at_most(up):
    origin = {"Origin": up.page}
    with httpx.Client(base_url=up.page, headers=origin, timeout=30) as client:
        began = client.post("/demo/home/again").raise_for_status().json()
        answers = []
        while not answers or answers[-1].is_success:
            answers.append(client.post("/demo/home/time/month"))
        client.post("/demo/home/again").raise_for_status()  # for other tests
    assert answers[-1].status_code == 422
    assert answers[-1].json()["type"] == "urn:quadrupel:problem:too-far"
    assert date.fromisoformat(began["day"]) == date.fromisoformat(began["today"])
    days = [date.fromisoformat(each.json()["day"]) for each in answers[:-1]]
    assert (len(days), days) == (36, sorted(set(days)))


def test_a_telephone_is_shown_what_is_for_telephones(page, up):
    visit(page, up, "student")
    press(page, "A document waits at an office")
    expect(banners(page, "ios", "mobile")).to_have_text([re.compile("ready to be collected")])
    expect(banners(page, "web", "sidebar")).to_have_text([re.compile("student's pass")])
    expect(frame(page, "web").get_by_text("ready to be collected")).to_have_count(0)
    press(page, "Collects the document")
    expect(banners(page, "ios", "mobile")).to_have_count(0)


def test_every_citizen_is_shown_something(page, up, complaints, violations):
    visit(page, up)
    for radio in page.get_by_role("radio").all():
        radio.check()
        idle(page)
        expect(frame(page, "web").locator("li[part=banner] a").first).to_be_visible()
        expect(page.locator("#shown details[open]").first).to_be_visible()
    assert (complaints, violations) == ([], [])


def test_letters_to_the_citizen_are_shown(page, up):
    visit(page, up)
    letter = page.locator("#mails details", has_text="Renew your driving licence by")
    letter.click()
    expect(letter.locator("pre")).to_contain_text("driving licence")


def test_it_speaks_russian(page, up):
    visit(page, up, language="ru")
    shows(page, "Замените водительское удостоверение до")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(frame(page, "web").get_by_role("heading", level=1)).to_have_text("Добрый день, Анна")
    page.get_by_role("button", name="EN", exact=True).click()
    idle(page)
    shows(page, EXPIRING)
    expect(page.get_by_role("heading", level=1)).to_contain_text("See a citizen")


def test_a_link_of_a_banner_stays_on_the_page(page, up, violations):
    visit(page, up)
    shows(page, EXPIRING)
    banners(page).get_by_role("link").click()
    opened = frame(page, "web").locator("#opened")
    expect(opened).to_have_text("Here the portal would open /services/driving-licence/renew")
    assert violations == []


def test_what_the_policy_forbids_is_forbidden(page, up, violations):
    visit(page, up)
    for each in page.frames:
        each.evaluate(
            """() => {
              const picture = document.createElement('img');
              picture.src = 'https://evil.example/pixel.png';
              document.body.append(picture);
            }"""
        )
    while len(violations) < 3:
        page.wait_for_timeout(50)
    assert all("img-src" in each for each in violations)


def test_all_of_it_is_done_by_keyboard(page, up):
    visit(page, up)
    shows(page, EXPIRING)
    page.get_by_role("radio", name="Anna Petrova").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Maria Sokolova")).to_be_checked()
    idle(page)
    expect(page.get_by_role("radio", name="Maria Sokolova")).to_be_focused()
    shows(page, "A child was born")
    tab_to(page, "Orders: the child benefit")
    page.keyboard.press("Enter")
    idle(page)
    shows(page, "All services of the state in one place")
    tab_to(page, "+ 1 day")
    page.keyboard.press("Space")
    idle(page)


def test_a_banner_is_dismissed_by_keyboard_through_the_frame(page, up):
    visit(page, up)
    shows(page, EXPIRING)
    page.get_by_role("button", name="Begin again").focus()
    for _ in range(10):
        page.keyboard.press("Tab")
        inside = page.frames[1].evaluate(
            "document.activeElement?.shadowRoot?.activeElement?.localName"
        )
        if inside == "button":
            break
    page.keyboard.press("Enter")
    shows(page, "All services of the state in one place")


def tab_to(page: Page, name: str) -> None:
    """Go on until the button of this name has the focus."""
    wanted = page.get_by_role("button", name=name, exact=True)
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"{name} is not reached")


def wrong(page: Page) -> list[str]:
    """What axe finds in all frames as they are shown now."""
    found = []
    for each in page.frames:
        if not each.evaluate("'axe' in window"):
            each.evaluate(AXE)
        told = each.evaluate("axe.run(document, { iframes: false })")["violations"]
        found += [f"{one['id']}: {node['html']}" for one in told for node in one["nodes"]]
    return found


def test_axe_finds_nothing_wrong(page, up):
    visit(page, up)
    shows(page, EXPIRING)
    expect(reason(page, "driving_licence_expiring")).to_be_visible()
    for each in page.locator("#reasons summary").all()[:6]:
        if each.locator("..").get_attribute("open") is None:
            each.click()
    found: dict[tuple[str, int], list[str]] = {}
    for scheme, width in itertools.product(("light", "dark"), (1500, 1000, 390)):
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(color_scheme=scheme)
        found[scheme, width] = wrong(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {how: what for how, what in found.items() if what} == {}
