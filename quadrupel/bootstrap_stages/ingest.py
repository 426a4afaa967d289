"""Builds and runs ingest."""

import contextlib
import threading
from dataclasses import replace

from quadrupel.bootstrap import Parts, now
from quadrupel.bootstrap_stages import running
from quadrupel.bus import topics
from quadrupel.config import Settings
from quadrupel.rules.live import following
from quadrupel.rules.offered import goals
from quadrupel.stages import loop
from quadrupel.stages.alarm import Alarm
from quadrupel.stages.ingest import Ingest, declared

BATCHES = 5
"""How many times `batch_size` ingest takes at once: what it folds together it saves once."""


def run(settings: Settings, stop: threading.Event) -> None:
    """Run ingest until `stop` is set."""
    with running.open_parts(settings, stop) as parts:
        run_on(parts, stop)


def run_on(parts: Parts, stop: threading.Event) -> None:
    """Run ingest on these parts until `stop` is set."""
    lane = topics.INGEST
    with contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer:
        schema = following(parts.live.look, lambda rules: declared(rules.schema, goals(rules)))
        alarm = Alarm(parts.engine, lane.stage, running.worker(), now)
        work = Ingest(parts.engine, lambda: schema(()), now, alarm, consumer.keep_alive)
        size = BATCHES * parts.settings.batch_size
        stage = loop.Stage(lane.stage, consumer, parts.producer, work.process, size)
        running.run(parts, lane, replace(stage, halt=alarm.halt), stop)
