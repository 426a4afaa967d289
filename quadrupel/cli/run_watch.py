"""`quadrupel run watch`: a run shown again and again, from the ledger, so on any terminal."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import sqlalchemy as sa
from rich.live import Live

from quadrupel.cli.output import console, errors, print_json_line
from quadrupel.cli.run_report import Details, Sight, line, page, sight_fields
from quadrupel.core.errors import Unavailable
from quadrupel.store import run_ranges, runs
from quadrupel.store.database import transaction, without_statement_limit

LOOK_SECONDS = 1.0
LINE_SECONDS = 5.0
DETAIL_SECONDS = 10.0
"""How long details stay as they are; longer where it takes long to find them out."""

Clock = Callable[[], datetime]


def find_details(engine: sa.Engine, run: str, now: datetime) -> Details:
    """What is slow to find out: reads all matches. Blocks for as long as that takes."""
    with transaction(engine) as connection:
        without_statement_limit(connection)
        as_of = runs.progress(connection, run, now).as_of
        return Details(now, runs.rules(connection, run), runs.movements(connection, as_of))


def look(engine: sa.Engine, run: str, now: datetime, details: Details | None = None) -> Sight:
    """A run now. Raises NotFound."""
    with transaction(engine) as connection:
        working = run_ranges.lines(connection, run, "running")
        return Sight(now, runs.progress(connection, run, now), working, details)


def watch(engine: sa.Engine, run: str, clock: Clock, *, as_json: bool) -> None:
    """Show a run until it has ended: a page on a terminal, a line or JSON every 5 s elsewhere.

    Raises NotFound. Ctrl-C ends the watching and nothing else.
    """
    sights = _sights(engine, run, clock)
    try:
        if as_json:
            for sight in _seldom(sights):
                print_json_line(sight_fields(sight))
        elif console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                for sight in sights:
                    live.update(page(sight), refresh=True)
        else:
            for sight in _seldom(sights):
                console.print(line(sight.run, sight.now), markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        errors.print(
            f"the run goes on without you; to see it again: quadrupel run watch {run}", markup=False
        )


def _sights(engine: sa.Engine, run: str, clock: Clock) -> Iterator[Sight]:
    """The run every second, until it has ended. What does not answer is asked again."""
    searcher = _Searcher(engine, run, clock)
    known = False
    while True:
        try:
            sight = look(engine, run, clock(), searcher.details)
            known = True
        except Unavailable as error:
            if not known:
                raise
            errors.print(str(error), markup=False)
        else:
            if sight.run.state not in runs.OPEN:
                details = find_details(engine, run, clock())
                yield Sight(sight.now, sight.run, (), details)
                return
            searcher.search()
            yield sight
        time.sleep(LOOK_SECONDS)


def _seldom(sights: Iterator[Sight]) -> Iterator[Sight]:
    """One of them every LINE_SECONDS, and the last."""
    due = 0.0
    for sight in sights:
        if time.monotonic() >= due or sight.run.state not in runs.OPEN:
            due = time.monotonic() + LINE_SECONDS
            yield sight


class _Searcher:
    """Finds details beside what is shown, again and again, and takes a twentieth of the time."""

    def __init__(self, engine: sa.Engine, run: str, clock: Clock) -> None:
        self.details: Details | None = None
        self._engine = engine
        self._run = run
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._due = 0.0

    def search(self) -> None:
        """Search anew if it is time."""
        if time.monotonic() < self._due or (self._thread and self._thread.is_alive()):
            return
        # It must not keep the process: what it asks may take minutes.
        self._thread = threading.Thread(target=self._find, daemon=True)
        self._thread.start()

    def _find(self) -> None:
        began = time.monotonic()
        with contextlib.suppress(Unavailable):  # who shows the run says so
            self.details = find_details(self._engine, self._run, self._clock())
        took = time.monotonic() - began
        self._due = time.monotonic() + max(DETAIL_SECONDS, 20 * took)
