"""Evaluate: all rules for one user or a range of users; what they say goes to publish.

Two lanes, each its own loop and consumer, so that a night never delays what a citizen should see
now: changed profiles at once, ranges of a run in pages, and no faster than publish saves them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
import structlog

from quadrupel.bus import codec
from quadrupel.core.errors import InputRefused
from quadrupel.core.ports import Consumer, Message, Outgoing, Producer
from quadrupel.core.positions import Cause, latest
from quadrupel.core.profiles import Profile
from quadrupel.core.run_plans import RunKind
from quadrupel.core.verdicts import Evaluation
from quadrupel.stages.aside import put_aside
from quadrupel.stages.pages import Pages
from quadrupel.store import contacts, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.range_pages import Part, ZoneUsers, due_days, zone_users
from quadrupel.telemetry import RUN_USERS_EVALUATED

NAME = "evaluate"
PAGE_SIZE = 20_000
"""How many users of a range are read at once: what bounds the memory of an evaluator."""
CHUNK = 1_000
"""How many verdicts of them are handed on at once."""

Evaluator = Callable[[Profile, date, datetime], Evaluation]
"""All rules of a set for one profile on one day; the time is when it was asked."""

_UTC = ZoneInfo("UTC")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rule set in force: its hash, where its profiles are, and how it is asked."""

    hash: str
    store: ProfileStore
    evaluator: Evaluator


class EvaluateProfiles:
    """Evaluates changed profiles, each as it is now, however often a batch names it."""

    def __init__(
        self,
        engine: sa.Engine,
        rules: Callable[[], Rules],
        today: Callable[[str | None], date],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`today` says which day it is in the time zone of that name; None: of users without."""
        self._engine = engine
        self._rules = rules
        self._today = today
        self._clock = clock

    def process(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Return the verdicts of every user named, and dead letters for what names none.

        Each user is evaluated on the day it is in its time zone, or the latest one asked for.
        """
        asked, dead = _asked(messages)
        now, rules, today = self._clock(), self._rules(), cache(self._today)
        with transaction(self._engine) as connection:
            found = rules.store.read_with_zones(connection, list(asked))
        evaluations = []
        for profile, zone in found:
            as_of, cause = asked[profile.user_id]
            day = max(today(zone), as_of)
            evaluations.append(replace(rules.evaluator(profile, day, now), cause=cause))
        return [*map(codec.verdicts, evaluations), *dead]


def _asked(
    messages: Iterable[Message],
) -> tuple[dict[str, tuple[date, Cause | None]], list[Outgoing]]:
    """Of each user the latest day that was asked for and the latest cause; and dead letters."""
    asked: dict[str, tuple[date, Cause | None]] = {}
    dead: list[Outgoing] = []
    for message in messages:
        try:
            changed = codec.read_changed_profile(message)
        except InputRefused as error:
            dead.append(put_aside(NAME, message, error))
            continue
        day, cause = asked.get(changed.user_id, (date.min, None))
        day = max(day, changed.as_of or date.min)
        asked[changed.user_id] = day, latest(cause, changed.cause)
    return asked, dead


class EvaluateRanges:
    """Evaluates ranges of a run, a page of users at a time, and keeps the ledger.

    Of the users of a page, those go to publish who differ from what is published. The verdicts of
    a range are on the bus before the ledger says it is done. A range whose worker died is
    evaluated again from its start; publish sees the repetition. `pages` reads pages by the rule set
    in force, when told the hash of the one the run was started with, and the rules that are new.
    `await_turn` is called with the number of verdicts that are to follow, and blocks while there
    are enough. `own` is the time zone of users who have none of their own.
    """

    def __init__(
        self,
        engine: sa.Engine,
        pages: Callable[[str, tuple[str, ...]], Pages],
        producer: Producer,
        consumer: Consumer,
        worker: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        await_turn: Callable[[int], None] = lambda _: None,
        own: ZoneInfo = _UTC,
    ) -> None:
        self._engine = engine
        self._pages = pages
        self._producer = producer
        self._consumer = consumer
        self._worker = worker
        self._clock = clock
        self._await_turn = await_turn
        self._own = own

    def process(self, messages: Sequence[Message]) -> list[Outgoing]:
        """Work through the ranges named; return dead letters for what names none."""
        dead: list[Outgoing] = []
        for message in messages:
            try:
                task = codec.read_range_task(message)
            except InputRefused as error:
                dead.append(put_aside(NAME, message, error))
            else:
                self._evaluate(task)
        return dead

    def _evaluate(self, task: codec.RangeTask) -> None:
        with transaction(self._engine) as connection:
            taken = runs.take_range(connection, task.run, task.number, self._worker, self._clock())
        if taken is None:
            log.info("range skipped, done or cancelled", run=task.run, number=task.number)
            return
        pages = self._pages(taken.rule_set, taken.rules)
        if pages.rule_set.hash != taken.rule_set:
            log.warning("run started with other rules", run=task.run, rules=pages.rule_set.hash)
        counts = runs.RangeCounts()
        for page in self._each_page(pages, taken):
            read = pages.read(page, taken.as_of, self._clock())
            self._hand_on(read.evaluations)
            counts = counts.plus(read.counts, len(read.evaluations))
            RUN_USERS_EVALUATED.inc(read.counts.users)
        with transaction(self._engine) as connection:
            runs.finish_range(connection, taken, counts, self._clock())
        log.info("range evaluated", run=task.run, number=task.number, users=counts.evaluated)

    def _each_page(self, pages: Pages, taken: runs.TakenRange) -> Iterator[pl.DataFrame]:
        """The pages of the range, each read in a transaction of its own."""
        part, of = Part(taken.first_user, taken.end_user), self._users(taken.zone)
        while True:
            with transaction(self._engine) as connection:
                due = due_days(connection, taken.as_of) if taken.kind is RunKind.DUE else None
                page = pages.page(connection, part, PAGE_SIZE, due, of)
            self._consumer.keep_alive()
            if not page.is_empty():
                yield page
                part = Part(page["user_id"][-1], taken.end_user, inclusive=False)
            if page.height < PAGE_SIZE:
                return

    def _users(self, zone: str | None) -> ZoneUsers | None:
        """Whose pages a run of a zone reads, by the zones that users have now; None: everybody's.

        Where a zone is new meanwhile, its users are left to its own night.
        """
        if zone is None:
            return None
        with transaction(self._engine) as connection:
            return zone_users(zone, contacts.time_zones(connection), self._own)

    def _hand_on(self, evaluations: Sequence[Evaluation]) -> None:
        """Tell publish, in its pace."""
        for start in range(0, len(evaluations), CHUNK):
            chunk = evaluations[start : start + CHUNK]
            self._await_turn(len(chunk))
            self._producer.publish([*map(codec.verdicts, chunk)])
            self._consumer.keep_alive()
