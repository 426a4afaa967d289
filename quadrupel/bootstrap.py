"""The one place that builds and connects: settings in, running parts out.

Everything below it is handed what it needs; everything above it asks here: the command line,
`bootstrap_stages`, which runs stages, and `bootstrap_api`, which builds the REST service.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa
import structlog

from quadrupel.bus import topics
from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.postgres import PostgresBus
from quadrupel.channels import templates
from quadrupel.channels.templates import Templates
from quadrupel.config import Settings, migrations_folder, rules_folder
from quadrupel.core.ports import Bus, Producer
from quadrupel.core.zones import day_of
from quadrupel.rules import catalogue
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.live import Fingerprint, LiveRules, fingerprint, rule_files
from quadrupel.store import contacts, database, halts, migrations, schema
from quadrupel.store.database import PATIENT, Limits

log = structlog.get_logger()


def now() -> datetime:
    """The time, in UTC: the only clock stages are given."""
    return datetime.now(UTC)


def today(settings: Settings, zone: str | None = None) -> date:
    """The day it is in the time zone of that name; None, or one not known: in the settings'."""
    return day_of(zone, settings.zone, now())


def today_of(settings: Settings, connection: sa.Connection, user_id: str) -> date:
    """The day it is for a user, in its own time zone or the settings'."""
    return today(settings, contacts.zones_of(connection, [user_id]).get(user_id))


def open_bus(settings: Settings, timeout: float = 30.0) -> Bus:
    """Kafka where its bootstrap servers are set, else tables in the database.

    `timeout` is how many seconds a cluster that is away is waited for. Raises SettingRefused where
    Kafka's client does not take the settings for it.
    """
    if settings.kafka_bootstrap is not None:
        return KafkaBus(
            settings.kafka_bootstrap,
            client={name: each.get_secret_value() for name, each in settings.kafka_client.items()},
            replication=settings.kafka_replication,
            timeout=timeout,
        )
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
    settings: Settings,
    limits: Limits = PATIENT,
    connect: Callable[[Settings], Bus] = open_bus,
    once: Callable[[Callable[[], LiveRules]], LiveRules] = lambda look: look(),
) -> Iterator[Parts]:
    """Connect; check tables, topics and columns before anything runs; close at the block's end.

    `connect` opens the bus, `once` asks what it is given when it is time. Raises TopicRefused,
    SettingRefused or DeclarationRefused, each naming what to do.
    """
    read = _rules_reader(settings)
    read()  # what is wrong with them is said before anything else
    with open_engine(settings, limits) as engine, contextlib.closing(connect(settings)) as bus:

        def look() -> LiveRules:
            verify_tables(engine)
            bus.admin().verify(topics.topics(settings.partitions))
            return LiveRules(rules_folder(settings), lambda: _read_applied(read, engine))

        live = once(look)
        with contextlib.closing(bus.producer()) as producer:
            yield Parts(settings, engine, bus, producer, live)


def verify_tables(engine: sa.Engine) -> None:
    """Raise SettingRefused if the tables are older than this version needs."""
    with database.transaction(engine) as connection:
        migrations.verify(connection, migrations_folder())


def _rules_reader(settings: Settings) -> Callable[[], RuleSet]:
    """What loads all rules, and again only after their files changed: it takes half a second."""
    folder = rules_folder(settings)
    last: tuple[Fingerprint, RuleSet] | None = None

    def read() -> RuleSet:
        nonlocal last
        files = fingerprint(rule_files(folder))
        if last is None or last[0] != files:
            last = files, load_rules(settings)
        return last[1]

    return read


def _read_applied(read: Callable[[], RuleSet], engine: sa.Engine) -> RuleSet:
    """The rules as they are now; SettingRefused if one of their attributes has no column yet."""
    rules = read()
    with database.transaction(engine) as connection:
        schema.verify(connection, rules.schema)
    return rules


def set_up(settings: Settings) -> None:
    """Migrate the database, apply the profile declaration, create the topics. Safe to repeat."""
    rules = load_rules(settings)
    if notice := migrations.migrate(settings.database, migrations_folder()):
        log.warning(notice)
    with open_engine(settings) as engine, database.transaction(engine) as connection:
        schema.apply(connection, rules.schema, now())
    with contextlib.closing(open_bus(settings)) as bus:
        bus.admin().create(topics.topics(settings.partitions))


def resume(settings: Settings, stage: str) -> None:
    """Let a stage that was halted go on. Raises NotFound if it is not halted."""
    with open_engine(settings) as engine, database.transaction(engine) as connection:
        halts.resume(connection, stage, now())


def load_templates(settings: Settings) -> Templates:
    """Read all templates of e-mails. Raises DeclarationRefused with every problem in them."""
    folder = rules_folder(settings) / "templates"
    return templates.load_templates(folder, settings.languages, settings.portal_url)
