import asyncio
import contextlib
import hmac
import json
import re
import socket
import threading
import time
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from quadrupel.channels.webhook import (
    MAX_ANSWER,
    Endpoint,
    WebhookChannel,
    read_secrets,
    signed,
)
from quadrupel.core.channels import Delivered, Envelope, RefusedForGood, RefusedForNow
from quadrupel.core.errors import ChannelUnavailable, SettingRefused
from quadrupel.core.messages import Message, MessageKey

NOW = datetime(2026, 11, 23, 12, 0, 0, 987654, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = MessageKey("anna", "rule:newly_moved", "2026-11-20", "webhook:crm")
ENVELOPE = Envelope(
    Message(KEY, "newly_moved", {"residence_region": 'Ямал "89"'}),
    None,
    NOW - timedelta(hours=1),
    NOW,
)


class Receiver(ThreadingHTTPServer):
    """A real endpoint: answers what it is told to and remembers what it was sent."""

    def __init__(self, status=204, headers=(), body=b""):
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.headers, self.body = status, headers, body
        self.requests, self.connections = [], set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hooks"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.server.connections.add(self.client_address)
        self.send_response(self.server.status)
        for name, value in self.server.headers:
            self.send_header(name, value)
        if self.server.status != 204 and "content-length" not in dict(self.server.headers):
            self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(self.server.body)

    def log_message(self, *args):
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@contextlib.contextmanager
def receiver(*args, **kwargs):
    with Receiver(*args, **kwargs) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def deliver(url, times=1, **bounds):
    async def deliver_all():
        channel = WebhookChannel(Endpoint("crm", url, read_secrets("crm", SECRET)), **bounds)
        try:
            return [await channel.deliver(ENVELOPE) for _ in range(times)]
        finally:
            await channel.close()

    return asyncio.run(deliver_all())


def test_a_message_is_posted_signed_and_the_receiver_can_verify_it():
    with receiver() as server:
        assert deliver(server.url) == [Delivered()]
    [(path, headers, body)] = server.requests
    assert path == "/hooks"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "type": "quadrupel.message",
        "timestamp": "2026-11-23T11:00:00.987654+00:00",
        "data": {
            "user_id": "anna",
            "origin": "rule:newly_moved",
            "episode": "2026-11-20",
            "template": "newly_moved",
            "values": {"residence_region": 'Ямал "89"'},
        },
    }
    # As the receiver does it, by the words of the specification.
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = hmac.digest(b64decode(SECRET.removeprefix("whsec_")), content, "sha256")
    assert headers["webhook-signature"] == "v1," + b64encode(expected).decode()
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-id"] == KEY.digest


def test_the_receivers_code_in_the_documentation_tells_right_from_wrong(monkeypatch):
    page = Path(__file__).parents[2] / "docs/reference/webhook.md"
    [code] = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names = {}
    exec(code, names)
    monkeypatch.setattr(time, "time", NOW.timestamp)
    with receiver() as server:
        deliver(server.url)
    [(_, headers, body)] = server.requests
    verify = names["verify"]
    assert verify(SECRET, headers, body)
    assert not verify(SECRET, headers, body + b" ")
    assert not verify(
        "whsec_" + b64encode(b"another secret of 32 bytes......").decode(), headers, body
    )
    old = {**headers, "webhook-timestamp": str(int(NOW.timestamp()) - 301)}
    assert not verify(SECRET, old, body)
    assert verify(
        SECRET, {**headers, "webhook-signature": f"v1,x {headers['webhook-signature']}"}, body
    )


