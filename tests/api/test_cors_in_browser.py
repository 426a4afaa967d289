"""A page of another origin in a real Chromium, which decides itself what the page may read."""

import http.server
import shutil
import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from quadrupel.core.rates import rate

from .conftest import running

READ = """async ([api, token]) => {
  const url = `${api}/v1/me/banners`;
  const own = { Authorization: `Bearer ${token}` };
  const read = await fetch(url, { headers: own });
  const tag = read.headers.get('ETag');
  const unchanged = await fetch(url, { headers: { ...own, 'If-None-Match': tag } });
  const refused = await fetch(url, { headers: { Authorization: 'Bearer a.b.c' } });
  const last = { ...own, 'Last-Event-ID': '1-0123456789abcdef' };
  const stream = await fetch(`${url}/stream`, { headers: last });
  const first = await stream.body.getReader().read();
  return {
    version: (await read.json()).version,
    id: read.headers.get('X-Request-ID'),
    unchanged: unchanged.status,
    refused: [refused.status, (await refused.json()).title],
    stream: new TextDecoder().decode(first.value).slice(0, 6),
  };
}"""

GIVE = """async ([api, token]) => {
  const url = `${api}/v1/me/banners/feedback`;
  const given = (action) => [{ banner: 'birthday', episode: '2026', action }];
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const body = JSON.stringify(given('seen'));
  const answer = await fetch(url, { method: 'POST', headers, body });
  const beacon = { access_token: token, feedback: given('clicked') };
  return [answer.status, navigator.sendBeacon(url, JSON.stringify(beacon))];
}"""

ASK = """async ([api, token, headers]) => {
  const own = { Authorization: `Bearer ${token}`, ...headers };
  try {
    const answer = await fetch(`${api}/v1/me/banners`, { headers: own });
    return [answer.status, answer.headers.get('Retry-After')];
  } catch (error) {
    return error.name;
  }
}"""


class Nothing(http.server.BaseHTTPRequestHandler):
    """An empty page, whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Where pages are: of one origin as localhost, of another as 127.0.0.1."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--disable-gpu"])
        yield browser.new_page()
        browser.close()


@pytest.mark.browser
def test_a_page_of_the_portal_reads_gives_and_streams_and_others_do_not(
    api_database, signer, tmp_path, port, page
) -> None:
    portal, counted = f"http://localhost:{port}", 5
    more = {"origins": [portal], "user_rate": rate(1, 60, counted)}
    with running(api_database, signer, tmp_path, **more) as api:
        api.publish("browsing", 3, ("birthday", {}))
        told = [str(api.client.base_url), signer.token("browsing")]
        page.goto(portal)
        found = page.evaluate(READ, told)
        assert len(found.pop("id")) == 32
        assert found == {
            "version": 3,
            "unchanged": 304,
            "refused": [401, "Not authenticated"],
            "stream": "retry:",
        }
        assert page.evaluate(GIVE, told) == [202, True]
        deadline = time.monotonic() + 20
        while len(api.messages("browsing")) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(api.messages("browsing")) == 2, "the beacon arrived"
        status, seconds = page.evaluate(ASK, [*told, {}])
        assert (status, 1 <= int(seconds) <= 60) == (429, True)
        assert page.evaluate(ASK, [*told, {"X-Other": "a"}]) == "TypeError"
        page.goto(f"http://127.0.0.1:{port}")
        others = [told[0], signer.token("browsing-elsewhere")]
        assert page.evaluate(ASK, [*others, {}]) == "TypeError"
