"""Take the pictures of the demo page in docs/pictures, of a `quadrupel up` that is running.

quadrupel up                              # in another terminal
.venv/bin/python scripts/demo_pictures.py [http://127.0.0.1:8081]
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

PICTURES = Path(__file__).parent.parent / "docs/pictures"
ADDRESS = "http://127.0.0.1:8081"
PUBLISHED = 30_000
"""Milliseconds that something may take which goes through all stages."""

SHOTS: dict[str, dict[str, Any]] = {
    "demo-page": {"viewport": {"width": 1500, "height": 1160}},
    "demo-page-dark": {"viewport": {"width": 1500, "height": 1160}, "color_scheme": "dark"},
    "demo-page-mobile": {"viewport": {"width": 390, "height": 1400}},
}


def wait(page: Page) -> None:
    """Wait until what was asked for is published, and explained."""
    done = re.compile(r"^.+[^…]$")
    expect(page.locator("#status")).to_have_text(done, timeout=PUBLISHED)
    for frame in page.frames[1:]:
        frame.locator("li[part=banner]").first.wait_for()
    page.locator("#shown details").first.wait_for()


def take(browser: Browser, name: str, address: str, options: dict[str, Any]) -> None:
    """Take one picture: of Anna, who begins again and is fined."""
    context = browser.new_context(**options, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/?situation=licence&language=en")
    wait(page)
    page.get_by_role("button", name="Begin again").click()
    wait(page)
    page.get_by_role("button", name="A traffic fine").click()
    wait(page)
    expect(page.frame_locator("#web").locator("li[part=banner]")).to_have_count(3)
    expect(page.locator("#shown details")).to_have_count(3)
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0); document.querySelector('.controls').scrollTo(0, 0)")
    page.screenshot(path=PICTURES / f"{name}.png")
    context.close()


def main() -> None:
    """Take all pictures."""
    address = sys.argv[1] if len(sys.argv) > 1 else ADDRESS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for name, options in SHOTS.items():
            take(browser, name, address, options)
        browser.close()


if __name__ == "__main__":
    main()
