"""Evaluate the ranges of a run, a page of users at a time, by leases from the ledger.

A page is claimed before it is evaluated, and its verdicts are on the bus before the next is
claimed. At the border between two pages a worker does what was decided meanwhile: it obeys a pause,
a cancelled run, a new rate, a split and its own stop. What it then leaves of its range becomes a
range of its own, so nothing is evaluated twice. After a crash a range begins anew; publish sees
the repetition.

The bus tells workers of ranges, the ledger decides. No message is acknowledged while its range is
with another worker, who may yet die: who is delivered it evaluates what nobody holds, then waits,
and in the end puts it behind the others. And between two messages a worker asks the ledger for a
range that nobody holds, from the end of the run: so all have work while there is some, and a range
whose message lies behind a slow worker, or whose worker died, does not wait for the bus.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
import structlog

from quadrupel.bus import codec
from quadrupel.core.errors import AssignmentLost, InputRefused
from quadrupel.core.ports import Consumer, Message, Outgoing, Producer
from quadrupel.core.run_plans import RunKind
from quadrupel.core.runs import LEASE, RangeCounts, RunPace
from quadrupel.core.zones import UTC_ZONE
from quadrupel.stages.aside import put_aside
from quadrupel.stages.evaluate import NAME
from quadrupel.stages.lease import Lease, LeaseLost
from quadrupel.stages.pages import ChangedPages, Pages
from quadrupel.store import contacts, rule_holds, run_ranges
from quadrupel.store.database import transaction
from quadrupel.store.range_pages import Part
from quadrupel.store.replica import PageReads
from quadrupel.store.run_ranges import NotTaken, TakenRange
from quadrupel.store.run_users import ZoneUsers, due_days, zone_users
from quadrupel.telemetry import RUN_USERS_EVALUATED

PAGE_SIZE = 26_000
"""How many users are read at once: what bounds the memory of an evaluator.

