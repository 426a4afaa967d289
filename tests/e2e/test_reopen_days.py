"""The setting of how long an episode waits for its match to return, in a process of publish."""

import contextlib
import os
import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from quadrupel import bootstrap
from quadrupel.bus import codec, topics
from quadrupel.config import read_settings
from quadrupel.core.verdicts import Evaluation, RuleMatch
from quadrupel.store import database
from quadrupel.store.tables import matches
from quadrupel.supervisor import Child, Supervisor

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECONDS = 60


def test_publish_waits_as_long_as_the_setting_says(database_url):
    settings = read_settings(database_url=database_url)
    bootstrap.set_up(settings)
    environment = os.environ | {
        "QUADRUPEL_DATABASE_URL": database_url,
        "QUADRUPEL_REOPEN_DAYS": "3",
    }
    supervisor = Supervisor([Child("publish", ["publish"])], environment)
    with contextlib.closing(bootstrap.open_bus(settings)) as bus:
        supervisor.start()
        try:
            for day, holds in ((0, True), (1, False), (4, True), (5, False), (9, True)):
                publish(bus, day, holds=holds)
        finally:
            supervisor.stop()
    with bootstrap.open_engine(settings) as engine, database.transaction(engine) as connection:
        found = connection.scalars(sa.select(matches.c.episode).order_by(matches.c.opened_on))
        assert list(found) == ["2026-11-23", "2026-11-23", "2026-12-02"]


def publish(bus, day, *, holds):
    """Hand an evaluation of the day to publish, and wait until it is published."""
    now = NOON + timedelta(days=day)
    found = (RuleMatch("birthday"),) if holds else ()
    with contextlib.closing(bus.producer()) as producer:
        producer.publish([codec.verdicts(Evaluation("c1", 1, now.date(), now, "set", found))])
    deadline = time.monotonic() + SECONDS
    while bus.admin().progress(topics.PUBLISH.topic, topics.PUBLISH.group).lag:
        assert time.monotonic() < deadline, "publish does not come to rest"
        time.sleep(0.05)
