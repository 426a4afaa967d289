"""How a process of the API ends: callers go over to other processes before it stops serving."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from quadrupel.api import listening

LEAST_SECONDS = 0.1
"""How long connections that were begun are waited for, before the port is let go."""

MOST_SECONDS = 1.0
LOOK_SECONDS = 0.1

log = structlog.get_logger()


async def leave(port: int, grace: float) -> None:
    """Return when this process may stop: nobody is connected any more, or the grace is over.

    Takes no further connections; those that are open go on meanwhile, and every answer has to ask
    the caller to connect anew. With no grace it returns at once.
    """
    if not grace:
        return
    loop = asyncio.get_running_loop()
    until = loop.time() + grace
    await _stop_listening(port)
    while listening.connections(port) and loop.time() < until:
        await asyncio.sleep(LOOK_SECONDS)


async def _stop_listening(port: int) -> None:
    listeners = listening.listeners(port)
    for each in listeners:
        with contextlib.suppress(OSError):  # a system that does not let us
            listening.ignore_new(each)
    await asyncio.sleep(LEAST_SECONDS)
    until = asyncio.get_running_loop().time() + MOST_SECONDS
    while _waiting(listeners) and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(LEAST_SECONDS)
    for each in listeners:
        listening.let_go(each)
    log.info("listens no longer", port=port)


def _waiting(listeners: Sequence[int]) -> int:
    return sum(listening.queue(each) for each in listeners)
