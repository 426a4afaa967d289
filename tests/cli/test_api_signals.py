"""A worker of the API hears SIGTERM, however much its loop has to do, and ends whatever happens."""

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


STOOD_STILL = """
import asyncio, ctypes, signal
from types import SimpleNamespace
from quadrupel import standstill
from quadrupel.cli import api

standstill.STANDSTILL_SECONDS = 2.0

def stand_still(*_):
    print("told", flush=True)
    ctypes.PyDLL(None).sleep(600)  # keeps the lock of the interpreter

async def leave(port, grace):
    await asyncio.sleep(3)  # longer than Python may stand still: it does not

async def worker():
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stand_still)  # as the server has
    api._on_stop(lambda: None)
    signal.raise_signal(signal.SIGTERM)
    await asyncio.sleep(60)

api.read_settings = lambda: SimpleNamespace(api_port=1, api_grace=1.0)
api.leave = leave
asyncio.run(worker())
"""


def test_it_ends_although_its_server_stands_still_with_all_of_python() -> None:
    command = [sys.executable, "-c", STOOD_STILL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "told\n"), done.stderr
    assert "Timeout (0:00:02)!" in done.stderr
    assert "stand_still" in done.stderr
