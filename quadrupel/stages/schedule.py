"""Schedule: starts the runs of every night, and puts the ranges of started runs on the bus.

There is one run a night for each time zone that users have. Its name is its key in the ledger, so
of two schedulers one starts it. Its ranges are written with it and published after; a scheduler
that finds a run whose ranges may not all be on the bus publishes them (again), so a crash in
between costs nothing.
"""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from quadrupel.bus import codec
from quadrupel.core.errors import Unavailable
from quadrupel.core.ports import Producer
from quadrupel.core.zones import nights_by
from quadrupel.stages.loop import pause
from quadrupel.store import contacts, runs
from quadrupel.store.database import transaction, without_statement_limit

NAME = "schedule"
CHECK_SECONDS = 1.0

log = structlog.get_logger()


class Schedule:
    """The nightly runs: at local time `at` of each zone, for the day that it then is there.

    They go by the rules in force. Users without a zone of their own have `zone`.
    """

    def __init__(
        self,
        engine: sa.Engine,
        producer: Producer,
        rule_set: Callable[[], str],
        range_size: int,
        at: time,
        zone: ZoneInfo,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._producer = producer
        self._rule_set = rule_set
        self._range_size = range_size
        self._at = at
        self._zone = zone
        self._clock = clock
        self._night_came = threading.Event()
        self._started: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Keep starting nights and publishing ranges until `stop` is set. Blocks."""
        timer = BackgroundScheduler(timezone=self._zone)
        timer.add_job(
            self._night_came.set,
            "cron",
            second=self._at.second,  # of every minute: whole minutes lie between zones
            coalesce=True,
            misfire_grace_time=None,
        )
        timer.start()
        self._night_came.set()  # one that came while no scheduler ran is made up for
        failures = 0
        try:
            while not stop.is_set():
                try:
                    self.step()
                    failures = 0
                    stop.wait(CHECK_SECONDS)
                except Unavailable as error:
                    failures += 1
                    log.warning("waiting for what is away", stage=NAME, reason=str(error))
                    stop.wait(pause(failures))
        finally:
            timer.shutdown(wait=False)

    def step(self) -> None:
        """Start the nights whose time has come, and publish what is not on the bus yet."""
        if self._night_came.is_set():
            self.start_nights()
            self._night_came.clear()
        fan_out(self._engine, self._producer, self._clock())

    def start_nights(self) -> None:
        """Start every zone's night of its today unless it is too early or was started before."""
        now = self._clock()
        with transaction(self._engine) as connection:
            zones = contacts.time_zones(connection)
        nights = nights_by(zones, self._zone, self._at, now)
        for night in nights:
            if night.name in self._started:
                continue
            rule_set = self._rule_set()
            if start_run(
                self._engine, night.name, night.day, rule_set, self._range_size, now, night.zone
            ):
                log.info("run started", run=night.name, as_of=str(night.day), zone=night.zone)
        self._started = {night.name for night in nights}


def start_run(
    engine: sa.Engine,
    run: str,
    as_of: date,
    rule_set: str,
    range_size: int,
    now: datetime,
    zone: str | None = None,
) -> bool:
    """Write a run into the ledger; False if there is one of that name already.

    It is of the users of a time zone, or of all. Blocks for as long as it takes to count the users.
    """
    with transaction(engine) as connection:
        without_statement_limit(connection)
        return runs.start(connection, run, as_of, rule_set, range_size, now, zone)


def fan_out(engine: sa.Engine, producer: Producer, now: datetime) -> None:
    """Publish the ranges of every run that was started and not fanned out."""
    with transaction(engine) as connection:
        pending = {
            run: runs.unfinished_ranges(connection, run)
            for run in runs.pending_fan_outs(connection)
        }
    for run, numbers in pending.items():
        producer.publish([codec.range_task(codec.RangeTask(run, number)) for number in numbers])
        with transaction(engine) as connection:
            runs.mark_fanned_out(connection, run, now)
        log.info("run fanned out", run=run, ranges=len(numbers))
