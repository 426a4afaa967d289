"""Halted stages: one row for each stage that an operator has to decide about.

The row goes through two states: the stage is halted; an operator resumed it (`resumed_at`), and it
goes on. The first worker that finds its events healthy again deletes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from quadrupel.core.errors import NotFound
from quadrupel.store.tables import halts


@dataclass(frozen=True, slots=True)
class Halt:
    """Why and since when a stage does not go on; or, once `resumed_at` is set, did not."""

    stage: str
    reason: str
    since: datetime
    worker: str
    resumed_at: datetime | None = None


def begin(connection: sa.Connection, halt: Halt) -> None:
    """Halt the stage, unless there is a row already, of a worker that was quicker."""
    values = {"reason": halt.reason, "since": halt.since, "worker": halt.worker}
    connection.execute(insert(halts).values(stage=halt.stage, **values).on_conflict_do_nothing())


def find(connection: sa.Connection, stage: str) -> Halt | None:
    """The row of the stage, if it has one."""
    row = connection.execute(sa.select(halts).where(halts.c.stage == stage)).one_or_none()
    return None if row is None else Halt(*row)


def every(connection: sa.Connection) -> Sequence[Halt]:
    """All rows, by stage."""
    return [Halt(*row) for row in connection.execute(sa.select(halts).order_by(halts.c.stage))]


def resume(connection: sa.Connection, stage: str, now: datetime) -> None:
    """Let the stage go on. Raises NotFound if it is not halted."""
    halted = (halts.c.stage == stage) & halts.c.resumed_at.is_(None)
    resumed = connection.execute(sa.update(halts).where(halted).values(resumed_at=now))
    if not resumed.rowcount:
        raise NotFound(f"{stage} is not halted; `quadrupel status` shows what is")


def end(connection: sa.Connection, stage: str) -> None:
    """Delete the row of a stage that was resumed; one that is halted stays so."""
    resumed = (halts.c.stage == stage) & halts.c.resumed_at.is_not(None)
    connection.execute(sa.delete(halts).where(resumed))
