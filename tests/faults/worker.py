"""Workers that may meet their fate at a named point: processes for tests, not tests.

Production code has no hooks for this. A worker is a stage of `bootstrap` with wrapped parts: the
the bus (what is polled, published, acknowledged), and the driver of the database, whose statements
and commits show where in its transaction the batch is.

Run as a script it forks a worker for every line of standard input: the parts of Python that take
seconds to import are there already, so a killed worker has a successor at once.
"""

import contextlib
import json
import os
import random
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.sql import Composable

from quadrupel import bootstrap, supervisor, telemetry
from quadrupel.bootstrap_stages import evaluate, ingest, publish, schedule
from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.postgres import PostgresBus
from quadrupel.config import Settings, read_settings
from quadrupel.core.errors import QuadrupelError
from quadrupel.store.database import STAGE

POINTS = (
    "polled",  # delivered, nothing done yet
    "folded",  # in the transaction, before anything is written
    "written",  # in the transaction, with the locks of all rows, before the commit
    "committing",  # the commit is on its way to the server, its answer is not
    "committed",  # before anything is published
    "publishing",  # half of it is published
    "published",  # before it is acknowledged
    "acknowledging",  # the acknowledgement may be on its way to the bus
    "acknowledged",  # the batch is over
)
"""Where a worker can be in the order of commits."""

STAGES = {
    "ingest": ingest.run_on,
    "evaluate": evaluate.run_ranges_on,
    "publish": publish.run_on,
    "schedule": schedule.run_on,
}
"""What a worker can be; of evaluate the lane of runs."""

RECORD = "record"
LOG = "log"


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told: its settings, where it writes, its stage, and its fate.

    It meets `signal` at `point` of its batch number `batch`, from 1; at no point if that is empty.
    Times are in seconds: how long it may be silent on Kafka and in a transaction, if it is said.
    """

    folder: str
    settings: dict[str, Any]
    stage: str = "ingest"
    point: str = ""
    batch: int = 1
    signal: int = signal.SIGKILL
    session_timeout: float = 30.0
    idle_in_transaction: int = STAGE.idle_in_transaction


class Fate:
    """What waits for this worker; notes in the record what happened to it."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._batch = 0
        self._is_met = False
        self._writes = False

    def begin(self) -> None:
        """A batch was polled."""
        self._batch += 1
        self.meet("polled")

    def is_near(self, point: str) -> bool:
        """Whether this is the point of this batch."""
        orders = self._orders
        return not self._is_met and point == orders.point and self._batch >= orders.batch

    def meet(self, point: str) -> None:
        """Be killed or stopped if this is the point."""
        if self.is_near(point):
            self._is_met = True
            self.note(point)
            os.kill(os.getpid(), self._orders.signal)

    def note(self, what: str) -> None:
        """Write it behind what others wrote; `kill -9` leaves it there."""
        with Path(self._orders.folder, RECORD).open("ab", buffering=0) as record:
            record.write(f"{os.getpid()} {what}\n".encode())

    def watch(self, engine: sa.Engine) -> None:
        """See in every transaction where it is."""
        fate = self
        engine.dispose()  # connections that are open would not be seen

        class Cursor(psycopg.Cursor):
            def execute(self, query, *arguments, **options):  # type: ignore[no-untyped-def]
                text = query.as_string(self) if isinstance(query, Composable) else query
                if text.startswith("CREATE TEMP TABLE"):
                    fate.meet("folded")
                    fate._writes = True
                return super().execute(query, *arguments, **options)

        @sa.event.listens_for(engine, "connect")
        def opened(connection: psycopg.Connection, _: object) -> None:
            # So the database tells whose the connection is, and whether it is done with the dead.
            connection.execute(f"SET application_name = 'worker {os.getpid()}'")
            connection.commit()
            connection.cursor_factory = Cursor

        @sa.event.listens_for(engine, "commit")
        def commits(connection: sa.Connection) -> None:
            if fate._writes:
                fate._commits(connection.connection.driver_connection)
            fate._writes = False

        @sa.event.listens_for(engine, "rollback")
        def rolls_back(_: sa.Connection) -> None:
            fate._writes = False

    def _commits(self, connection: Any) -> None:
        self.meet("written")
        if self.is_near("committing"):
            connection.pgconn.send_query(b"COMMIT")
            self.meet("committing")


