"""What `quadrupel status` tells, gathered from bus and database: each part as far as it answers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psycopg
import sqlalchemy as sa

from quadrupel.bus.dead_letter_desk import count_undecided
from quadrupel.bus.topics import DEAD_LETTERS, LANES, Lane
from quadrupel.core.errors import QuadrupelError, Unavailable
from quadrupel.core.ports import Admin, Progress
from quadrupel.store import halts, replica, rule_holds, runs
from quadrupel.store.database import transaction
from quadrupel.store.halts import Halt
from quadrupel.store.replica import Lag
from quadrupel.store.rule_holds import Hold
from quadrupel.store.runs import RunProgress

MOST_LETTERS = 10_000
"""Of a longer topic of dead letters, what is undecided is not counted: that takes too long."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why something is not known."""

    reason: str


@dataclass(frozen=True, slots=True)
class Flow:
    """How a stage keeps up with its topic: messages a second in and out, between two looks.

    `catch_up` is in seconds, if things go on like this; None: never.
    """

    lag: int
    arriving: float
    leaving: float
    catch_up: float | None
    workers: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything of one moment. `undecided` letters are None when there are too many to count.

    `replica` is None where none is configured.
    """

    flows: Mapping[Lane, Flow | Unknown]
    halts: Mapping[str, Halt] | Unknown
    undecided: int | Unknown | None
    run: RunProgress | Unknown | None
    held: Sequence[Hold] | Unknown
    replica: Lag | Unknown | None = None


def flow(before: Progress, after: Progress, seconds: float) -> Flow:
    """What two looks, so many seconds apart, say of a stage."""
    arriving = max(0, after.end - before.end) / seconds
    leaving = max(0, after.committed - before.committed) / seconds
    catch_up = None
    if after.lag == 0:
        catch_up = 0.0
    elif leaving > arriving:
        catch_up = after.lag / (leaving - arriving)
    return Flow(after.lag, arriving, leaving, catch_up, after.members)


class Reporter:
    """Looks again and again; every report compares with the look before.

    `replica` is the read replica of the database, where there is one.
    """

    def __init__(
        self,
        admin: Admin,
        engine: sa.Engine,
        clock: Callable[[], float] = time.monotonic,
        replica: sa.Engine | None = None,
    ) -> None:
        self._admin = admin
        self._engine = engine
        self._clock = clock
        self._replica = replica
        self._looked_at = clock()
        self._seen: Mapping[Lane, Progress | Unknown] = {}
        self._letters: int | None = None
        self._undecided: int | Unknown | None = None

    def look(self) -> None:
        """Look at every topic."""
        self._looked_at = self._clock()
        seen: dict[Lane, Progress | Unknown] = {}
        for lane in LANES:
            try:
                seen[lane] = self._admin.progress(lane.topic, lane.group)
            except Unavailable as error:
                self._seen = dict.fromkeys(LANES, Unknown(str(error)))  # the others are away too
                return
            except QuadrupelError as error:
                seen[lane] = Unknown(str(error))
        self._seen = seen

    def report(self) -> Report:
        """Look once more and tell. `look` must have been called, and some time passed."""
        before, then = self._seen, self._looked_at
        self.look()
        seconds = self._looked_at - then
        flows = {lane: _flow(before[lane], self._seen[lane], seconds) for lane in LANES}
        halted = self._from_database(halts.every)
        return Report(
            flows,
            halted if isinstance(halted, Unknown) else {halt.stage: halt for halt in halted},
            self._count_undecided(),
            self._from_database(runs.newest),
            self._from_database(rule_holds.held),
            None if self._replica is None else self._lag(self._replica),
        )

    def _count_undecided(self) -> int | Unknown | None:
        """Count again only if something came onto the topic since the last time."""
        if all(isinstance(seen, Unknown) for seen in self._seen.values()):
            return next(seen for seen in self._seen.values() if isinstance(seen, Unknown))
        try:
            letters = self._admin.progress(DEAD_LETTERS, "quadrupel.status").end
            if letters != self._letters:
                self._undecided = count_undecided(self._admin, MOST_LETTERS)
                self._letters = letters
        except QuadrupelError as error:
            return Unknown(str(error))
        return self._undecided

    def _lag(self, engine: sa.Engine) -> Lag | Unknown:
        mark = self._from_database(replica.read_mark)
        if isinstance(mark, Unknown):
            return Unknown("not known while the database does not answer")
        try:
            with transaction(engine) as connection:
                standing = replica.read_standing(connection)
        except (QuadrupelError, sa.exc.DBAPIError, psycopg.Error) as error:
            return Unknown(f"unreachable: {replica.reason(error)}")
        unfit = standing.unfit(mark)
        return Unknown(f"not used: {unfit}") if unfit else replica.lag(mark, standing)

    def _from_database(self, ask: Callable[[sa.Connection], Answer]) -> Answer | Unknown:
        try:
            with transaction(self._engine) as connection:
                return ask(connection)
        except QuadrupelError as error:
            return Unknown(str(error))
        except sa.exc.ProgrammingError:
            return Unknown("the tables are missing or old; run `quadrupel db migrate`")


def _flow(before: Progress | Unknown, after: Progress | Unknown, seconds: float) -> Flow | Unknown:
    if isinstance(after, Unknown):
        return after
    return flow(after if isinstance(before, Unknown) else before, after, seconds)
