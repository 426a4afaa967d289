"""`quadrupel api`: the REST service in worker processes of its own."""

import asyncio
import math
import multiprocessing
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Annotated

import typer
from fastapi import FastAPI
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from quadrupel import bootstrap_api, memory, standstill
from quadrupel.api.leaving import leave
from quadrupel.cli.stages import MetricsPort
from quadrupel.config import read_settings
from quadrupel.core.errors import SettingRefused
from quadrupel.supervisor import stop_on_signals
from quadrupel.worker_metrics import serve_metrics_of_workers

HEADER_BYTES = 64 * 1024
"""The most that the headers of a request may have together; more is answered 431."""

HEADER_MILLISECONDS = 10_000

CONNECTIONS = 8_192
"""How many connections a worker has open at once; further ones wait until one is closed.

It must be more than the requests that are let wait (`store.banner_reads`, `api.waiting`) and the
streams that are open (`api.streams`), so that those that are too many are told so at once, and idle
connections of proxies lock nobody out.
"""

OPEN_FILES = CONNECTIONS + 512
DRAIN_SECONDS = 15
TELL_AGAIN_SECONDS = 0.1


def api(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; else the setting.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on; else the setting.", min=1)
    ] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=64)] = 1,
    metrics_port: MetricsPort = None,
) -> None:
    """Run the API: banners to citizens and systems, events and contacts from systems.

    Examples:
      quadrupel api
      quadrupel api --host 0.0.0.0 --port 8000 --workers 4 --metrics-port 9100

    Needs QUADRUPEL_JWT_KEYS and QUADRUPEL_JWT_ISSUER. When stopped, it answers what it has begun.
    Several may listen on one port, so a new one can start before the old one stops: SIGTERM lets
    its callers go over, for QUADRUPEL_API_GRACE seconds at most; Ctrl-C does not wait for them.
    The port for metrics is that of one alone: give the new one another.
    """
    settings = read_settings(api_host=host, api_port=port, metrics_port=metrics_port)
    os.environ["QUADRUPEL_API_PORT"] = str(settings.api_port)  # what workers read
    # What is wrong is said once and here, not by every worker.
    bootstrap_api.api()
    bootstrap_api.verify_tables(settings)
    _check_address(settings.api_host, settings.api_port)
    # A forked worker would inherit locks in the middle of being held.
    multiprocessing.set_start_method("spawn", force=True)
    server = Granian(
        f"{__name__}:worker",
        address=settings.api_host,
        port=settings.api_port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=workers,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(HEADER_MILLISECONDS, max_buffer_size=HEADER_BYTES),
        websockets=False,
        backpressure=CONNECTIONS,  # the server counts connections, not requests
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=math.ceil(settings.api_grace) + DRAIN_SECONDS,
    )
    threading.Thread(target=_pass_on, args=(stop_on_signals(),), daemon=True).start()
    with serve_metrics_of_workers(settings.metrics_port):
        server.serve()


def worker() -> FastAPI:
    """The application, in a worker process that ends when the process that started it does."""
    parent = multiprocessing.parent_process()  # it may be gone already
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_end_with, args=(parent.pid,), daemon=True).start()
    _allow_open_files()
    application = bootstrap_api.api(_on_stop)
    memory.keep(memory.API)
    return application


def _on_stop(end_waits: Callable[[], None]) -> None:
    """Call it at SIGTERM, let callers go elsewhere, and stop the server after that.

    The server's own handler of SIGTERM is replaced, so it is told by the other signal it obeys,
    until it does. For its loop hears of signals through a pipe, and of none while that is full of
    other calls, as it is with some hundred at once. Told, it may stand still with all of Python, as
    was seen once: a worker whose parent is gone would never end.
    """
    settings, loop = read_settings(), asyncio.get_running_loop()
    leaving: list[asyncio.Task[None]] = []

    def tell_server() -> None:
        signal.raise_signal(signal.SIGINT)
        loop.call_later(TELL_AGAIN_SECONDS, tell_server)

    async def leave_and_stop() -> None:
        try:
            await leave(settings.api_port, settings.api_grace)
        finally:
            tell_server()

    def stop() -> None:
        if not leaving:
            standstill.watch_until_the_end()
            end_waits()
            leaving.append(loop.create_task(leave_and_stop()))

    loop.add_signal_handler(signal.SIGTERM, stop)  # instead of the server's own
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(stop))


def _allow_open_files() -> None:
    """Let this process have as many files open as it has connections, if the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _check_address(host: str, port: int) -> None:
    """Raise SettingRefused if the server could not listen there."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(address)
    except OSError as error:
        raise SettingRefused(
            f"QUADRUPEL_API_HOST, QUADRUPEL_API_PORT: cannot listen on {host}:{port}: {error}"
        ) from error


def _pass_on(stop: threading.Event) -> None:
    """Stop the server when our supervisor is gone; signals themselves reach it without us."""
    stop.wait()
    os.kill(os.getpid(), signal.SIGTERM)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
