"""The alarm: halts a stage for all its workers when what it reads is garbage.

Each worker judges what it polled, in that order. Whoever finds garbage writes the halt into the
database, where every worker of the stage looks once a second and before its first batch; so none
of them goes on, and none that a supervisor starts anew does. When an operator resumed the stage,
the judges of all workers let garbage pass until its share is healthy again.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog

from quadrupel.core.errors import Halted, InputRefused
from quadrupel.core.garbage import Judge
from quadrupel.core.lifecycle import USER_ERASED
from quadrupel.core.ports import Message
from quadrupel.stages.aside import Refused
from quadrupel.store import halts
from quadrupel.store.database import transaction
from quadrupel.store.halts import Halt

LOOK_EVERY = timedelta(seconds=1)

Tell = Callable[[Sequence[Refused]], None]
"""Takes everything that was refused of a batch so far. Raises Halted when that is garbage."""

log = structlog.get_logger()


class Alarm:
    """One worker's part in it. `worker` names it to the operator."""

    def __init__(
        self,
        engine: sa.Engine,
        stage: str,
        worker: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._stage = stage
        self._worker = worker
        self._clock = clock
        self._judge = Judge()
        self._judged: dict[int, int] = {}  # by partition, the last offset the judge knows of
        self._look_at = clock()
        self._halted = False
        self._lets_pass = False

    def halt(self) -> Halt | None:
        """The halt of the stage; None if it may go on. Raises DatabaseUnavailable."""
        now = self._clock()
        if now < self._look_at and not self._halted:
            return None
        with transaction(self._engine) as connection:
            found = halts.find(connection, self._stage)
        self._look_at = now + LOOK_EVERY
        was_halted, self._halted = self._halted, found is not None and found.resumed_at is None
        if self._halted:
            return found
        if was_halted or (found is not None and not self._lets_pass):
            self._lets_pass = True
            self._judge.let_pass()
            log.warning("resumed, bad messages pass until few are bad again", stage=self._stage)
        return None

    @contextlib.contextmanager
    def judging(self, batch: Sequence[Message]) -> Iterator[Tell]:
        """Judge a batch by what the block tells; it tells before it commits anything.

        When Halted leaves the block, the stage is halted. Otherwise the batch counts as judged,
        once, however often it is delivered.
        """
        judge = self._judge

        def tell(refused: Sequence[Refused]) -> None:
            nonlocal judge
            judge = self._told(batch, refused)

        try:
            yield tell
        except Halted as halted:
            self._begin(str(halted))
            raise
        if judge is not self._judge:
            self._judge = judge
            self._judged |= {message.partition: message.offset for message in batch}
            self._look_at_health()

    def _told(self, batch: Sequence[Message], refused: Sequence[Refused]) -> Judge:
        """A judge who knows the batch too; the same one if it changes nothing."""
        # Of an erased user many events may come, and their source did nothing wrong.
        bad = {
            (message.partition, message.offset): error
            for message, error in refused
            if error.reason != USER_ERASED
        }
        if not bad and self._judge.is_clean():
            return self._judge
        judge = self._judge.copy()
        for message in batch:
            if message.offset <= self._judged.get(message.partition, -1):
                continue
            if (message.partition, message.offset) not in bad:
                judge.good()
            elif (finding := judge.bad()) is not None:
                raise Halted(_reason(finding, message, bad.values()))
        return judge

    def _begin(self, reason: str) -> None:
        halt = Halt(self._stage, reason, self._clock(), self._worker)
        with transaction(self._engine) as connection:
            halts.begin(connection, halt)
        self._halted = True

    def _look_at_health(self) -> None:
        if self._lets_pass and self._judge.is_armed():
            with transaction(self._engine) as connection:
                halts.end(connection, self._stage)
            self._lets_pass = False
            log.info("few messages are bad again, the alarm is armed", stage=self._stage)


def _reason(finding: str, last: Message, errors: Iterable[InputRefused]) -> str:
    [(most, _)] = Counter(error.reason for error in errors).most_common(1)
    place = f"{last.topic}/{last.partition}/{last.offset}"
    return f"{finding}, most often {most}, the last at {place}"
