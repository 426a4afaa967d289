"""The lease of a worker on the range it evaluates, renewed while it works and while it waits."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from quadrupel.core.errors import QuadrupelError
from quadrupel.core.ports import Consumer
from quadrupel.core.runs import BEAT, RangeCounts
from quadrupel.store import run_ranges
from quadrupel.store.database import transaction
from quadrupel.store.run_ranges import Claim, TakenRange


class LeaseLost(QuadrupelError):
    """Another worker has the range: drop it, what was evaluated of it is evaluated there again."""


class Lease:
    """A range that is held: keeps its worker a member of the group, and the ledger informed."""

    def __init__(
        self,
        engine: sa.Engine,
        consumer: Consumer,
        taken: TakenRange,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._consumer = consumer
        self._taken = taken
        self._clock = clock
        self._renewed_at = clock()

    def claim(self, last_user: str, counts: RangeCounts) -> Claim:
        """Claim all users up to `last_user`; `counts` are of the pages before. LeaseLost."""
        now = self._clock()
        with transaction(self._engine) as connection:
            claim = run_ranges.claim(connection, self._taken, last_user, counts, now)
        if claim is None:
            raise LeaseLost
        self._renewed_at = now
        return claim

    def keep_alive(self) -> None:
        """Call it often. Raises AssignmentLost when the message moved on, LeaseLost."""
        self._consumer.keep_alive()
        now = self._clock()
        if now - self._renewed_at < BEAT:
            return
        with transaction(self._engine) as connection:
            if not run_ranges.beat(connection, self._taken, now):
                raise LeaseLost
        self._renewed_at = now
