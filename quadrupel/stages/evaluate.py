"""Evaluate: all rules for one user or a range of users; what they say goes to publish.

Two lanes, each its own loop and consumer, so that a night never delays what a citizen should see
now: changed profiles at once, ranges of a run in pages, and no faster than publish saves them.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache

import sqlalchemy as sa
import structlog

from quadrupel.bus import codec
from quadrupel.core.errors import InputRefused
from quadrupel.core.ports import Consumer, Message, Outgoing, Producer
from quadrupel.core.positions import Cause, latest
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Evaluation
from quadrupel.stages.aside import put_aside
from quadrupel.store import runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.telemetry import RUN_USERS_EVALUATED

NAME = "evaluate"
PAGE_SIZE = 1_000

Evaluator = Callable[[Profile, date, datetime], Evaluation]
"""All rules of a set for one profile on one day; the time is when it was asked."""

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

    The verdicts of a range are on the bus before the ledger says it is done. A range whose
    worker died is evaluated again from its start; publish sees the repetition. `rules` gives the
    rule set in force, when told the hash of the one the run was started with. `await_turn` is
    called with the number of verdicts that are to follow, and blocks while there are enough.
    """

    def __init__(
        self,
        engine: sa.Engine,
        rules: Callable[[Collection[str]], Rules],
        producer: Producer,
        consumer: Consumer,
        worker: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        await_turn: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._producer = producer
        self._consumer = consumer
        self._worker = worker
        self._clock = clock
        self._await_turn = await_turn

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
        rules = self._rules({taken.rule_set})
        if rules.hash != taken.rule_set:
            log.warning("run started with other rules", run=task.run, rules=rules.hash)
        counts = runs.RangeCounts()
        for page in self._pages(rules.store, taken):
            now = self._clock()
            evaluations = [rules.evaluator(profile, taken.as_of, now) for profile in page]
            self._await_turn(len(evaluations))
            self._producer.publish([*map(codec.verdicts, evaluations)])
            self._consumer.keep_alive()
            counts = counts.plus(evaluations)
            RUN_USERS_EVALUATED.inc(len(evaluations))
        with transaction(self._engine) as connection:
            runs.finish_range(connection, taken, counts, self._clock())
        log.info("range evaluated", run=task.run, number=task.number, users=counts.evaluated)

    def _pages(self, store: ProfileStore, taken: runs.TakenRange) -> Iterable[list[Profile]]:
        """The pages of the range, each read in a transaction of its own."""
        first, inclusive = taken.first_user, True
        while True:
            with transaction(self._engine) as connection:
                page = store.page(connection, first, taken.end_user, PAGE_SIZE, inclusive)
            if page:
                yield page
                first, inclusive = page[-1].user_id, False
            if len(page) < PAGE_SIZE:
                return
