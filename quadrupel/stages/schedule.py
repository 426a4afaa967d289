"""Schedule: starts the runs of every night, and puts the ranges of started runs on the bus.

There is one run a night for each time zone that users have. Its name is its key in the ledger, so
of two schedulers one starts it. Its ranges are written with it and published after; a scheduler
that finds a run whose ranges may not all be on the bus publishes them (again), so a crash in
between costs nothing. While runs go on it splits slow ranges.
"""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from quadrupel.bus import codec
from quadrupel.core.errors import ConcurrentWrite, Unavailable
from quadrupel.core.ports import Producer
from quadrupel.core.run_plans import RunPlan, plan_run
from quadrupel.core.runs import deadline
from quadrupel.core.zones import Night, find_zone, nights_by
from quadrupel.rules.catalogue import RuleSet
from quadrupel.stages.loop import pause
from quadrupel.stages.trial import judge_run, try_rules
from quadrupel.store import contacts, range_splits, rule_holds, rule_sets, run_ranges, runs
from quadrupel.store.database import transaction, without_statement_limit
from quadrupel.store.run_users import ZoneUsers, zone_users
from quadrupel.store.runs import RunProgress
from quadrupel.telemetry import (
    RULES_HELD,
    RUN_LATE,
    RUN_USERS,
    RUN_USERS_DONE,
    RUN_USERS_PER_SECOND,
)

NAME = "schedule"
CHECK_SECONDS = 1.0
MORNING = time(7)
SHOWN = timedelta(seconds=10)
"""How often the metrics of runs are brought up to date."""

log = structlog.get_logger()


