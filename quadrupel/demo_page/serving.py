"""Serves the demo page in a thread of `quadrupel up`, on the loopback address and on no other."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import httpx
import uvicorn

from quadrupel import bootstrap
from quadrupel.channels.mail_catcher import MailCatcher
from quadrupel.config import Settings
from quadrupel.core.errors import SettingRefused, Unavailable
from quadrupel.demo_page import passing_on
from quadrupel.demo_page.app import create_app
from quadrupel.demo_page.cast import Cast
from quadrupel.portal import Identity, Portal
from quadrupel.store import keys
from quadrupel.store.database import transaction

ADDRESS = "127.0.0.1"
PORT = 8081
SCOPES = ("banners:read", "contacts:write", "events:write", "explain:read")
KEY_HOLDS = timedelta(days=30)
STOP_SECONDS = 5.0


@contextlib.contextmanager
def demo_page(
    settings: Settings, identity: Identity, mail: MailCatcher | None, port: int | None = None
) -> Iterator[str]:
    """Serve the page for as long as the block, and give its URL.

    Of a `port` that is not given it is PORT if that is free, else any. Citizens' tokens are signed
    by `identity`, whose private half is in this process alone. Raises SettingRefused if the port is
    taken.
    """
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(_listen(port))
        at = listening.getsockname()[1]
        api = f"http://{_reached(settings.api_host)}:{settings.api_port}"
        engine = stack.enter_context(bootstrap.open_engine(settings))
        bus = stack.enter_context(contextlib.closing(bootstrap.open_bus(settings)))
        producer = stack.enter_context(contextlib.closing(bus.producer()))
        client = stack.enter_context(httpx.Client(base_url=api, timeout=10, limits=passing_on.ONCE))
        key = stack.enter_context(_service_key(settings))
        front = Portal(client, key, identity)
        cast = Cast(front, engine, producer, mail, lambda: bootstrap.today(settings), bootstrap.now)
        hosts = frozenset({f"{ADDRESS}:{at}", f"localhost:{at}"})
        app = create_app(cast, passing_on.open_client(api), settings.languages, hosts)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=1, ws="none"
        )
        stack.enter_context(_running(uvicorn.Server(config), listening))
        yield f"http://{ADDRESS}:{at}"


def _reached(host: str) -> str:
    """Where this machine finds what listens on that address."""
    return {"0.0.0.0": ADDRESS, "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


def _listen(port: int | None) -> socket.socket:
    if port is None:
        with contextlib.suppress(OSError):
            return socket.create_server((ADDRESS, PORT))
    wanted = (ADDRESS, port or 0)
    try:
        return socket.create_server(wanted)
    except OSError as error:
        raise SettingRefused(f"--page-port: cannot listen on {ADDRESS}:{port}: {error}") from error


@contextlib.contextmanager
def _service_key(settings: Settings) -> Iterator[str]:
    """A key of the page's own, for as long as the block."""
    now = bootstrap.now()
    with bootstrap.open_engine(settings) as engine:
        with transaction(engine) as connection:
            key, text = keys.create(connection, "demo page", SCOPES, now, now + KEY_HOLDS)
        try:
            yield text
        finally:
            # It expires too, so a database that is away by now need not be waited for.
            with contextlib.suppress(Unavailable), transaction(engine) as connection:
                keys.revoke(connection, key.key_id, bootstrap.now())


@contextlib.contextmanager
def _running(server: uvicorn.Server, listening: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=server.run, args=([listening],), name="demo-page", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