@dataclass(frozen=True, slots=True)
class FatedConsumer:
    """A consumer that meets its fate at what it delivers and acknowledges."""

    real: Any
    fate: Fate

    def poll(self, limit: int, timeout: float) -> list[Any]:
        messages: list[Any] = self.real.poll(limit, timeout)
        if messages:
            self.fate.begin()
        return messages

    def commit(self, *, soon: bool = False) -> None:
        self.fate.meet("published")
        if self.fate.is_near("acknowledging"):
            soon = False
            seconds = random.uniform(0, 0.004)
            threading.Timer(seconds, self.fate.meet, ["acknowledging"]).start()
        try:
            self.real.commit(soon=soon)
        except QuadrupelError as error:
            self.fate.note(type(error).__name__)
            raise
        while self.fate.is_near("acknowledging"):
            signal.pause()
        self.fate.note("batch")
        self.fate.meet("acknowledged")

    def rewind(self) -> None:
        self.fate.note("rewind")
        self.real.rewind()

    def keep_alive(self) -> None:
        self.real.keep_alive()

    def close(self) -> None:
        self.real.close()


@dataclass(frozen=True, slots=True)
class FatedProducer:
    """A producer that meets its fate before it publishes, and between."""

    real: Any
    fate: Fate

    def publish(self, messages: Sequence[Any]) -> None:
        self.fate.meet("committed")
        if self.fate.is_near("publishing"):
            self.real.publish(messages[: len(messages) // 2])
            self.fate.meet("publishing")
        self.real.publish(messages)

    def publish_and_locate(self, messages: Sequence[Any]) -> list[Any]:
        located: list[Any] = self.real.publish_and_locate(messages)
        return located

    def close(self) -> None:
        self.real.close()


@dataclass(frozen=True, slots=True)
class FatedBus:
    """A bus whose consumers and producers meet their fate."""

    real: Any
    fate: Fate

    def producer(self) -> FatedProducer:
        return FatedProducer(self.real.producer(), self.fate)

    def consumer(self, topic: str, group: str) -> FatedConsumer:
        return FatedConsumer(self.real.consumer(topic, group), self.fate)

    def admin(self) -> Any:
        return self.real.admin()

    def close(self) -> None:
        self.real.close()


def work(orders: Orders) -> None:
    """Be a worker until a signal comes, or the fate."""
    telemetry.configure_logs("json", "info")
    stop = supervisor.stop_on_signals()
    supervisor.end_in_time(stop)
    fate = Fate(orders)

    def connect(settings: Settings) -> FatedBus:
        if settings.kafka_bootstrap is None:
            return FatedBus(PostgresBus(settings.database), fate)
        timeout = orders.session_timeout
        return FatedBus(KafkaBus(settings.kafka_bootstrap, session_timeout=timeout), fate)

    limits = replace(STAGE, idle_in_transaction=orders.idle_in_transaction)
    with bootstrap.open_parts(read_settings(**orders.settings), limits, connect) as parts:
        fate.watch(parts.engine)
        STAGES[orders.stage](parts, stop)
    fate.note("left")


def _be_child(orders: Orders) -> None:
    """Write where the orders say; end without what the parent would do at its end."""
    status = 1
    with Path(orders.folder, LOG).open("ab", buffering=0) as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ[supervisor.PARENT_VARIABLE] = str(os.getppid())
        work(orders)
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the log has to tell
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Fork a worker for every line, and say its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets those who died
    with contextlib.suppress(KeyboardInterrupt):
        for line in sys.stdin:
            pid = os.fork()
            if pid == 0:
                _be_child(Orders(**json.loads(line)))
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
