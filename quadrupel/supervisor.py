"""Runs the processes of one machine: starts them, restarts what dies, stops them.

Each child leads its own process group, so Ctrl-C reaches the supervisor alone, which then asks
all children to stop and waits for them. A child ends by itself when its supervisor is gone
(`end_with_parent`), so nothing is left behind, even by `kill -9`.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from quadrupel.core.errors import SettingRefused
from quadrupel.stages.loop import pause

PARENT_VARIABLE = "QUADRUPEL_SUPERVISOR"
REFUSED_EXIT = 2
"""The exit code of a child that will not start until a person changes something."""

STOP_SECONDS = 30.0
STEADY_SECONDS = 60.0
LAST_SECONDS = 28.0
"""What a child that was asked to stop may take for the batch in hand."""

log = structlog.get_logger()


@dataclass(slots=True)
class Child:
    """One process to keep running: a name for people, and the arguments of `quadrupel`."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    start_at: float = field(default=0.0)


class Supervisor:
    """Keeps children running, with one environment.

    They write where the supervisor does, or to the end of `log_file`.
    """

    def __init__(
        self,
        children: Sequence[Child],
        environment: Mapping[str, str],
        log_file: Path | None = None,
    ) -> None:
        self._children = list(children)
        self._log_file = log_file
        self._environment = dict(environment) | {PARENT_VARIABLE: str(os.getpid())}

    def start(self) -> None:
        """Start every child."""
        for child in self._children:
            self._start(child)

    def watch(self, stop: threading.Event) -> None:
        """Restart what dies, until `stop` is set. Raises SettingRefused when one refuses to run."""
        while not stop.wait(0.2):
            self.check()

    def check(self) -> None:
        """Look at each child once: restart it if it died and its pause is over."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_at:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._died(child, code, now)

    def stop(self) -> None:
        """Ask every child to stop, and wait for all; kill what has not after 30 seconds."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("killed, it did not stop in time", pid=process.pid)
                process.kill()
                process.wait()

    def pids(self) -> dict[str, int]:
        """The process id of each running child, by name."""
        return {
            child.name: child.process.pid
            for child in self._children
            if child.process is not None and child.process.poll() is None
        }

    def _start(self, child: Child) -> None:
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(self._log_file.open("ab")) if self._log_file else None
            child.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "quadrupel", *child.arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        child.started_at = time.monotonic()
        log.info("started", process=child.name, pid=child.process.pid)

    def _died(self, child: Child, code: int, now: float) -> None:
        if code == REFUSED_EXIT:
            raise SettingRefused(f"{child.name} refuses to run; what it said is above")
        steady = now - child.started_at > STEADY_SECONDS
        child.failures = 1 if steady else child.failures + 1
        seconds = pause(child.failures)
        log.error("died, starts again", process=child.name, exit_code=code, seconds=seconds)
        child.process, child.start_at = None, now + seconds


def stop_on_signals() -> threading.Event:
    """An event that SIGINT or SIGTERM sets, or the end of the supervisor that started us.

    A handler interrupts the main thread anywhere, also where that holds the lock of the event, for
    which it would then wait for ever. So it only tells another thread.
    """
    stop = threading.Event()
    came: queue.SimpleQueue[int] = queue.SimpleQueue()  # whose `put` may interrupt itself

    def pass_on() -> None:
        came.get()
        stop.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: came.put(number))
    supervisor = os.environ.get(PARENT_VARIABLE)
    if supervisor is not None:
        threading.Thread(target=_end_with_parent, args=(int(supervisor), stop), daemon=True).start()
    return stop


def end_in_time(stop: threading.Event, seconds: float = LAST_SECONDS) -> None:
    """Once `stop` is set, end this process after so many seconds, whatever it still waits for.

    The server rolls back what it had begun, and what it had not acknowledged comes again.
    """

    def watch() -> None:
        stop.wait()
        time.sleep(seconds)
        log.error("ended, something did not answer in time", seconds=seconds)
        os._exit(1)

    threading.Thread(target=watch, name="last seconds", daemon=True).start()


def _end_with_parent(supervisor: int, stop: threading.Event) -> None:
    while os.getppid() == supervisor:
        time.sleep(0.5)
    stop.set()
