"""Builds and runs publish."""

import contextlib
import threading

from quadrupel.bootstrap import Parts, now, open_parts
from quadrupel.bootstrap_stages import running
from quadrupel.bus import topics
from quadrupel.config import Settings
from quadrupel.rules.live import following
from quadrupel.rules.offered import offers
from quadrupel.stages import loop
from quadrupel.stages.publish import Publish
from quadrupel.store.database import STAGE


def run(settings: Settings, stop: threading.Event) -> None:
    """Run publish until `stop` is set."""
    with open_parts(settings, STAGE) as parts:
        run_on(parts, stop)


def run_on(parts: Parts, stop: threading.Event) -> None:
    """Run publish on these parts until `stop` is set."""
    catalogue = following(parts.live.look, offers)
    settings = parts.settings
    lane = topics.PUBLISH
    with contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer:
        reopen_days, zone = settings.reopen_days, settings.zone
        alive = consumer.keep_alive
        work = Publish(parts.engine, catalogue, now, reopen_days, zone, alive)
        stage = loop.Stage(lane.stage, consumer, parts.producer, work.process, settings.batch_size)
        running.run(parts, lane, stage, stop)
