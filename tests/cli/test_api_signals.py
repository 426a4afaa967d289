"""A worker of the API hears SIGTERM, however much its loop has to do."""

import subprocess
import sys

SCRIPT = """
import asyncio, contextlib, signal
from types import SimpleNamespace
from quadrupel.cli import api

told = []

def fill():
    with contextlib.suppress(BlockingIOError):
        while True:
            asyncio.get_running_loop()._csock.send(bytes(1000))  # as calls of other threads do

async def leave(port, grace):
    told.append("callers are let go")
    fill()

async def worker():
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, stopped.set)  # as the server has
    api._on_stop(lambda: told.append("waits are ended"))
    fill()
    signal.raise_signal(signal.SIGTERM)
    await asyncio.wait_for(stopped.wait(), 20)

api.read_settings = lambda: SimpleNamespace(api_port=1, api_grace=1.0)
api.leave = leave
asyncio.run(worker())
print(told)
"""


def test_it_stops_although_the_pipe_by_which_its_loop_hears_of_signals_is_full() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "['waits are ended', 'callers are let go']\n", done.stderr
