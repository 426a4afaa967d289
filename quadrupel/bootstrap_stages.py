"""Builds every stage from connected parts and runs it."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

from quadrupel import memory, telemetry
from quadrupel.bootstrap import Parts, now, open_channels, open_parts, open_replica, today
from quadrupel.bus import topics
from quadrupel.config import Settings
from quadrupel.core.ports import Bus, Progress
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Evaluation
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.columnar_deadline import ColumnarDeadlines
from quadrupel.rules.live import following
from quadrupel.rules.offered import goals, offers
from quadrupel.rules.row import RowReading
from quadrupel.stages import evaluate, ingest, loop, publish, schedule, send
from quadrupel.stages.alarm import Alarm
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.pace import Pace
from quadrupel.stages.pages import Pages
from quadrupel.stages.precedence import Precedence
from quadrupel.stages.pulse import Pulse
from quadrupel.stages.trial import try_rules
from quadrupel.stages.upkeep import forget_looks
from quadrupel.store import database
from quadrupel.store.database import STAGE
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.replica import PageReads
from quadrupel.store.rule_numbers import RuleNumbers

Run = Callable[[Settings, threading.Event], None]

INGEST_BATCHES = 5
"""How many times `batch_size` ingest takes at once: what it folds together it saves once."""

RANGES_NICENESS = 10
"""How much the lane of runs gives way to other processes of its machine, where it has its own."""


def run_ingest(settings: Settings, stop: threading.Event) -> None:
    """Run ingest until `stop` is set."""
    with open_parts(settings, STAGE) as parts:
        ingest_on(parts, stop)


def ingest_on(parts: Parts, stop: threading.Event) -> None:
    """Run ingest on these parts until `stop` is set."""
    lane = topics.INGEST
    with contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer:
        declared = following(
            parts.live.look, lambda rules: ingest.declared(rules.schema, goals(rules))
        )
        alarm = Alarm(parts.engine, lane.stage, _worker(), now)
        work = ingest.Ingest(parts.engine, lambda: declared(()), now, alarm, consumer.keep_alive)
        size = INGEST_BATCHES * parts.settings.batch_size
        stage = loop.Stage(lane.stage, consumer, parts.producer, work.process, size)
        _run(parts, lane, replace(stage, halt=alarm.halt), stop)


def asked(rules: RuleSet) -> evaluate.Rules:
    """A rule set as evaluate asks it: by the row reading."""
    reading = RowReading(rules)

    def evaluation(profile: Profile, as_of: date, evaluated_at: datetime) -> Evaluation:
        return reading.evaluation(
            profile.user_id, profile.version, profile.values, as_of, evaluated_at
        )

    return evaluate.Rules(rules.hash, ProfileStore(rules.schema), evaluation)


def run_evaluate(settings: Settings, stop: threading.Event) -> None:
    """Run both lanes of evaluate until `stop` is set, or one of them fails."""
    with open_parts(settings, STAGE) as parts:
        lane = threading.Thread(target=evaluate_ranges_on, args=(parts, stop))
        lane.start()
        try:
            _evaluate_profiles(parts, stop)
        finally:
            stop.set()
            lane.join()


def run_evaluate_profiles(settings: Settings, stop: threading.Event) -> None:
    """Run the lane of changed profiles until `stop` is set."""
    with open_parts(settings, STAGE) as parts:
        _evaluate_profiles(parts, stop)


def run_evaluate_ranges(settings: Settings, stop: threading.Event) -> None:
    """Run the lane of runs until `stop` is set, with less right to the processor than others."""
    os.nice(RANGES_NICENESS)
    with open_parts(settings, STAGE) as parts:
        telemetry.serve_metrics(settings.metrics_port)
        memory.keep(memory.STAGE)
        evaluate_ranges_on(parts, stop)


def _evaluate_profiles(parts: Parts, stop: threading.Event) -> None:
    rules = following(parts.live.look, lambda found: asked(_tried(parts, found)))
    work = evaluate.EvaluateProfiles(
        parts.engine, lambda: rules(()), lambda zone: today(parts.settings, zone), now
    )
    _run_plain(parts, topics.EVALUATE, work.process, stop)


def evaluate_ranges_on(parts: Parts, stop: threading.Event) -> None:
    """Run the lane of runs on these parts until `stop` is set."""
    lane = topics.EVALUATE_RANGES
    try:
        with (
            contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer,
            contextlib.closing(parts.bus.producer()) as producer,
            open_replica(parts.settings, STAGE) as replica,
        ):
            events = {each.stage: _progress(parts.bus, each) for each in topics.OF_EVENTS}
            work = EvaluateRanges(
                parts.engine,
                pages_of(parts, partial(_tried, parts)),
                producer,
                consumer,
                _worker(),
                now,
                Pace(_progress(parts.bus, topics.PUBLISH), stop).await_turn,
                stop,
                own=parts.settings.zone,
                reads=PageReads(parts.engine, replica, parts.settings.replica_max_lag),
                give_way=Precedence(events, stop).give_way,
            )
            stage = loop.Stage(lane.stage, consumer, producer, work.process, 1, work.idle)
            _loop(parts, lane, stage, stop)
    finally:
        stop.set()


def _tried(parts: Parts, rules: RuleSet) -> RuleSet:
    """The rule set, after its rules were tried if one of them is new."""
    try_rules(parts.engine, rules, today(parts.settings), now())
    return rules


def pages_of(
    parts: Parts, tried: Callable[[RuleSet], RuleSet] = lambda rules: rules
) -> Callable[[str], Pages]:
    """What reads pages by a rule set, told its hash.

    It is the set of that hash, if this process still has it, else the one in force. A set that is
    new to this process is first handed to `tried`.
    """
    deadlines: ColumnarDeadlines | None = None

    def made(rules: RuleSet) -> Pages:
        nonlocal deadlines  # to learn them all again would take the next run many seconds
        with database.transaction(parts.engine) as connection:
            numbers = RuleNumbers().of(connection, rules.rules)
        pages = Pages(rules, numbers, deadlines)
        deadlines = pages.deadlines
        return pages

    reading = following(parts.live.pinned, lambda found: made(tried(found)))
    return lambda asked: reading({asked})


def run_publish(settings: Settings, stop: threading.Event) -> None:
    """Run publish until `stop` is set."""
    with open_parts(settings, STAGE) as parts:
        publish_on(parts, stop)


def publish_on(parts: Parts, stop: threading.Event) -> None:
    """Run publish on these parts until `stop` is set."""
    catalogue = following(parts.live.look, offers)
    work = publish.Publish(parts.engine, catalogue, now, parts.settings.reopen_days)
    _run_plain(parts, topics.PUBLISH, work.process, stop)


def run_send(settings: Settings, stop: threading.Event) -> None:
    """Run send until `stop` is set."""
    channels = open_channels(settings)
    with (
        open_parts(settings, STAGE) as parts,
        contextlib.closing(send.Send(parts.engine, channels, now)) as work,
    ):
        _run_plain(parts, topics.SEND, work.process, stop, work.idle)


def run_schedule(settings: Settings, stop: threading.Event) -> None:
    """Run schedule until `stop` is set."""
    with open_parts(settings, STAGE) as parts:
        telemetry.serve_metrics(settings.metrics_port)
        schedule_on(parts, stop)


def schedule_on(parts: Parts, stop: threading.Event) -> None:
    """Run schedule on these parts until `stop` is set."""
    settings = parts.settings
    kept = timedelta(days=settings.audit_days)
    schedule.Schedule(
        parts.engine,
        parts.producer,
        parts.live.look,
        settings.range_size,
        settings.night_at,
        settings.zone,
        now,
        settings.morning,
        upkeep=lambda stopped: forget_looks(parts.engine, now() - kept, stopped),
    ).run(stop)


STAGES: Mapping[str, Run] = {
    "ingest": run_ingest,
    "evaluate": run_evaluate,
    "evaluate profiles": run_evaluate_profiles,
    "evaluate ranges": run_evaluate_ranges,
    "publish": run_publish,
    "send": run_send,
    "schedule": run_schedule,
}
"""The stages by name, in the order of the flow; also the lanes of evaluate, each alone."""


def _run_plain(
    parts: Parts,
    lane: topics.Lane,
    process: loop.Process,
    stop: threading.Event,
    idle: loop.Idle = lambda: None,
) -> None:
    with contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer:
        size = parts.settings.batch_size
        stage = loop.Stage(lane.stage, consumer, parts.producer, process, size, idle)
        _run(parts, lane, stage, stop)


def _run(parts: Parts, lane: topics.Lane, stage: loop.Stage, stop: threading.Event) -> None:
    telemetry.serve_metrics(parts.settings.metrics_port)
    memory.keep(memory.STAGE)
    _loop(parts, lane, stage, stop)


def _loop(parts: Parts, lane: topics.Lane, stage: loop.Stage, stop: threading.Event) -> None:
    """Run the loop with its pulse, which is felt only where metrics are served."""
    pulse = Pulse(lane.stage, _lag(parts.bus, lane))
    with pulse.watched() if parts.settings.metrics_port else contextlib.nullcontext():
        loop.run(replace(stage, beat=pulse.beat), stop)


def _lag(bus: Bus, lane: topics.Lane) -> Callable[[], int]:
    """What tells how many messages a lane has not read."""
    progress = _progress(bus, lane)
    return lambda: progress().lag


def _progress(bus: Bus, lane: topics.Lane) -> Callable[[], Progress]:
    """What tells how far a lane is."""
    admin = bus.admin()
    return lambda: admin.progress(lane.topic, lane.group, members=False)


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