A range of the usual 50,000 is two pages; a page costs as much as 1,500 users in it.
"""
CHUNK = 1_000
"""How many verdicts are handed on at once."""
LOOK_SECONDS = 0.5
LOOKS = int(LEASE.total_seconds() / LOOK_SECONDS)
"""How often a range that another holds is looked at before its message is put behind others."""

AwaitTurn = Callable[[int, Callable[[], None]], None]
"""Block until so many verdicts may follow, calling the function again and again meanwhile."""

GiveWay = Callable[[Callable[[], None]], None]
"""Block while others go first, calling the function again and again meanwhile."""

log = structlog.get_logger()


@dataclass(slots=True)
class Work:
    """A range in hand: `part` is left to evaluate; from `rest` on it would be left to others.

    The page read last is one of at most `size` users; when it had fewer and they are evaluated, the
    range `is_over`.
    """

    taken: TakenRange
    pages: Pages | ChangedPages
    lease: Lease
    part: Part
    withheld: frozenset[str]
    rate: int | None
    rest: str = ""
    size: int = 0
    is_over: bool = False
    counts: RangeCounts = field(default_factory=RangeCounts)


class EvaluateRanges:
    """Evaluates ranges and keeps the ledger.

    Of the users of a page, those go to publish who differ from what is published. `pages` reads
    pages when told the hash of the rule set the run was started with, by that or the one in force.
    `await_turn` paces the verdicts. `stop` makes it leave its range at the next page. `looks` is
    how often it looks for a range that another holds, each LOOK_SECONDS. `own` is the time zone of
    users who have none of their own. `reads` is where pages are read from, by default the database
    of the ledger. `give_way` lets others go first, before each page.
    """

    def __init__(
        self,
        engine: sa.Engine,
        pages: Callable[[str], Pages],
        producer: Producer,
        consumer: Consumer,
        worker: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        await_turn: AwaitTurn = lambda *_: None,
        stop: threading.Event | None = None,
        page_size: int = PAGE_SIZE,
        looks: int = LOOKS,
        own: ZoneInfo = UTC_ZONE,
        reads: PageReads | None = None,
        give_way: GiveWay = lambda _: None,
    ) -> None:
        self._engine = engine
        self._pages = pages
        self._producer = producer
        self._consumer = consumer
        self._worker = worker
        self._clock = clock
        self._await_turn = await_turn
        self._give_way = give_way
        self._stop = stop or threading.Event()
        self._page_size = page_size
        self._looks = looks
        self._own = own
        self._reads = reads or PageReads(engine)
        self._pace = RunPace()
        self._workers = 1
        self._counted_at = -1.0

    def process(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Work through the ranges named; return what others are to do, and dead letters."""
        outgoing: list[Outgoing] = []
        for message in messages:
            try:
                task = codec.read_range_task(message)
            except InputRefused as error:
                outgoing.append(put_aside(NAME, message, error))
            else:
                outgoing.extend(map(codec.range_task, self._see_to(task)))
        return outgoing

    def idle(self) -> bool:
        """Evaluate a range that nobody works on; whether there was one."""
        return not self._stop.is_set() and self._evaluate_any()

    def _evaluate_any(self) -> bool:
        """Evaluate a range that nobody works on; False if there is none."""
        now = self._clock()
        with transaction(self._engine) as connection:
            found = run_ranges.unheld(connection, now)
            taken = found and run_ranges.take(connection, *found, self._worker, now)
        if not isinstance(taken, TakenRange):
            return False
        try:
            rest = self._evaluate(taken)
        except LeaseLost:
            log.warning("range lost to another", run=taken.run, number=taken.number)
        else:
            self._producer.publish([*map(codec.range_task, rest)])
        return True

    def _see_to(self, task: codec.RangeTask) -> list[codec.RangeTask]:
        """Evaluate a range, or others until somebody has; return the tasks that are left over."""
        looks = 0
        while looks < self._looks and not self._stop.is_set():
            now = self._clock()
            with transaction(self._engine) as connection:
                taken = run_ranges.take(connection, task.run, task.number, self._worker, now)
            if taken is NotTaken.OVER:
                log.info("range is over, nothing to do", run=task.run, number=task.number)
                return []
            if isinstance(taken, TakenRange):
                try:
                    return self._evaluate(taken)
                except LeaseLost:
                    log.warning("range lost to another", run=task.run, number=task.number)
            if not self._evaluate_any():
                looks += 1
                self._consumer.keep_alive()
                self._stop.wait(LOOK_SECONDS)
        return [task]

    def _evaluate(self, taken: TakenRange) -> list[codec.RangeTask]:
        pages = self._pages(taken.rule_set)
        if pages.rule_set.hash != taken.rule_set:
            log.warning("run started with other rules", run=taken.run, rules=pages.rule_set.hash)
        lease = Lease(self._engine, self._consumer, taken, self._clock)
        self._counted_at = -1.0
        part = Part(taken.first_user, taken.end_user, of=self._users(taken.zone))
        withheld = self._withheld(pages.rule_set.hash)
        work = Work(taken, self._asked(pages, taken), lease, part, withheld, taken.rate)
        try:
            self._reads.begin(lambda seconds: self._wait(lease, seconds))
            while not work.is_over and not (page := self._read(work)).is_empty():
                work.rest = page["user_id"][0]
                if not self._go_on(work, page):
                    return self._hand_back(work)
        except AssignmentLost:
            self._producer.publish([*map(codec.range_task, self._hand_back(work))])
            raise
        self._finish(work)
        return []

    def _asked(self, pages: Pages, taken: TakenRange) -> Pages | ChangedPages:
        """What reads the pages of a range: by all rules, or by those that the run is for."""
        if taken.kind is not RunKind.RULES:
            return pages
        return pages.of_changed(taken.rules, self._reads.read)

    def _withheld(self, hashed: str) -> frozenset[str]:
        """The rules of which publish would change nothing, when the range is begun."""
        with transaction(self._engine) as connection:
            return rule_holds.withheld(connection, [hashed]).get(hashed, frozenset())

    def _wait(self, lease: Lease, seconds: float) -> bool:
        """Wait so long with the lease alive; False if asked to stop."""
        lease.keep_alive()
        return not self._stop.wait(seconds)

    def _users(self, zone: str | None) -> ZoneUsers | None:
        """Whose pages a run of a zone reads, by the zones that users have now; None: everybody's.

        Where a zone is new meanwhile, its users are left to its own night.
        """
        if zone is None:
            return None
        with transaction(self._engine) as connection:
            return zone_users(zone, contacts.time_zones(connection), self._own)

    def _go_on(self, work: Work, page: pl.DataFrame) -> bool:
        """Claim a page and evaluate it; False if the range is to be left before it.

        Does nothing but learn if the range was split, or the rate lowered, so that another page is
        to be read.
        """
        # Once the page is read: until then it is not known where the rest of the range begins.
        self._give_way(work.lease.keep_alive)
        claim = work.lease.claim(page["user_id"][-1], work.counts)
        if not claim.running or self._stop.is_set():
            return False
        same = claim.end_user == work.part.end
        work.part, work.rate = replace(work.part, end=claim.end_user), claim.rate
        if not same or page.height > self._size(work):
            return True
        if not self._wait_for_rate(work, page.height):
            return False
        work.counts += self._hand_over(work, page)
        work.part = work.part.after(page["user_id"][-1])
        work.is_over = page.height < work.size
        return True

    def _read(self, work: Work) -> pl.DataFrame:
        """The next page of the range, of a snapshot of its own; empty at its end."""
        work.size, taken = self._size(work), work.taken

        def ask(connection: sa.Connection) -> pl.DataFrame:
            part = work.part
            if taken.kind is RunKind.DUE:
                due = tuple(due_days(connection, taken.as_of))
                part = replace(part, due=due, before=taken.before)
            return work.pages.page(connection, part, work.size)

        return self._reads.read(ask)

    def _size(self, work: Work) -> int:
        """How many users the next page may have."""
        self._count_workers(work)
        return RunPace.page(work.rate, self._workers, self._page_size)

    def _hand_over(self, work: Work, page: pl.DataFrame) -> RangeCounts:
        """Evaluate a page, and put on the bus what is said of those who differ; its counts."""
        taken = work.taken
        read = work.pages.read(page, taken.as_of, self._clock(), taken.rules, work.withheld)
        evaluations = iter(read.evaluations)
        while chunk := list(islice(evaluations, CHUNK)):
            self._await_turn(len(chunk), work.lease.keep_alive)
            self._producer.publish([*map(codec.verdicts, chunk)])
            work.lease.keep_alive()
        work.lease.keep_alive()
        RUN_USERS_EVALUATED.inc(page.height)
        return read.counts

    def _wait_for_rate(self, work: Work, users: int) -> bool:
        """Wait until so many users may be evaluated; False if asked to stop meanwhile."""
        now = time.monotonic()
        until = now + self._pace.wait(users, work.rate, self._workers, now)
        while (left := until - time.monotonic()) > 0 and self._wait(
            work.lease, min(left, LOOK_SECONDS)
        ):
            pass
        return not self._stop.is_set()

    def _count_workers(self, work: Work) -> None:
        """Look how many workers share the rate of the run, this one among them."""
        if work.rate is not None and time.monotonic() - self._counted_at >= LOOK_SECONDS:
            with transaction(self._engine) as connection:
                found = run_ranges.workers(connection, work.taken.run, self._clock())
            self._workers, self._counted_at = max(1, found), time.monotonic()

    def _finish(self, work: Work) -> None:
        taken, now = work.taken, self._clock()
        with transaction(self._engine) as connection:
            if not run_ranges.finish(connection, taken, work.counts, work.pages.rule_set.hash, now):
                raise LeaseLost
        log.info("range evaluated", run=taken.run, number=taken.number, users=work.counts.evaluated)

    def _hand_back(self, work: Work) -> list[codec.RangeTask]:
        """Leave the rest to others; returns the task, if any."""
        taken, now = work.taken, self._clock()
        with transaction(self._engine) as connection:
            number = run_ranges.hand_back(
                connection, taken, work.counts, work.pages.rule_set.hash, work.rest, now
            )
        log.info(
            "range left", run=taken.run, number=taken.number, users=work.counts.evaluated, to=number
        )
        return [] if number is None else [codec.RangeTask(taken.run, number)]
