"""Take the pictures of docs/pictures: banners on a page, as Chromium shows them.

The page is drawn here and nothing is served: requests of the page are answered by this script.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Route, sync_playwright

CHECKOUT = Path(__file__).parent.parent
MODULE = CHECKOUT / "clients/web/quadrupel-banners.js"
PICTURES = CHECKOUT / "docs/pictures"
PORTAL = "https://portal.example"

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>State services</title>
<link rel="stylesheet" href="/portal.css">
<script type="module" src="/portal.js"></script>
<header>State services</header>
<main>
<h1>Good morning, Maria</h1>
<quadrupel-banners placement="main"></quadrupel-banners>
</main>
"""

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 sans-serif }
body { margin: 0; background: light-dark(#f3f5f8, #10151d); color: light-dark(#17202e, #f0f3f8) }
header { padding: 12px 24px; background: #123a63; color: #fff; font-weight: bold }
main { max-width: 720px; margin: 0 auto; padding: 8px 16px 24px }
h1 { font-size: 1.5rem }
"""

SCRIPT = """
import { configure } from '/quadrupel-banners.js';
configure({ token: () => 'citizen' });
"""

BANNERS = [
    {
        "rule": "driving_licence_expiring",
        "episode": "2026-12-20",
        "title": "Renew your driving licence by 20 December 2026",
        "link": "/services/driving-licence/renew",
        "dismissible": True,
    },
    {
        "rule": "fine_discount",
        "episode": "fine 7",
        "title": "Pay your fine at half price until 3 December 2026",
        "text": "Order of 13 November 2026. After that day there is no discount.",
        "link": "/services/fines",
        "dismissible": True,
    },
    {
        "rule": "maintenance",
        "episode": "2026-12-01",
        "title": "The portal is closed on 1 December from 2:00 to 4:00",
        "dismissible": False,
    },
]

SHOTS: dict[str, dict[str, Any]] = {
    "banners-light": {"color_scheme": "light", "viewport": {"width": 760, "height": 200}},
    "banners-dark": {"color_scheme": "dark", "viewport": {"width": 760, "height": 200}},
    "banners-mobile": {"color_scheme": "light", "viewport": {"width": 360, "height": 200}},
}


def answer(route: Route) -> None:
    """Answer a request of the page: its files, and the API without a stream."""
    path = route.request.url.removeprefix(PORTAL).partition("?")[0]
    files = {
        "/": ("text/html", PAGE),
        "/portal.css": ("text/css", STYLE),
        "/portal.js": ("text/javascript", SCRIPT),
        "/quadrupel-banners.js": ("text/javascript", MODULE.read_text()),
        "/v1/me/banners": (
            "application/json",
            json.dumps({"banners": [{**each, "placement": "main"} for each in BANNERS]}),
        ),
    }
    kind, body = files.get(path, ("text/plain", ""))
    route.fulfill(status=200 if path in files else 404, content_type=kind, body=body)


def take(browser: Browser, name: str, options: dict[str, Any]) -> None:
    """Take one picture of the whole page."""
    context = browser.new_context(**options)
    context.route(f"{PORTAL}/**", answer)
    page = context.new_page()
    page.goto(PORTAL)
    page.get_by_role("listitem").nth(len(BANNERS) - 1).wait_for()
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    context.close()


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for name, options in SHOTS.items():
            take(browser, name, options)
        browser.close()


if __name__ == "__main__":
    main()
