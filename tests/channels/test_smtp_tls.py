"""Encryption and passwords, against a real server with a certificate of its own."""

import asyncio
import ssl
import threading

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from quadrupel.channels.smtp import Mail, SmtpConnections, read_smtp_url
from quadrupel.core.channels import Delivered
from quadrupel.core.errors import ChannelUnavailable
from tests.certificates import self_signed

from .scripted_smtp import scripted_smtp

# aiosmtpd does not see that the connection it is given is encrypted from the start.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

MAIL = Mail("no-reply@portal.example", "anna@example.org", b"Subject: x\r\n\r\nx\r\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


class Handler:
    def __init__(self):
        self.caught = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd calls it so
        self.caught.append((session.ssl is not None, session.auth_data))
        return "250 OK"


def authenticate(server, session, envelope, mechanism, credentials):
    right = (credentials.login, credentials.password) == (b"portal", b"s3cret/:@")
    return AuthResult(success=right, handled=False, auth_data=credentials.login.decode())


@pytest.fixture
def server(certificate):
    """Start a server: `start(tls)` is encrypted from the start, or else demands STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    handler, listening = Handler(), []

    def session(tls):
        return SMTP(
            handler,
            loop=loop,
            hostname="localhost",
            tls_context=None if tls else context,
            require_starttls=not tls,
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=not tls,
        )

    async def listen(tls):
        wrapped = context if tls else None
        started = await loop.create_server(lambda: session(tls), "127.0.0.1", 0, ssl=wrapped)
        listening.append(started)
        return started.sockets[0].getsockname()[1]

    async def hang_up():
        for each in listening:
            each.close()
        sessions = asyncio.all_tasks() - {asyncio.current_task()}
        for each in sessions:
            each.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def start(tls):
        return asyncio.run_coroutine_threadsafe(listen(tls), loop).result(), handler.caught

    yield start
    asyncio.run_coroutine_threadsafe(hang_up(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def hand_over(url):
    async def one():
        connections = SmtpConnections(read_smtp_url(url))
        try:
            return await connections.hand_over(MAIL)
        finally:
            await connections.close()
            await asyncio.sleep(0.1)  # the two sides take leave of each other

    return asyncio.run(one())


@pytest.mark.parametrize("tls", [True, False])
def test_a_password_goes_through_an_encrypted_connection(server, certificate, monkeypatch, tls):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    port, caught = server(tls)
    login = "portal:s3cret%2F%3A%40@localhost"
    url = f"smtps://{login}:{port}" if tls else f"smtp://{login}:{port}?starttls=true"
    assert hand_over(url) == Delivered()
    assert caught == [(not tls, "portal")]


def test_a_wrong_password_is_a_server_that_is_away(server, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    port, caught = server(tls=True)
    with pytest.raises(ChannelUnavailable, match="535") as away:
        hand_over(f"smtps://portal:wrong-one@localhost:{port}")
    assert "wrong-one" not in str(away.value)
    assert caught == []


@pytest.mark.parametrize("tls", [True, False])
def test_a_certificate_nobody_vouches_for_gets_no_password_and_no_mail(server, tls):
    port, caught = server(tls)
    login = "portal:s3cret%2F%3A%40@localhost"
    url = f"smtps://{login}:{port}" if tls else f"smtp://{login}:{port}?starttls=true"
    with pytest.raises(ChannelUnavailable, match="certificate"):
        hand_over(url)
    assert caught == []


def test_a_server_without_starttls_gets_nothing_where_it_is_demanded():
    with scripted_smtp() as plain, pytest.raises(ChannelUnavailable):
        hand_over(f"{plain.url}?starttls=true")
    assert "MAIL" not in plain.commands
