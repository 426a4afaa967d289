"""An ASGI application on a port of this machine, which can go away and come back."""

import threading
import time

import uvicorn
from starlette.types import ASGIApp


class Server:
    """Serves `app` on one port from `start` to `stop`; stopping breaks every connection off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running: tuple[uvicorn.Server, threading.Thread] | None = None
        self.port = 0

    def start(self) -> None:
        config = uvicorn.Config(
            self._app, port=self.port, log_config=None, access_log=False, lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the server on port {self.port} did not start")
            time.sleep(0.005)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        self._running = (server, thread)

    def stop(self) -> None:
        if self._running is None:
            return
        server, thread = self._running
        server.should_exit = server.force_exit = True
        thread.join(timeout=20)
        self._running = None
