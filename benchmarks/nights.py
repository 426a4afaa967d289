"""What the benchmarks of runs share: a portal with its stages, runs on it, and copies of its state.

The stages of a night run as `quadrupel up` runs them: two lanes of ranges, two publishers and the
schedule, beside broker and database, all on this machine.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg
from psycopg import sql
from stand import CpuClock, Stand, peak_memory, wait_until

from quadrupel import bootstrap
from quadrupel.bus import topics
from quadrupel.bus.topics import EVALUATE_RANGES, PUBLISH

STAGES = (
    ["evaluate", "--lane", "ranges"],
    ["evaluate", "--lane", "ranges"],
    ["publish"],
    ["publish"],
    ["schedule"],
)
NIGHT_AT = "23:59:59"
"""No night of its own begins beside the runs that are measured."""

STATE = ("published", "matches", "messages")
HOUR = 3600


@dataclass(frozen=True)
class Night:
    """A run: seconds from its start to the last verdict published, and what it evaluated."""

    seconds: float
    users: int
    changed: int
    cpu: Mapping[str, float]
    memory: Mapping[str, int]

    @property
    def rate(self) -> float:
        return self.users / self.seconds


class Portal:
    """Running stages, and the runs started on them."""

    def __init__(self, stand: Stand, pids: Sequence[int]) -> None:
        self.stand = stand
        self._evaluators, self._publishers, self._schedulers = pids[:2], pids[2:4], pids[4:]

    def run(self, as_of: date, *flags: str) -> Night:
        """Start a run and wait until all it says is published."""
        stand = self.stand
        clock = CpuClock(
            {
                "evaluate": self._evaluators,
                "publish": self._publishers,
                "postgres": stand.postgres_pids(),
                "broker": [stand.broker_pid] if stand.broker_pid else [],
            }
        )
        command = ["run", "start", "--as-of", str(as_of), "--future", "--json", *flags]
        with (
            contextlib.closing(bootstrap.open_bus(stand.settings)) as bus,
            psycopg.connect(stand.settings.database, autocommit=True) as connection,
        ):
            admin = bus.admin()
            done = subprocess.run(
                [sys.executable, "-m", "quadrupel", *command],
                env=stand.environment(),
                check=True,
                capture_output=True,
                text=True,
            )
            [run] = json.loads(done.stdout)
            name = run["run"]

            def is_over() -> bool:
                time.sleep(0.05)
                query = "SELECT state FROM runs WHERE run = %s"
                [[state]] = connection.execute(query, [name]).fetchall()
                return state == "finished" and not _lag(admin, PUBLISH)

            wait_until(is_over, HOUR, f"run {name} ended")
            ended = datetime.now(UTC)
            [[started, users, changed]] = connection.execute(
                "SELECT created_at, sum(evaluated)::bigint, sum(changed)::bigint"
                " FROM runs JOIN run_ranges USING (run) WHERE run = %s GROUP BY run",
                [name],
            ).fetchall()
        memory = {
            "evaluate": max(map(peak_memory, self._evaluators)),
            "publish": max(map(peak_memory, self._publishers)),
            "schedule": max(map(peak_memory, self._schedulers)),
        }
        seconds = (ended - started).total_seconds()
        return Night(seconds, users, changed, clock.seconds(), memory)


def _lag(admin: object, lane: topics.Lane) -> int:
    return admin.progress(lane.topic, lane.group).lag  # type: ignore[attr-defined]


@contextlib.contextmanager
def portal(stand: Stand) -> Iterator[Portal]:
    """The stages of a night, each taking part in its group before anything is asked of it."""
    with stand.running(*STAGES, QUADRUPEL_NIGHT_AT=NIGHT_AT) as pids:
        with contextlib.closing(bootstrap.open_bus(stand.settings)) as bus:
            admin = bus.admin()
            for lane, members in ((EVALUATE_RANGES, 2), (PUBLISH, 2)):
                wait_until(
                    lambda lane=lane, members=members: (
                        admin.progress(lane.topic, lane.group).members >= members
                    ),
                    120,
                    f"{lane.stage} takes part",
                )
        yield Portal(stand, pids)


def keep_state(stand: Stand) -> None:
    """Remember what is published, to come back to it."""
    with psycopg.connect(stand.settings.database, autocommit=True) as connection:
        for table in STATE:
            names = {"table": sql.Identifier(table), "kept": sql.Identifier(f"kept_{table}")}
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {kept}").format(**names))
            copied = sql.SQL("CREATE TABLE {kept} AS SELECT * FROM {table} ORDER BY user_id")
            connection.execute(copied.format(**names))


def state_again(stand: Stand) -> None:
    """Publish again what was kept, as if nothing had come after it."""
    with psycopg.connect(stand.settings.database, autocommit=True) as connection:
        for table in STATE:
            names = {"table": sql.Identifier(table), "kept": sql.Identifier(f"kept_{table}")}
            connection.execute(sql.SQL("TRUNCATE {table}").format(**names))
            back = sql.SQL("INSERT INTO {table} SELECT * FROM {kept} ORDER BY user_id")
            connection.execute(back.format(**names))
            connection.execute(sql.SQL("VACUUM (ANALYZE) {table}").format(**names))
        connection.execute("CHECKPOINT")


def digest_of_state(stand: Stand) -> str:
    """A digest of what users see and are sent: the same for the same, whenever it was written."""
    query = (
        "SELECT md5(string_agg(part, '' ORDER BY part)) FROM ("
        " SELECT md5(user_id || banners::text || due_on::text || held::text) AS part FROM published"
        " UNION ALL SELECT md5(user_id || rule || episode || opened_on::text ||"
        "  coalesce(closed_on::text, '') || shown::text) FROM matches"
        " UNION ALL SELECT md5(user_id || origin || episode || channel || template) FROM messages"
        ") AS parts"
    )
    with psycopg.connect(stand.settings.database) as connection:
        [[digest]] = connection.execute(query).fetchall()
    return str(digest)
