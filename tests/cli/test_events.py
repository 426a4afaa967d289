import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
from typer.testing import CliRunner

from quadrupel.bus import topics
from quadrupel.bus.event_codec import decode_event
from quadrupel.bus.postgres import PostgresBus
from quadrupel.cli.events import app
from quadrupel.core.errors import BusUnavailable, InputRefused, QuadrupelError

GOOD = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "t",
    "subject": "u1",
    "time": "2026-11-23T10:00:00Z",
}


def lines(*changes: dict[str, object]) -> str:
    return "\n".join(json.dumps(GOOD | change) for change in changes)


@pytest.fixture
def on_bus(database_url: str, monkeypatch: pytest.MonkeyPatch) -> PostgresBus:
    monkeypatch.setenv("QUADRUPEL_DATABASE_URL", database_url)
    bus = PostgresBus(database_url)
    bus.admin().create(topics.topics(2))
    return bus


def ids(bus: PostgresBus) -> list[str]:
    return sorted(decode_event(each.value).id for each in bus.admin().browse(topics.EVENTS))


def run(*arguments: str, stdin: str = ""):
    return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)


def test_a_good_file_is_sent_onto_the_bus(on_bus: PostgresBus, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(lines({}, {"id": "2"}))
    result = run("send", str(file), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"good": 2, "refused": 0, "sent": 2, "bad": []}
    assert ids(on_bus) == ["1", "2"]


def test_one_bad_line_and_nothing_is_sent(on_bus: PostgresBus, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(lines({}, {"time": "noon"}, {"id": "3"}))
    result = run("send", str(file), "--json")
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert (summary["sent"], summary["refused"]) == (0, 1)
    assert (summary["bad"][0]["place"], summary["bad"][0]["reason"]) == ("line 2", "bad-time")
    assert f"{file}: line 2: bad-time: " in result.stderr
    assert ids(on_bus) == []


def test_standard_input_is_checked_as_a_whole_too(on_bus: PostgresBus) -> None:
    assert run("send", "-", stdin=lines({}, {"id": ""})).exit_code == 1
    assert ids(on_bus) == []
    assert run("send", "-", stdin=lines({}, {"id": "2"})).exit_code == 0
    assert ids(on_bus) == ["1", "2"]


def test_bad_lines_can_be_left_out(on_bus: PostgresBus) -> None:
    result = run("send", "--skip-bad", "-", stdin=lines({}, {"id": ""}, {"id": "3"}))
    assert result.exit_code == 0
    assert ids(on_bus) == ["1", "3"]
    assert "2 good, 1 refused, 2 sent" in result.stdout


def test_check_sends_nothing_and_needs_no_bus() -> None:
    assert run("check", "-", stdin=lines({}, {"id": "2"})).exit_code == 0
    result = run("check", "-", stdin="[1, 2]")
    assert result.exit_code == 1
    assert "event 2: not-an-object" in result.stderr
    result = run("check", "-", stdin=lines({}, {"time": "2200-01-01T00:00:00Z"}))
    assert result.exit_code == 1
    assert "line 2: in-the-future" in result.stderr


def test_only_the_first_hundred_bad_lines_are_shown() -> None:
    result = run("check", "-", stdin="x\n" * 250)
    assert result.stderr.count("not-json") == 100
    assert "150 more" in result.stderr


def test_a_file_that_is_not_there_is_named() -> None:
    result = run("check", "no-such-file")
    assert result.exit_code == 2
    assert "no-such-file" in result.stderr


class ApiDouble(http.server.BaseHTTPRequestHandler):
    """Answers with the statuses it is given, one after the other, then 202."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, self.headers["authorization"], body))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if statuses else 202)
        self.end_headers()
        self.wfile.write(b'{"detail": "no"}')

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def api_double(*statuses: int) -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), ApiDouble)
    server.seen, server.statuses = [], list(statuses)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


KEY = f"qk_{'a' * 12}_{'B' * 43}"


def send_to(server: http.server.HTTPServer, stdin: str):
    url = f"http://127.0.0.1:{server.server_port}/quadrupel"
    return run("send", "-", "--url", url, "--key", KEY, stdin=stdin)


def test_events_go_through_the_api_in_requests_it_takes() -> None:
    with api_double() as server:
        result = send_to(server, lines(*({"id": str(number)} for number in range(1500))))
    assert result.exit_code == 0
    assert [body.count(b"\n") + 1 for _, _, body in server.seen] == [1000, 500]
    assert {(path, key) for path, key, _ in server.seen} == {
        ("/quadrupel/v1/events", f"Bearer {KEY}")
    }


def test_a_request_is_repeated_while_the_api_is_away() -> None:
    with api_double(503, 429) as server, stamina.set_testing(True, attempts=5):
        result = send_to(server, lines({}))
    assert result.exit_code == 0
    assert "answers 503; tries again" in result.stderr
    assert len({body for _, _, body in server.seen}) == 1
    assert len(server.seen) == 3


def test_an_api_that_stays_away_is_unavailable() -> None:
    with (
        api_double(*[503] * 3) as server,
        stamina.set_testing(True, attempts=3),
        pytest.raises(BusUnavailable, match="answers 503"),
    ):
        send_to(server, lines({}))


def test_what_the_api_refuses_is_not_repeated() -> None:
    with api_double(403) as server, pytest.raises(InputRefused, match="403"):
        send_to(server, lines({}))
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [403, 503])
def test_a_password_in_the_url_is_not_told(status: int) -> None:
    with api_double(*[status] * 3) as server, stamina.set_testing(True, attempts=2):
        url = f"http://us:geheim@127.0.0.1:{server.server_port}/x?key=geheim"
        with pytest.raises(QuadrupelError, match=f"/x answers {status}") as failed:
            run("send", "-", "--url", url, "--key", KEY, stdin=lines({}))
    assert "geheim" not in str(failed.value)


@pytest.mark.parametrize("key", ["", "qk_x", f"{KEY}\n", f"{KEY[:-1]}ы", f" {KEY}"])
def test_what_is_no_key_is_shown_to_nobody(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUADRUPEL_SERVICE_KEY", key)
    with api_double() as server, stamina.set_testing(True, attempts=2):
        url = f"http://127.0.0.1:{server.server_port}/quadrupel"
        result = run("send", "-", "--url", url, stdin=lines({}))
    assert result.exit_code == 2
    assert "QUADRUPEL_SERVICE_KEY" in result.stderr
    assert KEY[20:-1] not in result.stderr
    assert server.seen == []


@pytest.mark.parametrize("url", ["portal.example", "http://", "http://portal:x/", "ftp://portal"])
def test_a_url_that_nobody_could_ask_is_not_asked(url: str) -> None:
    with stamina.set_testing(True, attempts=2):
        result = run("send", "-", "--url", url, "--key", KEY, stdin=lines({}))
    assert result.exit_code == 2
    assert "--url" in result.stderr
