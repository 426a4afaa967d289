"""The handbook of the rules, as a browser shows it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from quadrupel.rules import catalogue
from quadrupel.rules.handbook import pages

SHIPPED = Path(__file__).parents[2] / "rules"
VOID = {"meta", "br"}


@pytest.fixture(scope="module")
def shipped():
    return catalogue.load(SHIPPED)


@pytest.fixture(scope="module")
def handbook(shipped):
    return pages(shipped, ("en", "ru"), {"birthday": 1234})


class Outline(HTMLParser):
    """Ids, links and lost tags of a page, as a strict reader finds them."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.open, self.outside = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.outside += [given[name] for name in ("src", "srcset", "action") if name in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_rule_is_on_the_page_of_its_situation(shipped, handbook):
    outlines = {name: Outline(page) for name, page in handbook.items()}
    for rule in shipped.rules.values():
        assert rule.id in outlines[f"{rule.situation}.html"].ids
        assert f"{rule.situation}.html#{rule.id}" in outlines["index.html"].links


def test_links_lead_to_what_is_there_and_nothing_comes_from_outside(handbook):
    outlines = {name: Outline(page) for name, page in handbook.items()}
    for name, outline in outlines.items():
        assert len(outline.ids) == len(set(outline.ids))
        assert outline.outside == []
        for link in outline.links:
            page, _, anchor = link.partition("#")
            assert not anchor or anchor in outlines[page or name].ids
        assert not re.search(r"url\(|@import|<script|<link|https?://", handbook[name])


def test_a_rule_is_told_in_words_and_in_all_languages(handbook):
    page = handbook["transport.html"]
    for told in (
        "today is on or before the day the driving licence runs out",
        'Renew your driving licence by <var title="The day the driving licence runs out">',
        '<p lang="ru">',
        "owner: transport",
        "E-mail from the template <code>driving_licence_expiring</code>",
        "driving licence expires: 2026-12-20",
    ):
        assert told in page
    assert "1,234 citizens now" in handbook["notices.html"]


def test_a_windowed_count_is_told_with_its_window_and_days(handbook):
    page = handbook["taxes_and_fines.html"]
    for told in (
        "how many traffic fines there were in the last 365 days is at least 3",
        "<td>windowed count of 365 days</td>",
        "recent fines: 2025-11-24, 2026-11-23 (2 times)",
    ):
        assert told in page


def test_without_a_database_nothing_is_said_of_how_many(shipped):
    assert "citizens now" not in pages(shipped, ("en",))["notices.html"]


def test_texts_cannot_bring_markup(folder):
    path = folder / "people" / "someone_born.py"
    evil = "<script>alert(1)</script>"
    text = path.read_text().replace("About something.", f"About {evil}")
    text = text.replace('"en": "Title"', f'"en": "{evil} {{born}} {{{{x}}}}"')
    path.write_text(text.replace('owner = "team"', f'owner = "{evil}"\ntags = ["{evil}"]'))
    written = pages(catalogue.load(folder), ("en", "ru"))["people.html"]
    assert "<script" not in written
    assert '&lt;script&gt;alert(1)&lt;/script&gt; <var title="b">born</var> {x}' in written


@pytest.fixture
def dom(tmp_path, handbook):
    """What a real browser makes of a page."""
    for name, page in handbook.items():
        (tmp_path / name).write_text(page, encoding="utf-8")

    def shown(name, *options):
        browser = [shutil.which("chromium"), "--headless", "--no-sandbox", "--disable-gpu"]
        home = f"--user-data-dir={tmp_path / 'browser'}"
        address = (tmp_path / name).as_uri()
        done = subprocess.run(
            [*browser, home, *options, address], capture_output=True, text=True, timeout=60,
            check=True,
        )  # fmt: skip
        return done.stdout

    return shown


@pytest.mark.browser
def test_a_browser_reads_the_pages_as_they_were_written(dom, handbook):
    for name in ("index.html", "transport.html"):
        read = dom(name, "--dump-dom")
        assert read.count("<article") == handbook[name].count("<article")
        assert read.count("<tr") == handbook[name].count("<tr")
        assert Outline(read).ids == Outline(handbook[name]).ids


@pytest.mark.browser
def test_a_page_is_no_wider_than_a_telephone(dom, tmp_path, handbook):
    measure = (
        "<script>document.title = document.documentElement.scrollWidth"
        " <= document.documentElement.clientWidth</script></body>"
    )
    for name, page in handbook.items():
        (tmp_path / name).write_text(page.replace("</body>", measure), encoding="utf-8")
    for name in ("index.html", "transport.html", "taxes_and_fines.html"):
        assert "<title>true</title>" in dom(name, "--dump-dom", "--window-size=500,900")


def test_what_a_banner_gives_way_to_is_told(handbook):
    assert "story “tax payment”" in handbook["taxes_and_fines.html"]
    assert "Not beside another banner of “prevention”" in handbook["health.html"]
    assert handbook["notices.html"].count("nobody can dismiss it") == 1  # of a court hearing


def test_what_is_tried_with_a_rule_is_told(handbook):
    health = handbook["health.html"]
    assert "Variant “day_off”, for 50 % of them" in health
    assert "Variant “two_hours”, for 50 % of them" in health
    assert "Two hours for your health" in health
    assert "Goal: service.completed (service = checkup) within 60 days" in health
