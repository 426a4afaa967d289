"""The loop every stage runs: the one place where the order of commits is written.

Poll a batch; process it (compute in memory, then one database transaction); publish what follows
from it; acknowledge it. Whatever happens between, a redelivered batch changes nothing and
publishes again, so nothing is lost and nothing counts twice.

What infrastructure refuses is retried, with growing pauses, for as long as it takes; the topic
only gets longer. What is wrong with an input is the business of `process`, which answers with a
dead letter.
"""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from quadrupel.core.errors import AssignmentLost, ConcurrentWrite, Unavailable
from quadrupel.core.ports import Consumer, Message, Outgoing, Producer
from quadrupel.telemetry import LAST_BATCH

Process = Callable[[list[Message]], Sequence[Outgoing]]
"""One batch: computes, saves in one transaction, returns what to publish. Idempotent."""

POLL_SECONDS = 0.5
LONGEST_PAUSE = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage ready to run: its name for logs, where it reads, what it does with a batch.

    `idle` is called after every poll, at least every POLL_SECONDS, for work that comes by time.
    """

    name: str
    consumer: Consumer
    producer: Producer
    process: Process
    batch_size: int
    idle: Callable[[], None] = lambda: None


def run(stage: Stage, stop: threading.Event) -> None:
    """Work until `stop` is set, then finish the batch in hand. Blocks."""
    failures = 0
    while not stop.is_set():
        try:
            step(stage)
            failures = 0
        except AssignmentLost as lost:
            log.info("batch dropped, its partitions moved", stage=stage.name, reason=str(lost))
        except ConcurrentWrite as conflict:
            log.info(
                "batch repeated, another worker went first", stage=stage.name, reason=str(conflict)
            )
            stage.consumer.rewind()
            stop.wait(random.uniform(0.01, 0.1))
        except Unavailable as error:
            stage.consumer.rewind()
            failures += 1
            seconds = pause(failures)
            log.warning(
                "waiting for what is away", stage=stage.name, reason=str(error), seconds=seconds
            )
            stop.wait(seconds)


def step(stage: Stage) -> int:
    """One turn: poll, process, publish, acknowledge. Returns the number of messages."""
    messages = stage.consumer.poll(stage.batch_size, POLL_SECONDS)
    if messages:
        stage.producer.publish(stage.process(messages))
        stage.consumer.commit()
        LAST_BATCH.labels(stage.name).set_to_current_time()
    stage.idle()
    return len(messages)


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling from 0.5, at most 30, jittered."""
    longest = min(LONGEST_PAUSE, 0.25 * 2.0 ** min(failures, 10))
    return round(longest * random.uniform(0.75, 1.0), 2)
