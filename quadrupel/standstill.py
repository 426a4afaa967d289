"""Ends a process in which Python itself stands still.

A library in C that waits without letting go of the interpreter's lock stops every thread, the
handlers of signals and whatever watches the process from within. Only a watchdog in C is left.
"""

import faulthandler
from threading import Event, Lock, Thread

STANDSTILL_SECONDS = 20.0
"""How long Python may stand still; less than a process has to end in after SIGTERM."""

LOOK_SECONDS = 1.0
_STANDARD_ERROR = 2

_lock = Lock()
_watched: set[Thread] = set()


def start_watched(thread: Thread) -> None:
    """Start a thread; should Python stand still while it runs, this process ends, with code 1.

    Standard error is told what each thread was doing. A thread that waits and lets others work may
    take as long as it likes. Raises RuntimeError when the system has no thread left to start; the
    process is left alone then.
    """
    with _lock:
        _watched.add(thread)
        _put_off()  # the thread may stop all others as soon as it is started
    try:
        thread.start()
        Thread(target=_watch, args=(thread,), name="standstill", daemon=True).start()
    except RuntimeError:
        _leave_alone(thread)
        raise


def watch_until_the_end() -> None:
    """From now on this process ends, as by `start_watched`, should Python stand still in it."""
    start_watched(Thread(target=Event().wait, name="until the end", daemon=True))


def _watch(thread: Thread) -> None:
    while thread.is_alive():
        _put_off()
        thread.join(LOOK_SECONDS)
    _leave_alone(thread)


def _leave_alone(thread: Thread) -> None:
    with _lock:
        _watched.remove(thread)
        if not _watched:
            faulthandler.cancel_dump_traceback_later()


def _put_off() -> None:
    faulthandler.dump_traceback_later(STANDSTILL_SECONDS, exit=True, file=_STANDARD_ERROR)
