"""The start of a stage: it waits for the database and the bus, and only says what is wrong."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

import structlog

from quadrupel.core.errors import SettingRefused, Unavailable
from quadrupel.stages.loop import pause

LOOK_SECONDS = 0.1
"""How often it is looked, while something does not answer, whether to go on asking."""

log = structlog.get_logger()
Found = TypeVar("Found")


class Stopped(Exception):
    """The process was asked to stop before it could begin."""


def once_there(
    look: Callable[[], Found], stop: threading.Event, pause: Callable[[int], float] = pause
) -> Found:
    """What `look` finds, asked again for as long as it raises Unavailable. Blocks.

    What is away is said once, and again where the reason is another one. Raises Stopped soon after
    `stop` is set, whatever is asked then, and SettingRefused where a login is refused.
    """
    failures, said = 0, ""
    while True:
        try:
            found = _unless_stopped(look, stop)
        except Unavailable as error:
            if error.login_refused:
                raise SettingRefused(str(error)) from error
            failures += 1
            if str(error) != said:
                said = str(error)
                log.warning(
                    "not begun, waiting for what is away: see that it runs and can be reached, then"
                    " this begins by itself",
                    reason=said,
                )
        else:
            if failures:
                log.info("what was away is there")
            return found
        if stop.wait(pause(failures)):
            raise Stopped


def _unless_stopped(look: Callable[[], Found], stop: threading.Event) -> Found:
    """What `look` finds or raises. It may not answer for long, so another thread waits for it."""
    found: Future[Found] = Future()

    def ask() -> None:
        try:
            found.set_result(look())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            found.set_exception(error)

    threading.Thread(target=ask, name="start", daemon=True).start()
    while not wait([found], LOOK_SECONDS).done:
        if stop.is_set():
            raise Stopped
    return found.result()
