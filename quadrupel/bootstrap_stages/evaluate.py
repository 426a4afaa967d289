"""Builds and runs evaluate: the lane of changed profiles, and that of runs."""

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial

from quadrupel import memory, telemetry
from quadrupel.bootstrap import Parts, now, open_replica, today
from quadrupel.bootstrap_stages import running
from quadrupel.bus import topics
from quadrupel.config import Settings
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Evaluation
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.live import following
from quadrupel.rules.row import RowReading
from quadrupel.stages import loop
from quadrupel.stages.evaluate import EvaluateProfiles, Rules
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.pace import Pace
from quadrupel.stages.pages import Pages
from quadrupel.stages.precedence import Precedence
from quadrupel.stages.trial import try_rules
from quadrupel.store.database import STAGE, transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.replica import PageReads
from quadrupel.store.rule_numbers import RuleNumbers

RANGES_NICENESS = 10
"""How much the lane of runs gives way to other processes of its machine, where it has its own."""


def run(settings: Settings, stop: threading.Event) -> None:
    """Run both lanes until `stop` is set, or one of them fails: what it raises is raised."""
    with running.open_parts(settings, stop) as parts, ThreadPoolExecutor(1) as other:
        ranges = other.submit(run_ranges_on, parts, stop)
        try:
            _run_profiles_on(parts, stop)
        finally:
            stop.set()
        ranges.result()


def run_profiles(settings: Settings, stop: threading.Event) -> None:
    """Run the lane of changed profiles until `stop` is set."""
    with running.open_parts(settings, stop) as parts:
        _run_profiles_on(parts, stop)


def run_ranges(settings: Settings, stop: threading.Event) -> None:
    """Run the lane of runs until `stop` is set, with less right to the processor than others."""
    os.nice(RANGES_NICENESS)
    with running.open_parts(settings, stop) as parts:
        telemetry.serve_metrics(settings.metrics_port)
        memory.keep(memory.STAGE)
        run_ranges_on(parts, stop)


def _run_profiles_on(parts: Parts, stop: threading.Event) -> None:
    rules = following(parts.live.look, lambda found: asked(_tried(parts, found)))
    work = EvaluateProfiles(
        parts.engine, lambda: rules(()), lambda zone: today(parts.settings, zone), now
    )
    running.run_plain(parts, topics.EVALUATE, work.process, stop)


def run_ranges_on(parts: Parts, stop: threading.Event) -> None:
    """Run the lane of runs on these parts until `stop` is set."""
    lane = topics.EVALUATE_RANGES
    try:
        with (
            contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer,
            contextlib.closing(parts.bus.producer()) as producer,
            open_replica(parts.settings, STAGE) as replica,
        ):
            events = {each.stage: running.progress(parts.bus, each) for each in topics.OF_EVENTS}
            work = EvaluateRanges(
                parts.engine,
                pages_of(parts, partial(_tried, parts)),
                producer,
                consumer,
                running.worker(),
                now,
                Pace(running.progress(parts.bus, topics.PUBLISH), stop).await_turn,
                stop,
                own=parts.settings.zone,
                reads=PageReads(parts.engine, replica, parts.settings.replica_max_lag),
                give_way=Precedence(events, stop).give_way,
            )
            stage = loop.Stage(lane.stage, consumer, producer, work.process, 1, work.idle)
            running.run_lane(parts, lane, stage, stop)
    finally:
        stop.set()


def asked(rules: RuleSet) -> Rules:
    """A rule set as the lane of changed profiles asks it: by the row reading."""
    reading = RowReading(rules)

    def evaluation(profile: Profile, as_of: date, evaluated_at: datetime) -> Evaluation:
        return reading.evaluation(
            profile.user_id, profile.version, profile.values, as_of, evaluated_at
        )

    return Rules(ProfileStore(rules.schema), evaluation)


def pages_of(parts: Parts, tried: Callable[[RuleSet], RuleSet]) -> Callable[[str], Pages]:
    """What reads pages by a rule set, told its hash.

    It is the set of that hash, if this process still has it, else the one in force. A set that is
    new to this process is first handed to `tried`.
    """
    deadlines: ColumnarDeadlines | None = None

    def made(rules: RuleSet) -> Pages:
        nonlocal deadlines  # to learn them all again would take the next run many seconds
        with transaction(parts.engine) as connection:
            numbers = RuleNumbers().of(connection, rules.rules)
        pages = Pages(rules, numbers, deadlines)
        deadlines = pages.deadlines
        return pages

    reading = following(parts.live.pinned, lambda found: made(tried(found)))
    return lambda asked: reading({asked})


def _tried(parts: Parts, rules: RuleSet) -> RuleSet:
    """The rule set, after its rules were tried if one of them is new."""
    try_rules(parts.engine, rules, today(parts.settings), now())
    return rules
