"""The one place that builds and connects: settings in, running parts out.

Everything below it is handed what it needs; everything above it (the command line, and
`bootstrap_api`, which builds the REST service) asks here.
"""

import contextlib
import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache, partial

import sqlalchemy as sa

from quadrupel import telemetry
from quadrupel.bus import topics
from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.postgres import PostgresBus
from quadrupel.channels import smtp, templates, webhook
from quadrupel.channels.email import EmailChannel
from quadrupel.channels.templates import Templates
from quadrupel.config import Settings, migrations_folder, rules_folder
from quadrupel.core.channels import Channel
from quadrupel.core.contacts import EMAIL
from quadrupel.core.ports import Bus, Producer, Progress
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Evaluation
from quadrupel.core.zones import day_in, find_zone
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.live import LiveRules, following
from quadrupel.rules.row import RowReading
from quadrupel.stages import evaluate, ingest, loop, publish, schedule, send
from quadrupel.stages.alarm import Alarm
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.pace import Pace
from quadrupel.stages.pages import Pages
from quadrupel.stages.pulse import Pulse
from quadrupel.stages.trial import try_rules
from quadrupel.store import contacts, database, halts, schema
from quadrupel.store.database import PATIENT, STAGE, Limits
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.replica import PageReads
from quadrupel.store.rule_numbers import RuleNumbers

Run = Callable[[Settings, threading.Event], None]

INGEST_BATCHES = 5
"""How many times `batch_size` ingest takes at once: what it folds together it saves once."""

RANGES_NICENESS = 10
"""How much the lane of runs gives way to other processes of its machine, where it has its own."""


def now() -> datetime:
    """The time, in UTC: the only clock stages are given."""
    return datetime.now(UTC)


def today(settings: Settings, zone: str | None = None) -> date:
    """The day it is in the time zone of that name; None, or one not known: in the settings'."""
    return day_in(find_zone(zone) or settings.zone, now())


def today_of(settings: Settings, connection: sa.Connection, user_id: str) -> date:
    """The day it is for a user, in its own time zone or the settings'."""
    return today(settings, contacts.zones_of(connection, [user_id]).get(user_id))


def open_bus(settings: Settings, timeout: float = 30.0) -> Bus:
    """Kafka where its bootstrap servers are set, else tables in the database.

    `timeout` is how many seconds a cluster that is away is waited for.
    """
    if settings.kafka_bootstrap is not None:
        replication = settings.kafka_replication
        return KafkaBus(settings.kafka_bootstrap, replication=replication, timeout=timeout)
    return PostgresBus(settings.database)


def load_rules(settings: Settings) -> RuleSet:
    """Read all rule scripts. Raises DeclarationRefused with every problem in them."""
    folder = rules_folder(settings)
    return catalogue.load(folder, settings.languages, template_placeholders(settings))


def template_placeholders(settings: Settings) -> dict[str, frozenset[str]] | None:
    """What each template of an e-mail shows, by its name; None where no folder holds templates.

    Raises DeclarationRefused with every problem in them.
    """
    if not (rules_folder(settings) / "templates").is_dir():
        return None
    read = load_templates(settings)
    return {name: read.placeholders(name) for name in read.names}


@contextlib.contextmanager
def open_engine(settings: Settings, limits: Limits = PATIENT) -> Iterator[sa.Engine]:
    """The database, for as long as the block."""
    engine = database.open_engine(settings.database, limits=limits)
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def open_replica(settings: Settings, limits: Limits) -> Iterator[sa.Engine | None]:
    """The read replica, for as long as the block; None where none is set. Not connected yet."""
    if settings.replica_url is None:
        yield None
        return
    engine = database.open_engine(settings.replica_url, pool_size=1, limits=limits)
    try:
        yield engine
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class Parts:
    """What every stage is built from, connected and checked."""

    settings: Settings
    engine: sa.Engine
    bus: Bus
    producer: Producer
    live: LiveRules

    @property
    def rules(self) -> RuleSet:
        """The rule set in force."""
        return self.live.current


@contextlib.contextmanager
def open_parts(
    settings: Settings, limits: Limits = PATIENT, connect: Callable[[Settings], Bus] = open_bus
) -> Iterator[Parts]:
    """Connect; check topics and columns before anything runs; close at the end of the block.

    `connect` opens the bus. Raises TopicRefused, SettingRefused or DeclarationRefused, each naming
    what to do.
    """
    load_rules(settings)  # what is wrong with them is said before anything else
    with open_engine(settings, limits) as engine, contextlib.closing(connect(settings)) as bus:
        bus.admin().verify(topics.topics(settings.partitions))
        live = LiveRules(rules_folder(settings), lambda: _load_applied(settings, engine))
        with contextlib.closing(bus.producer()) as producer:
            yield Parts(settings, engine, bus, producer, live)


