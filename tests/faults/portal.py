"""A portal of citizens whose runs are disturbed, and what a run must leave behind.

Ingest is over: the profiles are there. A `Portal` starts the runs, tells how far they are and what
they published, and forgets it all, so that the same runs can be had again.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import psycopg

from quadrupel import bootstrap, population
from quadrupel.bootstrap import Parts
from quadrupel.bus import message_codec, topics
from quadrupel.config import Settings
from quadrupel.core.profiles import Feeds, Profile, arrived, fold
from quadrupel.stages import schedule
from quadrupel.store import run_ranges, runs
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.run_ranges import RangeLine
from quadrupel.store.runs import RunProgress

from .nest import wait_for
from .worker import LOG

LANES = (topics.EVALUATE_RANGES, topics.PUBLISH)

SAID = {
    "matches": "user_id, rule, episode, opened_on, closed_on, shown",
    "published": "user_id, version, profile_version, as_of, rule_set, banners, due_on, held",
    "messages": 'user_id, origin, episode, channel, template, "values", state',
}
"""What a run leaves behind, by table: every column that does not tell a time of the clock."""


@dataclass(frozen=True, slots=True)
class Left:
    """What runs left behind: all rows of the tables in `SAID`, and the runs as they ended."""

    rows: dict[str, set[str]]
    runs: list[RunProgress]


@dataclass(frozen=True, slots=True)
class Portal:
    """A database with citizens, and the bus."""

    settings: Settings
    parts: Parts
    users: int

    @property
    def today(self) -> date:
        """The day whose night a scheduler starts."""
        return bootstrap.today(self.settings)

    def start(self, run: str, days: int, rate: int) -> None:
        """Write a run for a later day into the ledger; to fan it out is left to the scheduler."""
        day, now = self.today + timedelta(days), bootstrap.now()
        what = self.parts.rules, self.settings.range_size
        assert schedule.start_run(self.parts.engine, run, day, *what, now, rate=rate)

    def progress(self, run: str) -> RunProgress | None:
        """How far a run is; None if it was not started yet."""
        with transaction(self.parts.engine) as connection:
            return {each.run: each for each in runs.latest(connection, 10)}.get(run)

    def ranges(self, run: str, state: str | None = None) -> list[RangeLine]:
        """The ranges of a run, or those in a state."""
        with transaction(self.parts.engine) as connection:
            return run_ranges.lines(connection, run, state)

    def held(self, run: str, pid: int) -> list[int]:
        """The ranges that the ledger says a process holds."""
        lines = self.ranges(run, "running")
        return [each.number for each in lines if (each.worker or "").endswith(f":{pid}")]

    def is_connected(self, pid: int) -> bool:
        """Whether the database still has to do with a process, dead or not."""
        query = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s"
        with psycopg.connect(self.settings.database) as connection:
            return bool(connection.execute(query, [f"worker {pid}"]).fetchall())

    def rest(self) -> None:
        """Wait until nothing is on its way any more."""
        admin = self.parts.bus.admin()
        wait_for(lambda: not any(admin.progress(e.topic, e.group).lag for e in LANES), 120)

    def left(self, names: Iterable[str]) -> Left:
        """What these runs left behind; none of them has a gap or an overlap."""
        ended = []
        for run in names:
            with transaction(self.parts.engine) as connection:
                assert run_ranges.seams(connection, run) == []
                ended.append(runs.progress(connection, run))
        with psycopg.connect(self.settings.database) as connection:
            return Left({table: _rows(connection, table) for table in SAID}, ended)

    def handed_on(self) -> set[tuple[str, ...]]:
        """The keys of the messages that send will find on the bus, each at least once."""
        return {
            (key.user_id, key.origin, key.episode, key.channel)
            for message in self.parts.bus.admin().browse(topics.MESSAGES)
            for key in [message_codec.read_message(message)]
        }

    def recorded(self) -> set[tuple[str, ...]]:
        """The keys of the messages in the table."""
        with psycopg.connect(self.settings.database) as connection:
            query = "SELECT user_id, origin, episode, channel FROM messages"
            return set(connection.execute(query).fetchall())

    def forget_runs(self) -> None:
        """Be as before the first run; what numbers rules have stays."""
        with psycopg.connect(self.settings.database) as connection:
            connection.execute("TRUNCATE runs, run_ranges, " + ", ".join(SAID))


@contextlib.contextmanager
def open_portal(settings: Settings, users: int, seed: int) -> Iterator[Portal]:
    """Set everything up and let the citizens in."""
    bootstrap.set_up(settings)
    with bootstrap.open_parts(settings) as parts:
        portal = Portal(settings, parts, users)
        with transaction(parts.engine) as connection:
            citizens = list(_citizens(parts, users, seed, portal.today))
            ProfileStore(parts.rules.schema).write(connection, citizens, bootstrap.now())
        yield portal


def _citizens(parts: Parts, users: int, seed: int, today: date) -> Iterator[Profile]:
    feeds = Feeds(parts.rules.schema)
    lives = groupby(population.events(users, seed, today), attrgetter("subject"))
    for user_id, events in lives:
        profile = Profile(user_id)
        fold(profile, arrived(events, today), feeds)
        profile.version = 1
        yield profile


def _rows(connection: psycopg.Connection[Any], table: str) -> set[str]:
    """The rows as text: a set is a comparison that says which, and no table has a row twice."""
    query = f"SELECT row({SAID[table]})::text FROM {table}"
    rows = [row for (row,) in connection.execute(query)]
    assert len(set(rows)) == len(rows)
    return set(rows)


def handed_back(folder: Path) -> int:
    """How many ranges workers gave back untouched, by their log: those are begun anew, too."""
    lines = (Path(folder) / LOG).read_text().splitlines()
    logs = [json.loads(line) for line in lines if '"range left"' in line]
    return sum(each["to"] == each["number"] for each in logs)
