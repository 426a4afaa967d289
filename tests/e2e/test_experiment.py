"""A small experiment in processes of its own: exact counts, whatever is delivered again."""

import contextlib
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from quadrupel import bootstrap
from quadrupel.bus import topics
from quadrupel.bus.event_codec import event_message
from quadrupel.config import read_settings
from quadrupel.core.events import Event
from quadrupel.core.experiments import CONTROL, Experiment
from quadrupel.core.feedback import Action, Given, feedback_event
from quadrupel.rules import catalogue
from quadrupel.stages import schedule
from quadrupel.store import runs
from quadrupel.store.database import transaction
from quadrupel.supervisor import Child, Supervisor
from quadrupel.testing import midday_zone

FILES = {
    "profile.py": """
since = Date("Since when", latest("moved", "since"))
paid = Integer("How often something was paid", count("paid"))
""",
    "placements.py": 'main = Placement("m", limit=3)\n',
    "experiments.py": "control = 0.05\n",
    "people/fine.py": '''
"""Somebody moved, and is to pay."""
owner = "team"
banner = Banner(placement="main", priority=5, link="/x", title={"en": "Title"})
once_per = "since"
control = 0.2
variants = {
    "plain": Variant(share=0.6),
    "urgent": Variant(share=0.4, title={"en": "Now"}),
}
goal = Goal("paid", where={"what": "fine"}, within=days(10))
def matches(user, today):
    return user.since <= today
examples = [
    match(today="2026-11-23", since="2026-01-01"),
    no_match(today="2026-11-23", since="2026-12-01"),
    unknown(today="2026-11-23"),
]
''',
}
TRIED = Experiment("fine", 0.2, 0.05, (("plain", 0.6), ("urgent", 0.4)))
USERS = [f"u{number:04}" for number in range(2_000)]
SEEN, CLICKED, DISMISSED, PAID = USERS[::2], USERS[::6], USERS[::14], USERS[::5]
EPISODE = "2026-01-01"
SECONDS = 120


def expected():
    """What a report counts, worked out from nothing but the arms of the users."""
    found = {}
    for arm in (CONTROL, "plain", "urgent"):
        users = {user for user in USERS if TRIED.arm_of(user) == arm}
        shown = set() if arm == CONTROL else users
        seen = shown & {*SEEN, *CLICKED, *DISMISSED}
        numbers = (users, shown, seen, shown & {*CLICKED}, shown & {*DISMISSED}, users & {*PAID})
        found[arm] = tuple(map(len, numbers))
    return found


class World:
    """The stages, and what is asked of them."""

    def __init__(self, settings, environment):
        self.settings, self.environment = settings, environment
        self.today = bootstrap.today(settings)

    def happen(self, events):
        """Hand events over, and wait until all that follows from them is published."""
        with (
            contextlib.closing(bootstrap.open_bus(self.settings)) as bus,
            contextlib.closing(bus.producer()) as producer,
        ):
            producer.publish([event_message(each) for each in events])
            admin = bus.admin()
            for lane in (topics.INGEST, topics.EVALUATE, topics.PUBLISH):
                self.until(
                    lambda lane=lane: not admin.progress(lane.topic, lane.group).lag, lane.stage
                )

    def until(self, condition, what):
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what} does not come to rest"
            time.sleep(0.05)

    def night(self):
        """A run over everybody, until it is published."""
        with bootstrap.open_parts(self.settings) as parts:
            now = bootstrap.now()
            name = schedule.manual_run(self.today, now)
            schedule.start_run(parts.engine, name, self.today, parts.rules, 500, now, full=True)
            schedule.fan_out(parts.engine, parts.producer, now)

            def is_finished():
                with transaction(parts.engine) as connection:
                    return runs.progress(connection, name).state == "finished"

            self.until(is_finished, "the run")

    def report(self):
        """The counts of the report by arm, as the command line tells them."""
        command = [sys.executable, "-m", "quadrupel", "report", "fine", "--json"]
        told = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        (rule,) = json.loads(told.stdout)["rules"]
        rates = ("shown", "seen", "clicked", "dismissed", "goal_reached")
        return {
            arm["arm"]: (arm["matches"], *(arm[rate]["count"] for rate in rates))
            for arm in rule["arms"]
        }

    def rows(self):
        with psycopg.connect(self.settings.database) as connection:
            return connection.execute("SELECT * FROM exposures ORDER BY 1, 2, 3").fetchall()


@pytest.fixture
def kafka(request):
    """The servers of a real broker, None for the bus in the database."""
    asked = getattr(request, "param", "postgres") == "kafka"
    return request.getfixturevalue("kafka_topics") if asked else None


@pytest.fixture
def world(database_url, tmp_path, kafka):
    for name, text in FILES.items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_text(text)
    settings = read_settings(
        database_url=database_url,
        kafka_bootstrap=kafka,
        rules=tmp_path / "rules",
        languages=("en",),
        time_zone=midday_zone(),
    )
    assert catalogue.load(tmp_path / "rules", ("en",)).rules["fine"].is_experiment
    bootstrap.set_up(settings)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QUADRUPEL_")} | {
        "QUADRUPEL_DATABASE_URL": database_url,
        "QUADRUPEL_KAFKA_BOOTSTRAP": kafka or "",
        "QUADRUPEL_RULES": str(tmp_path / "rules"),
        "QUADRUPEL_LANGUAGES": '["en"]',
        "QUADRUPEL_TIME_ZONE": settings.time_zone,
    }
    children = [Child(name, [name]) for name in ("ingest", "evaluate", "publish", "schedule")]
    supervisor = Supervisor(children, environment)
    supervisor.start()
    try:
        yield World(settings, environment)
    finally:
        supervisor.stop()


def moved(day=EPISODE):
    now = datetime.now(UTC)
    return [Event(f"m{user}{day}", "/r", "moved", user, now, {"since": day}) for user in USERS]


def feedback():
    now = datetime.now(UTC)
    told = ((Action.SEEN, SEEN), (Action.CLICKED, CLICKED), (Action.DISMISSED, DISMISSED))
    return [
        feedback_event(user, Given("fine", EPISODE, action, now))
        for action, users in told
        for user in users
    ]


def payments():
    """What counts, and what does not: too early, of something else, and too late."""
    now = datetime.now(UTC)

    def paid(name, users, time=now, what="fine"):
        return [Event(f"{name}{u}", "/r", "paid", u, time, {"what": what}) for u in users]

    return [
        *paid("again", PAID, now + timedelta(minutes=2)),
        *paid("first", PAID),
        *paid("early", USERS, now - timedelta(days=3)),
        *paid("other", USERS, what="tax"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kafka", ["postgres", pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True
)
def test_counts_are_exact_and_what_is_delivered_again_changes_nothing(world):
    arrivals = moved()
    world.happen(arrivals)
    told = feedback()
    done = payments()
    world.happen([*told, *done])
    assert world.report() == expected()
    rows = world.rows()
    assert len(rows) == len(USERS)

    world.happen([*reversed(done), *told, *told, *arrivals])
    world.night()
    world.night()
    assert world.report() == expected()
    assert world.rows() == rows

    world.happen(moved("2026-02-01"))
    assert len(world.rows()) == 2 * len(USERS)
    assert world.report() == expected()
