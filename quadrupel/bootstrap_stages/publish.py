"""Builds and runs publish."""

import contextlib
import threading
from dataclasses import replace

from quadrupel.bootstrap import Parts, now
from quadrupel.bootstrap_stages import running
from quadrupel.bus import topics
from quadrupel.config import Settings
from quadrupel.core.offers import Catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.live import following
from quadrupel.rules.offered import offers
from quadrupel.stages import loop
from quadrupel.stages.alarm import Alarm
from quadrupel.stages.publish import Publish
from quadrupel.store import rule_sets
from quadrupel.store.database import transaction


def run(settings: Settings, stop: threading.Event) -> None:
    """Run publish until `stop` is set."""
    with running.open_parts(settings, stop) as parts:
        run_on(parts, stop)


def run_on(parts: Parts, stop: threading.Event) -> None:
    """Run publish on these parts until `stop` is set."""
    settings, lane = parts.settings, topics.PUBLISH
    with contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer:
        alarm = Alarm(parts.engine, lane.stage, running.worker(), now)
        work = Publish(
            parts.engine,
            following(parts.live.look, lambda found: offered(parts, found)),
            now,
            settings.reopen_days,
            settings.zone,
            alarm,
            consumer.keep_alive,
        )
        stage = loop.Stage(lane.stage, consumer, parts.producer, work.process, settings.batch_size)
        running.run(parts, lane, replace(stage, halt=alarm.halt), stop)


def offered(parts: Parts, rules: RuleSet) -> Catalogue:
    """What a rule set offers. It is remembered first: banner sets will have come of it."""
    with transaction(parts.engine) as connection:
        rule_sets.save(connection, rules.hash, rules.identities, rules.weights)
    return offers(rules)
