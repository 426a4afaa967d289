"""The loop every stage runs: the one place where the order of commits is written.

Poll a batch; process it (compute in memory, then one database transaction); publish what follows
from it; acknowledge it. Whatever happens between, a redelivered batch changes nothing and
publishes again, so nothing is lost and nothing counts twice.

What infrastructure refuses is retried, with growing pauses, for as long as it takes; the topic
only gets longer. What is wrong with an input is the business of `process`, which answers with a
dead letter.

A stage that was halted stays a member of its group, takes nothing, and waits for an operator.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from quadrupel import memory
from quadrupel.core.errors import AssignmentLost, ConcurrentWrite, Halted, Unavailable
from quadrupel.core.ports import Consumer, Message, Outgoing, Producer
from quadrupel.store.halts import Halt
from quadrupel.telemetry import STAGE_BATCH_MESSAGES, STAGE_HALTED, Laps

Process = Callable[[list[Message]], Sequence[Outgoing]]
"""One batch: computes, saves in one transaction, returns what to publish. Idempotent."""
Idle = Callable[[], bool | None]
"""Some work that comes by time; True when there may be more of it to do at once."""

POLL_SECONDS = 0.5
TURN_SECONDS = 0.015
"""From the beginning of a turn to that of the next one, at least, unless the batch was full.

A batch costs as much as dozens of messages in it, in each stage, in the database and on the bus.
What comes one by one is handled at once; what comes after it waits this long at most, and shares.
"""

LONGEST_PAUSE = 30.0
LOOK_SECONDS = 1.0
ALARM_SECONDS = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage ready to run: its name for logs, where it reads, what it does with a batch.

    `idle` is called after every poll, at least every POLL_SECONDS; when there may be more for it,
    the next poll does not wait for messages. `halt` is asked before every poll whether the stage
    may go on, and must not cost much. `beat` is called after every batch.
    """

    name: str
    consumer: Consumer
    producer: Producer
    process: Process
    batch_size: int
    idle: Idle = lambda: None
    halt: Callable[[], Halt | None] = lambda: None
    beat: Callable[[], None] = lambda: None


def run(stage: Stage, stop: threading.Event) -> None:
    """Work until `stop` is set, then finish the batch in hand. Blocks."""
    failures = 0
    patience = POLL_SECONDS
    while not stop.is_set():
        try:
            if _may_go_on(stage, stop):
                patience = _take_turn(stage, stop, patience)
            failures = 0
        except Halted:
            stage.consumer.rewind()
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


def _take_turn(stage: Stage, stop: threading.Event, patience: float) -> float:
    """One step, idle work, and a pause until it is time for the next one: its patience."""
    began = time.monotonic()
    messages = step(stage, patience)
    more = stage.idle()
    memory.tidy()
    if 0 < messages < stage.batch_size:
        stop.wait(max(0.0, began + TURN_SECONDS - time.monotonic()))
    return 0.0 if more else POLL_SECONDS


def step(stage: Stage, patience: float = POLL_SECONDS) -> int:
    """Poll for so many seconds, process, publish, acknowledge. Returns the number of messages."""
    laps = Laps(stage.name)
    messages = stage.consumer.poll(stage.batch_size, patience)
    if messages:
        laps.end("poll")
        outgoing = stage.process(messages)
        laps.end("process")
        stage.producer.publish(outgoing)
        laps.end("publish")
        stage.consumer.commit(soon=True)
        laps.end("commit")
        STAGE_BATCH_MESSAGES.labels(stage.name).observe(len(messages))
        stage.beat()
    return len(messages)


def _may_go_on(stage: Stage, stop: threading.Event) -> bool:
    """Wait for as long as the stage is halted, with an alarm; False if `stop` was set meanwhile."""
    sounds_at = 0.0
    while (halt := stage.halt()) is not None:
        STAGE_HALTED.labels(stage.name).set(1)
        if time.monotonic() >= sounds_at:
            sounds_at = time.monotonic() + ALARM_SECONDS
            log.error(
                "HALTED, an operator decides: mend what comes in or let it pass, then resume",
                stage=stage.name,
                reason=halt.reason,
                since=halt.since.isoformat(timespec="seconds"),
                halted_by=halt.worker,
                resume=f"quadrupel dead-letters resume {stage.name}",
            )
        stage.consumer.keep_alive()
        if stop.wait(LOOK_SECONDS):
            return False
    STAGE_HALTED.labels(stage.name).set(0)
    return True


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling from 0.5, at most 30, jittered."""
    longest = min(LONGEST_PAUSE, 0.25 * 2.0 ** min(failures, 10))
    return round(longest * random.uniform(0.75, 1.0), 2)