def _load_applied(settings: Settings, engine: sa.Engine) -> RuleSet:
    """Read all rules; SettingRefused if one of their attributes has no column yet."""
    rules = load_rules(settings)
    with database.transaction(engine) as connection:
        schema.verify(connection, rules.schema)
    return rules


def set_up(settings: Settings) -> None:
    """Migrate the database, apply the profile declaration, create the topics. Safe to repeat."""
    rules = load_rules(settings)
    database.migrate(settings.database, migrations_folder())
    with open_engine(settings) as engine, database.transaction(engine) as connection:
        schema.apply(connection, rules.schema, now())
    with contextlib.closing(open_bus(settings)) as bus:
        bus.admin().create(topics.topics(settings.partitions))


def resume(settings: Settings, stage: str) -> None:
    """Let a stage that was halted go on. Raises NotFound if it is not halted."""
    with open_engine(settings) as engine, database.transaction(engine) as connection:
        halts.resume(connection, stage, now())


def run_ingest(settings: Settings, stop: threading.Event) -> None:
    """Run ingest until `stop` is set."""
    with open_parts(settings, STAGE) as parts:
        ingest_on(parts, stop)


def ingest_on(parts: Parts, stop: threading.Event) -> None:
    """Run ingest on these parts until `stop` is set."""
    lane = topics.INGEST
    with contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer:
        declared = following(parts.live.look, lambda rules: ingest.declared(rules.schema))
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
        _collect_seldom()
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
            turn = Pace(_progress(parts.bus, topics.PUBLISH), stop).await_turn
            work = EvaluateRanges(
                *(
                    parts.engine,
                    pages_of(parts, partial(_tried, parts)),
                    producer,
                    consumer,
                    _worker(),
                    now,
                    turn,
                    stop,
                ),
                own=parts.settings.zone,
                reads=PageReads(parts.engine, replica, parts.settings.replica_max_lag),
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
) -> Callable[[str, tuple[str, ...]], Pages]:
    """What reads pages by a rule set, told its hash and which of its rules are new.

    It is the set of that hash, if this process still has it, else the one in force. A set that is
    new to this process is first handed to `tried`.
    """

    def of(rules: RuleSet) -> Callable[[tuple[str, ...]], Pages]:
        @lru_cache(maxsize=1)
        def made(changed: tuple[str, ...]) -> Pages:
            with database.transaction(parts.engine) as connection:
                return Pages(rules, RuleNumbers().of(connection, rules.rules), changed)

        return made

    reading = following(parts.live.pinned, lambda found: of(tried(found)))
    return lambda asked, changed: reading({asked})(changed)


def run_publish(settings: Settings, stop: threading.Event) -> None:
    """Run publish until `stop` is set."""
    with open_parts(settings, STAGE) as parts:
        publish_on(parts, stop)


def publish_on(parts: Parts, stop: threading.Event) -> None:
    """Run publish on these parts until `stop` is set."""
    catalogue = following(parts.live.look, publish.offers)
    work = publish.Publish(parts.engine, catalogue, now, parts.settings.reopen_days)
    _run_plain(parts, topics.PUBLISH, work.process, stop)


def load_templates(settings: Settings) -> Templates:
    """Read all templates of e-mails. Raises DeclarationRefused with every problem in them."""
    folder = rules_folder(settings) / "templates"
    return templates.load_templates(folder, settings.languages, settings.portal_url)


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Every channel by its name; none is connected yet. SettingRefused names a wrong setting."""
    server = smtp.read_smtp_url(settings.smtp_url)
    channels: dict[str, Channel] = {
        EMAIL: EmailChannel(server, settings.mail_from, load_templates(settings))
    }
    for name, endpoint in settings.webhooks.items():
        key = webhook.read_secret(name, endpoint.secret.get_secret_value())
        channels[f"webhook:{name}"] = webhook.WebhookChannel(
            webhook.Endpoint(name, endpoint.url, key)
        )
    return channels


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
    schedule.Schedule(
        parts.engine,
        parts.producer,
        parts.live.look,
        settings.range_size,
        settings.night_at,
        settings.zone,
        now,
        settings.morning,
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
    idle: Callable[[], None] = lambda: None,
) -> None:
    with contextlib.closing(parts.bus.consumer(lane.topic, lane.group)) as consumer:
        size = parts.settings.batch_size
        stage = loop.Stage(lane.stage, consumer, parts.producer, process, size, idle)
        _run(parts, lane, stage, stop)


def _run(parts: Parts, lane: topics.Lane, stage: loop.Stage, stop: threading.Event) -> None:
    telemetry.serve_metrics(parts.settings.metrics_port)
    _collect_seldom()
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
    return lambda: admin.progress(lane.topic, lane.group)


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _collect_seldom() -> None:
    """Let batches come and go with few searches for cycles in them, of which they have few."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
