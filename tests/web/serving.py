"""An ASGI application on a port of this machine, which can go away and come back."""

import asyncio
import threading
import time

import uvicorn
from starlette.types import ASGIApp


class Server:
    """Serves `app` on one port from `start` to `stop`, which breaks every connection off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.port = 0

    def start(self) -> None:
        config = uvicorn.Config(
            self._app,
            port=self.port,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        self._stop.clear()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(server),))
        self._thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the server on port {self.port} did not start")
            time.sleep(0.005)
        self.port = server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=20)

    async def _serve(self, server: uvicorn.Server) -> None:
        serving = asyncio.create_task(server.serve())
        while not self._stop.is_set() and not serving.done():
            await asyncio.sleep(0.02)
        for listening in server.servers:
            listening.close()
        for _ in range(2):  # what was accepted just now is known a moment later
            for connection in list(server.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0.02)
        server.should_exit = True
        await serving
