"""Dismissed banners in processes of their own: two of the API, and all stages between them."""

import contextlib
import json
import os
import time
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from quadrupel import bootstrap, portal
from quadrupel.bus.event_codec import event_message
from quadrupel.config import read_settings
from quadrupel.core.events import Event
from quadrupel.stages import schedule
from quadrupel.store import runs
from quadrupel.store.database import transaction
from quadrupel.supervisor import Child, Supervisor
from quadrupel.testing import midday_zone

RULE = '''
"""About somebody who moved."""
owner = "team"
banner = Banner(
    placement="main", priority={priority}, link="/x", title={{"en": "Title"}}, {more}
)
{words}
def matches(user, today):
    return user.since <= today
examples = [
    match(today="2026-11-23", since="2026-01-01"),
    no_match(today="2026-11-23", since="2026-12-01"),
    unknown(today="2026-11-23"),
]
'''
FILES = {
    "profile.py": """
since = Date("Since when", latest("moved", "since"))
banners = Statistics("Seen", statistics("banner.seen", key="banner", name="seen"))
""",
    "placements.py": 'main = Placement("m", limit=3)\n',
    "people/hint.py": RULE.format(priority=5, more="dismiss_for=days(1)", words=""),
    "people/story.py": RULE.format(priority=9, more="", words='once_per = "since"'),
}
SECONDS = 60


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(httpx.TransportError):
            if condition():
                return
        assert time.monotonic() < deadline, f"{what} within {SECONDS} s"
        time.sleep(0.05)


class World:
    """The stages and two API processes, and one citizen with a page at each."""

    def __init__(self, settings, identity, ports):
        self.settings, self.identity = settings, identity
        self.pages = [httpx.Client(base_url=f"http://127.0.0.1:{port}") for port in ports]
        self.today = bootstrap.today(settings)

    @property
    def token(self):
        return self.identity.token("u1", datetime.now(UTC))

    def moves(self, since):
        event = Event(since, "/registry", "moved", "u1", datetime.now(UTC), {"since": since})
        with (
            contextlib.closing(bootstrap.open_bus(self.settings)) as bus,
            contextlib.closing(bus.producer()) as producer,
        ):
            producer.publish([event_message(event)])

    def banners(self, page):
        answer = page.get("/v1/me/banners", headers={"authorization": f"Bearer {self.token}"})
        return {each["rule"]: each for each in answer.raise_for_status().json()["banners"]}

    def gives(self, page, rule, action):
        """Tell what the citizen did with a banner that is shown; returns the answer."""
        told = {"banner": rule, "episode": self.banners(page)[rule]["episode"], "action": action}
        headers = {"authorization": f"Bearer {self.token}"}
        return page.post("/v1/me/banners/feedback", json=told, headers=headers)

    def sends_beacon(self, page, rule):
        episode = self.banners(page)[rule]["episode"]
        told = {"banner": rule, "episode": episode, "action": "seen"}
        body = json.dumps({"access_token": self.token, "feedback": [told]})
        plain = {"content-type": "text/plain;charset=UTF-8"}
        answer = page.post("/v1/me/banners/feedback", content=body, headers=plain)
        assert answer.status_code == 202

    def ask(self, query):
        with psycopg.connect(self.settings.database) as connection:
            return connection.execute(query).fetchall()

    def run(self, day, *, full=False):
        """A run for a day, until everything is published; returns its kind and its users."""
        with bootstrap.open_parts(self.settings) as parts:
            now = bootstrap.now()
            name = schedule.manual_run(day, now)
            schedule.start_run(parts.engine, name, day, parts.rules, 100, now, full=full)
            schedule.fan_out(parts.engine, parts.producer, now)

            def progress():
                with transaction(parts.engine) as connection:
                    return runs.progress(connection, name)

            until(lambda: progress().state == "finished", "the run does not end")
            return progress().kind, progress().evaluated


@pytest.fixture
def world(database_url, tmp_path):
    for name, text in FILES.items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_text(text)
    settings = read_settings(
        database_url=database_url,
        rules=tmp_path / "rules",
        languages=("en",),
        time_zone=midday_zone(),
    )
    bootstrap.set_up(settings)
    identity = portal.create_identity(tmp_path)
    ports = [portal.free_port(0), portal.free_port(0)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QUADRUPEL_")} | {
        "QUADRUPEL_DATABASE_URL": database_url,
        "QUADRUPEL_RULES": str(tmp_path / "rules"),
        "QUADRUPEL_LANGUAGES": '["en"]',
        "QUADRUPEL_TIME_ZONE": settings.time_zone,
        "QUADRUPEL_JWT_KEYS": str(identity.public_file),
        "QUADRUPEL_JWT_ISSUER": portal.ISSUER,
        "QUADRUPEL_API_USER_RATE": "0",  # one citizen asks all the time
        "QUADRUPEL_API_GRACE": "0",  # nobody takes over
    }
    children = [Child(name, [name]) for name in ("ingest", "evaluate", "publish", "schedule")]
    children += [Child(f"api {port}", ["api", "--port", str(port)]) for port in ports]
    supervisor = Supervisor(children, environment)
    world = World(settings, identity, ports)
    supervisor.start()
    try:
        for page in world.pages:
            until(lambda page=page: page.get("/readyz").is_success, "the API is not ready")
        yield world
    finally:
        supervisor.stop()
        for page in world.pages:
            page.close()


def test_a_dismissed_banner_is_gone_from_every_process_until_its_time_comes(world):
    first, second = world.pages
    world.moves("2026-01-01")
    until(lambda: world.banners(first).keys() == {"hint", "story"}, "no banners")

    for here, there in ((first, second), (second, first)):
        rule = "story" if here is first else "hint"
        assert world.banners(there)[rule]["dismissible"]
        answer = world.gives(here, rule, "dismissed")
        assert (answer.status_code, answer.json()["contains_event"]) == (202, True)
        assert rule not in world.banners(there)
        assert rule not in world.banners(here)

    world.moves("2026-02-01")
    until(lambda: world.banners(second).keys() == {"story"}, "no new episode")
    for _ in range(3):
        world.sends_beacon(first, "story")
        world.sends_beacon(second, "story")
    count = "SELECT banners -> 'story.seen' ->> 'count' FROM profiles"
    until(lambda: world.ask(count) != [(None,)], "no beacon was counted")

    assert world.run(world.today, full=True) == ("full", 1)
    assert world.banners(first).keys() == {"story"}
    assert world.run(world.today + timedelta(days=1)) == ("due", 1)
    until(lambda: world.banners(second).keys() == {"hint", "story"}, "no banner after a day")
    assert world.banners(first).keys() == {"hint", "story"}
    assert world.ask(count) == [("1",)]
    kept = "SELECT rule, episode, first_seen IS NULL, last_dismissed IS NULL FROM banner_feedback"
    assert set(world.ask(kept)) == {
        ("story", "2026-01-01", True, False),
        ("story", "2026-02-01", False, True),
        ("hint", world.today.isoformat(), True, False),
    }