class Schedule:
    """The nightly runs: at local time `at` of each zone, for the day that it then is there.

    They go by the rules in force. Users without a zone of their own have `zone`. A run should have
    finished by the next `morning` of its zone. In the night of `zone`, and at the start,
    `upkeep` is called in a thread of its own, with what is set when it is to end.
    """

    def __init__(
        self,
        engine: sa.Engine,
        producer: Producer,
        rule_set: Callable[[], RuleSet],
        range_size: int,
        at: time,
        zone: ZoneInfo,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        morning: time = MORNING,
        upkeep: Callable[[threading.Event], object] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._producer = producer
        self._rule_set = rule_set
        self._range_size = range_size
        self._at = at
        self._zone = zone
        self._clock = clock
        self._morning = morning
        self._upkeep = upkeep
        self._night_came = threading.Event()
        self._started: set[str] = set()
        self._shown_at = clock()

    def run(self, stop: threading.Event) -> None:
        """Keep starting nights and publishing ranges until `stop` is set. Blocks."""
        timer = self._timer(stop)
        timer.start()
        self._night_came.set()  # one that came while no scheduler ran is made up for
        failures = 0
        try:
            while not stop.is_set():
                try:
                    self.step()
                    failures = 0
                    stop.wait(CHECK_SECONDS)
                except ConcurrentWrite as conflict:
                    log.info("repeated, another process went first", reason=str(conflict))
                    stop.wait(CHECK_SECONDS)
                except Unavailable as error:
                    failures += 1
                    log.warning("waiting for what is away", stage=NAME, reason=str(error))
                    stop.wait(pause(failures))
        finally:
            stop.set()  # also where something failed: upkeep may have hours of work before it
            timer.shutdown()  # waits for upkeep, which stops soon and has a connection until then

    def _timer(self, stop: threading.Event) -> BackgroundScheduler:
        """What tells that a night may have come, and calls upkeep."""
        timer = BackgroundScheduler(timezone=self._zone)
        timer.add_job(
            self._night_came.set,
            "cron",
            second=self._at.second,  # of every minute: whole minutes lie between zones
            coalesce=True,
            misfire_grace_time=None,
        )
        timer.add_job(
            self._upkeep,
            nightly(self._at, self._zone),
            args=[stop],
            next_run_time=datetime.now(self._zone),  # and at once: for a night without a scheduler
            coalesce=True,
            misfire_grace_time=None,
        )
        return timer

    def step(self) -> None:
        """Start the nights whose time has come, and see to the runs that go on."""
        if self._night_came.is_set():
            self.start_nights()
            self._night_came.clear()
        now = self._clock()
        fan_out(self._engine, self._producer, now)
        split_slow(self._engine, now, self._zone)
        if now - self._shown_at >= SHOWN:
            self._shown_at = now
            self._see_to_rules(now)

    def _see_to_rules(self, now: datetime) -> None:
        """Judge rules by what runs counted, and show how runs go on and how many rules are held."""
        with transaction(self._engine) as connection:
            going = runs.unfinished(connection, now)
        for run in going:
            judge_run(self._engine, run, self._rule_set(), now)
        with transaction(self._engine) as connection:
            held = rule_holds.held(connection)
        show_runs(going, now)
        RULES_HELD.set(len(held))

    def start_nights(self) -> None:
        """Start every zone's night of its today unless it is too early or was started before."""
        now = self._clock()
        with transaction(self._engine) as connection:
            zones = contacts.time_zones(connection)
        nights = nights_by(zones, self._zone, self._at, now)
        for night in nights:
            if night.name not in self._started:
                of = None if night.zone is None else zone_users(night.zone, zones, self._zone)
                self._start(night, of, now)
        self._started = {night.name for night in nights}

    def _start(self, night: Night, of: ZoneUsers | None, now: datetime) -> None:
        rule_set, size = self._rule_set(), self._range_size
        by = deadline(now, self._morning, find_zone(night.zone) or self._zone)
        if start_run(self._engine, night.name, night.day, rule_set, size, now, deadline=by, of=of):
            log.info("run started", run=night.name, as_of=str(night.day), zone=night.zone)


def nightly(at: time, zone: ZoneInfo) -> CronTrigger:
    """Once a day, when clocks of the zone show that time."""
    return CronTrigger(hour=at.hour, minute=at.minute, second=at.second, timezone=zone)


def start_run(
    engine: sa.Engine,
    run: str,
    as_of: date,
    rule_set: RuleSet,
    range_size: int,
    now: datetime,
    *,
    full: bool = False,
    anew: bool = False,
    rate: int | None = None,
    deadline: datetime | None = None,
    of: ZoneUsers | None = None,
) -> bool:
    """Write a run into the ledger; False if there is one of that name already.

    It evaluates the users due, or everybody: where rules changed, or with `full` or `anew`, see
    `plan_of`; only users `of` a time zone, where that is given. Blocks for as long as it takes to
    try the rules and to count the users.
    """
    try_rules(engine, rule_set, as_of, now, for_day=True)
    with transaction(engine) as connection:
        without_statement_limit(connection)
        plan = plan_of(connection, rule_set, full=full, anew=anew, zone=of.zone if of else None)
        return runs.start(
            connection,
            run,
            as_of,
            rule_set.hash,
            range_size,
            now,
            plan,
            rate=rate,
            deadline=deadline,
            of=of,
        )


def manual_run(as_of: date, now: datetime) -> str:
    """The name of a run that an operator asks for."""
    return f"manual-{as_of}-{now:%Y%m%dT%H%M%S%f}"


def plan_of(
    connection: sa.Connection,
    rule_set: RuleSet,
    *,
    full: bool = False,
    anew: bool = False,
    zone: str | None = None,
) -> RunPlan:
    """Whom a run that starts now evaluates, of the users of a zone or of all.

    Since everybody was asked, something may have been published by other rules: while a wrong one
    was in force, by a run that goes on after a newer one, by a worker that had others. What is
    another rule in one of these sets is asked of everybody again. So is one whose banner has
    another weight there, since sets are decided anew for whom it matches; and one that was released
    since. With `anew` all rules are asked as if nobody had been asked yet.
    """
    current = rule_sets.asked(rule_set.identities, rule_set.weights)
    covered = None if anew else runs.covered(connection, zone)
    if covered is None:
        return plan_run((), current, full=full)
    hashed, since = covered
    again = rule_holds.released_since(connection, since) & current.keys()
    asked = [
        {rule: each for rule, each in rules.items() if rule not in again}
        for rules in rule_sets.asked_since(connection, hashed, since)
    ]
    return plan_run(asked, current, full=full)


def fan_out(engine: sa.Engine, producer: Producer, now: datetime) -> None:
    """Publish the ranges that wait for a worker, of every run that may have some not on the bus."""
    with transaction(engine) as connection:
        pending = {
            run: run_ranges.pending(connection, run) for run in runs.pending_fan_outs(connection)
        }
    for run, numbers in pending.items():
        producer.publish([codec.range_task(codec.RangeTask(run, number)) for number in numbers])
        with transaction(engine) as connection:
            runs.mark_fanned_out(connection, run, numbers, now)
        log.info("run fanned out", run=run, ranges=len(numbers))


def split_slow(engine: sa.Engine, now: datetime, own: ZoneInfo) -> None:
    """Halve the slow ranges of every run that has no other work left to give.

    The next fan-out publishes the halves. `own` is the time zone of users who have none of their
    own. A run whose ranges cannot be split just now goes on with them as they are.
    """
    with transaction(engine) as connection:
        going = runs.fanned_out(connection)
    for run in going:
        try:
            added = _split_slow(engine, run, now, own)
        except (Unavailable, ConcurrentWrite) as error:
            log.warning("slow ranges stay whole", run=run, reason=str(error))
            continue
        if added:
            log.info("slow ranges split", run=run, added=added)


def _split_slow(engine: sa.Engine, run: str, now: datetime, own: ZoneInfo) -> list[int]:
    with transaction(engine) as connection:
        found = range_splits.halves(connection, run, now, own)
    if not found:
        return []
    with transaction(engine) as connection:
        return range_splits.split(connection, run, found, now)


def show_runs(going: Iterable[RunProgress], now: datetime) -> None:
    """Bring the metrics of runs up to date; a run that is not among these has none any more."""
    for gauge in (RUN_USERS, RUN_USERS_DONE, RUN_USERS_PER_SECOND, RUN_LATE):
        gauge.clear()
    for each in going:
        RUN_USERS.labels(each.run).set(each.users)
        RUN_USERS_DONE.labels(each.run).set(each.evaluated + each.skipped)
        RUN_USERS_PER_SECOND.labels(each.run).set(each.users_per_second)
        if each.in_time(now) is not None:
            RUN_LATE.labels(each.run).set(not each.in_time(now))
