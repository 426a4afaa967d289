"""What the API sends is data: whatever it is, it runs nothing and breaks nothing."""

import json

import pytest
from playwright.sync_api import expect
from starlette.responses import Response

from .scripted_api import banner

pytestmark = pytest.mark.browser

MARKUP = [
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "</p></div></li><style>* { display: none }</style>",
    "&lt;b&gt; &amp;amp; {{constructor}} ${hit = 1}",
    '" onmouseover="hit = 1" \' `',
    "\u202e\u2066 right to left \ufffd\u2028",
]

NO_LINKS = [
    "javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\x01javascript:x",
    "data:text/html,<script>alert(1)</script>", "vbscript:x", "blob:http://localhost/x",
    "file:///etc/passwd", "about:blank", "ftp://x/", "http://", "http://[", "", None, 7, True,
    ["/x"], {"href": "/x"},
]  # fmt: skip

NO_SETS = [
    "", "null", "7", "[]", "{}", "{", '{"banners": null}', '{"banners": {"length": 1}}',
    '{"banners": "xxx"}', "NaN",
]  # fmt: skip

NO_BANNERS = [
    None, 7, "x", [], {}, {"rule": "x"}, {"rule": "x", "title": ""}, {"rule": "x", "title": 7},
    {"rule": "x", "title": {"en": "x"}}, {"rule": "x", "title": ["x"]},
]  # fmt: skip


def shown(page):
    return page.get_by_role("listitem")


def test_texts_are_shown_as_they_are(api, open_page, complaints):
    api.show(
        *(banner(text, title=text, text=text, episode=text, link=f"/{text}") for text in MARKUP)
    )
    page = open_page()
    expect(shown(page)).to_have_count(len(MARKUP))
    for item, text in zip(shown(page).all(), MARKUP, strict=True):
        assert item.get_by_role("paragraph").all_text_contents() == [text, text]
        assert item.get_by_role("button").get_attribute("aria-label") == f"Скрыть: {text}"
    expect(shown(page).locator("script, img, style, b")).to_have_count(0)
    page.mouse.move(200, 200)
    assert page.evaluate("[window.hit, document.querySelectorAll('main > *').length]") == [None, 4]
    assert complaints == []


def test_what_is_no_path_and_no_address_is_no_link(api, open_page, complaints):
    api.show(*(banner(f"rule_{place}", link=link) for place, link in enumerate(NO_LINKS)))
    page = open_page()
    expect(shown(page)).to_have_count(len(NO_LINKS))
    expect(shown(page).locator("a")).to_have_count(0)
    assert complaints == []


def test_paths_and_addresses_are_links(api, open_page):
    here = "http://localhost:1/"
    links = {
        "/services/renew?from=banner#form": f"{here}services/renew?from=banner#form",
        "/x\" onclick='alert(1)'": f"{here}x%22%20onclick='alert(1)'",
        "https://tax.portal.example": "https://tax.portal.example/",
        "http://tax.portal.example/x y": "http://tax.portal.example/x%20y",
    }
    api.show(*(banner(link, link=link) for link in links))
    page = open_page()
    expect(shown(page)).to_have_count(len(links))
    found = [link.get_attribute("href") for link in shown(page).get_by_role("link").all()]
    assert [href.replace(page.url, here) for href in found] == list(links.values())


def test_what_is_no_set_changes_nothing(api, open_page, complaints):
    api.show(banner())
    page = open_page(again=50)
    for data in NO_SETS:
        api.wait(lambda: api.streams)
        expect(shown(page)).to_have_text([banner()["title"]])
        api.send(f"event: banners\ndata: {data}\n\n".encode())
        api.wait(lambda: not api.streams)  # broken off, since it makes no sense
        expect(shown(page)).to_have_text([banner()["title"]])
    api.show(banner(title="Дальше"))
    expect(shown(page)).to_have_text(["Дальше"])
    assert complaints == []


def test_a_read_that_is_no_set_changes_nothing_either(api, open_page, complaints):
    api.show(banner())
    api.refuse = {"stream": Response(status_code=404)}
    page = open_page()
    expect(shown(page)).to_have_count(1)
    api.refuse["read"] = Response('{"banners": [', media_type="application/json")
    count = len(api.to("read"))
    api.wait(lambda: len(api.to("read")) > count + 1)
    expect(shown(page)).to_have_count(1)
    assert complaints == []


def test_what_is_no_banner_is_left_out_and_the_others_are_shown(api, open_page, complaints):
    api.show(*NO_BANNERS, banner(), banner())
    page = open_page("<quadrupel-banners></quadrupel-banners>")
    expect(shown(page)).to_have_text([banner()["title"]])
    assert complaints == []


def test_a_stream_may_be_cut_anywhere_and_end_lines_as_it_likes(api, open_page):
    page = open_page()
    api.wait(lambda: api.streams)
    for number, end in enumerate(("\n", "\r\n", "\r")):
        title = f"Удостоверение {number}"
        data = json.dumps({"banners": [banner(title=title)]}, ensure_ascii=False, indent=1)
        lines = [": a comment", "event:banners", "nonsense", "id: 5", "retry: soon"]
        text = end.join([*lines, *(f"data: {line}" for line in data.splitlines()), "", ""])
        whole = text.encode()
        for byte in range(0, len(whole), 3):
            api.send(whole[byte : byte + 3])
        expect(shown(page)).to_have_text([title])
    assert len(api.to("stream")) == 1


def test_an_event_without_end_does_not_fill_the_memory(api, open_page):
    page = open_page()
    api.wait(lambda: api.streams)
    for _ in range(12):
        api.send(b"data: " + b"x" * 100_000)
    api.wait(lambda: len(api.to("stream")) == 2)
    api.show(banner())
    expect(shown(page)).to_have_count(1)