def test_the_signature_is_that_of_the_specifications_own_example():
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed(
        read_secrets("crm", SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_a_receiver_may_know_either():
    other = "whsec_" + b64encode(b"another secret of 32 bytes......").decode()
    body = b'{"test": 2432232314}'

    def signature(secrets: str) -> str:
        return signed(read_secrets("crm", secrets), "msg_1", NOW, body)["webhook-signature"]

    both = signature(f"{other}  {SECRET}")
    assert both.split() == [signature(other), signature(SECRET)]
    assert signature(other) != signature(SECRET)


def test_a_message_tried_again_has_the_same_id_and_uses_the_same_connection():
    with receiver(503, body=b"busy") as server:
        deliver(server.url, times=3)
    assert {headers["webhook-id"] for _, headers, _ in server.requests} == {KEY.digest}
    assert len(server.connections) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_status_of_success_is_delivered(status):
    with receiver(status) as server:
        assert deliver(server.url) == [Delivered()]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_some_refusals_are_for_now(status):
    with receiver(status) as server:
        [outcome] = deliver(server.url)
    assert isinstance(outcome, RefusedForNow)
    assert outcome.reason.startswith(f"HTTP {status}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
def test_other_refusals_are_for_good(status):
    with receiver(status) as server:
        [outcome] = deliver(server.url)
    assert isinstance(outcome, RefusedForGood)
    assert not outcome.about_address


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    with receiver() as other, receiver(status, [("location", other.url)]) as server:
        [outcome] = deliver(server.url)
    assert isinstance(outcome, RefusedForGood)
    assert other.requests == []


@pytest.mark.parametrize(
    ("header", "retry_after"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta()),
        ("Mon, 23 Nov 2026 12:05:00 GMT", timedelta(minutes=4, seconds=59, microseconds=12346)),
        ("Mon, 23 Nov 2020 12:05:00 GMT", timedelta()),
        ("9" * 400, timedelta(seconds=10**8)),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Nov 2026 12:05:00 GMT", None),
    ],
)
def test_the_receiver_may_say_when_to_come_again(header, retry_after):
    with receiver(429, [("Retry-After", header)]) as server:
        [outcome] = deliver(server.url)
    assert outcome.retry_after == retry_after


def test_an_endless_answer_is_not_read():
    with receiver(200, body=b"x" * (50 * MAX_ANSWER)) as server:
        assert deliver(server.url) == [Delivered()]


def test_an_answer_that_is_cut_means_what_its_status_says():
    with receiver(200, [("content-length", "9"), ("connection", "close")], b"short") as server:
        assert deliver(server.url) == [Delivered()]


def test_an_endpoint_that_is_down_is_away():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ChannelUnavailable, match="the webhook crm: "):
            deliver(f"http://127.0.0.1:{taken.getsockname()[1]}/hooks")


def test_an_endpoint_that_hangs_up_is_away():
    def hang_up(listener):
        connection, _ = listener.accept()
        connection.recv(10)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, args=(listener,))
        thread.start()
        with pytest.raises(ChannelUnavailable):
            deliver(f"http://127.0.0.1:{listener.getsockname()[1]}/hooks")
        thread.join()


@contextlib.contextmanager
def dripping(first, piece):
    """An endpoint that answers `first`, then so many pieces that the answer has no end."""
    end = threading.Event()

    def drip(listener):
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionError):
            connection.recv(64 * 1024)
            connection.sendall(first)
            while not end.wait(0.02):
                connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hooks"
        end.set()
        thread.join()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_an_endpoint_whose_answer_never_begins_is_away(first):
    began = time.monotonic()
    away = pytest.raises(ChannelUnavailable, match="the webhook crm: TimeoutError")
    with dripping(first, b"X-Drop: x\r\n" if first else b"H") as url, away:
        deliver(url, seconds=0.5)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("200 OK", Delivered()), ("503 Busy", RefusedForNow("HTTP 503 Busy"))],
)
def test_an_answer_without_an_end_means_what_its_status_says(status, outcome):
    began = time.monotonic()
    head = f"HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    with dripping(head, b"1\r\nx\r\n") as url:
        assert deliver(url) == [outcome]
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "secret",
        "whsec_",
        "whsec_not base64!",
        "whsec_" + b64encode(b"x" * 23).decode(),
        "whsec_" + b64encode(b"x" * 65).decode(),
        b64encode(b"x" * 32).decode(),
        "whsec_ключ",
        " ",
        f"{SECRET} whsec_",
        f"secret {SECRET}",
        f"{SECRET},{SECRET}",
    ],
)
def test_a_secret_that_is_none_is_a_wrong_setting_and_not_told(secret):
    with pytest.raises(SettingRefused, match="QUADRUPEL_WEBHOOKS: the secret of crm") as refused:
        read_secrets("crm", secret)
    assert len(secret) < 7 or secret not in str(refused.value)
    assert SECRET not in str(refused.value)
