"""`kill -9` of whoever takes part in a run, at random moments, many times.

What the runs of a night and of a later day leave behind is what undisturbed ones leave, to the bit;
and of what was evaluated nothing is repeated but the ranges that were in the hands of the dead.
"""

import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quadrupel.config import migrations_folder, read_settings
from quadrupel.store.runs import RunProgress
from quadrupel.testing import midday_zone

from .nest import Nest, Worker, ended, orders_for, wait_for
from .portal import Left, Portal, handed_back, open_portal

SESSION_TIMEOUT = 3.0
SECONDS = 120
"""How long a run may take that nobody disturbs;"""
SECONDS_MORE = 40
"""and how much longer for each kill: a lease, and what a new worker takes to begin."""
LATER = 120
"""Days from the first run to the second one: by then a good part of the citizens is due."""
RATE = 500
"""How many users of it are evaluated a second: else it may be over before everybody was killed."""
RULES = ("documents", "family", "notices")
"""What is asked: of all the shipped rules a new evaluator takes a while to know the deadlines."""

STAGES = {
    "first evaluator": "evaluate",
    "second evaluator": "evaluate",
    "publisher": "publish",
    "scheduler": "schedule",
}
EVALUATORS = ("first evaluator", "second evaluator")
HOLDER = "whichever evaluator holds a range"
SURE = ("scheduler", "publisher", HOLDER)
OTHERS = (*STAGES, HOLDER, HOLDER)


@dataclass(frozen=True, slots=True)
class Kill:
    """Who is killed: so many seconds after such a share of a run is done."""

    victim: str
    share: float
    seconds: float


def kills_of(number: int, chance: random.Random) -> list[Kill]:
    """The kills of one run, in their order: each of the sure ones, and others as it comes."""
    victims = [*SURE, *chance.choices(OTHERS, k=number - len(SURE))] if number else []
    kills = []
    for victim in victims:
        # The scheduler has its work to do at the start of a run.
        early = victim == "scheduler" and chance.random() < 0.5
        share = 0.0 if early else chance.uniform(0, 0.7)
        kills.append(Kill(victim, share, chance.uniform(0, 2.0 if early else 0.3)))
    return sorted(kills, key=lambda kill: kill.share)


@dataclass(slots=True)
class Crew:
    """Two evaluators, a publisher, a scheduler; whoever is killed has a successor at once."""

    portal: Portal
    nest: Nest
    folder: Path
    workers: dict[str, Worker] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    """How many ranges were in the hands of the dead."""

    def start(self, *names: str) -> None:
        """Let these begin."""
        for name in names:
            orders = orders_for(
                self.portal.settings,
                self.folder,
                stage=STAGES[name],
                session_timeout=SESSION_TIMEOUT,
            )
            self.workers[name] = self.nest.start(orders)

    def see_that_all_live(self) -> None:
        """Nobody may end by itself."""
        for name, worker in self.workers.items():
            assert worker.is_alive(), f"the {name} ended by itself:\n{worker.last_words()}"

    def kill(self, victim: str, run: str) -> bool:
        """Kill one of them and start its successor; False if the victim holds no range now."""
        names = EVALUATORS if victim == HOLDER else (victim,)
        for name in names:
            worker = self.workers[name]
            worker.send(signal.SIGSTOP)
            if victim != HOLDER or self._holds(worker, run):
                self._end(name, run)
                self.killed[victim] += 1
                return True
            worker.send(signal.SIGCONT)
        return False

    def _holds(self, worker: Worker, run: str) -> bool:
        """Whether a worker that is stopped holds a range, and did not just put it down."""
        if not self.portal.held(run, worker.pid):
            return False
        time.sleep(0.05)  # what it had asked of the database is answered
        return bool(self.portal.held(run, worker.pid))

    def _end(self, name: str, run: str) -> None:
        worker = self.workers.pop(name)
        worker.send(signal.SIGKILL)
        wait_for(lambda: not worker.is_alive(), 10)
        # A commit that was on its way still counts.
        wait_for(lambda: not self.portal.is_connected(worker.pid), 30)
        self.in_flight += len(self.portal.held(run, worker.pid))
        self.start(name)


def follow(crew: Crew, run: str, kills: list[Kill]) -> None:
    """See a run through to its end, and kill on the way."""
    due: float | None = None
    deadline = time.monotonic() + SECONDS + SECONDS_MORE * len(kills)
    while True:
        assert time.monotonic() < deadline, f"{run} did not end, {kills} are left"
        crew.see_that_all_live()
        progress = crew.portal.progress(run)
        if progress is not None and progress.state == "finished":
            break
        if kills and due is None and share_of(progress) >= kills[0].share:
            due = time.monotonic() + kills[0].seconds
        if due is not None and time.monotonic() >= due and crew.kill(kills[0].victim, run):
            kills.pop(0)
            due = None
        time.sleep(0.01)
    assert kills == [], f"{run} ended before its time"
    crew.portal.rest()


def share_of(progress: RunProgress | None) -> float:
    """The share of the ranges that is done."""
    return progress.ranges_done / progress.ranges if progress else 0.0


def two_runs(crew: Crew, kills: Callable[[], list[Kill]]) -> Left:
    """A night over everybody, which the scheduler starts, and one of who is due on a later day."""
    portal = crew.portal
    night, later = f"nightly-{portal.today}", "later"
    crew.start(*STAGES)
    try:
        follow(crew, night, kills())
        portal.start(later, LATER, RATE)
        follow(crew, later, kills())
        with ended(list(crew.workers.values())):
            pass
    finally:
        for worker in crew.workers.values():
            worker.send(signal.SIGKILL)
    return portal.left([night, later])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Some of the shipped rules, with banners and e-mails."""
    shipped = migrations_folder().parent / "rules"
    folder = tmp_path / "rules"
    left_out = {each.name for each in shipped.iterdir() if each.is_dir()} - {*RULES, "templates"}
    shutil.copytree(shipped, folder, ignore=lambda _, names: left_out & set(names))
    return folder


@pytest.fixture
def portal(
    migrated_url: str, kafka_topics: str, rules: Path, seed: int, full: bool
) -> Iterator[Portal]:
    """Citizens whom nobody evaluated yet."""
    settings = read_settings(
        database_url=migrated_url,
        kafka_bootstrap=kafka_topics,
        time_zone=midday_zone(),
        night_at="00:00",
        range_size=100,
        rules=rules,
    )
    with open_portal(settings, 40_000 if full else 12_000, seed) as portal:
        yield portal


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_killed_runs_say_what_undisturbed_ones_say_and_repeat_only_what_was_in_flight(
    portal: Portal, nest: Nest, seed: int, full: bool, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    kills = 50 if full else 8
    numbers = [kills // 2, kills - kills // 2]

    folder = tmp_path / "disturbed"
    folder.mkdir()
    crew = Crew(portal, nest, folder)
    disturbed = two_runs(crew, lambda: kills_of(numbers.pop(0), chance))
    assert crew.killed.total() == kills
    assert set(SURE) <= set(crew.killed)
    handed_on, recorded = portal.handed_on(), portal.recorded()
    tries = [each.attempts for run in disturbed.runs for each in portal.ranges(run.run)]

    print(f"killed {dict(crew.killed)}, ranges in flight {crew.in_flight}")  # noqa: T201 - as the seed

    portal.forget_runs()
    undisturbed = two_runs(Crew(portal, nest, tmp_path), list)

    assert [verdicts(run) for run in disturbed.runs] == [verdicts(run) for run in undisturbed.runs]
    for run in (*disturbed.runs, *undisturbed.runs):
        assert (run.evaluated, run.skipped) == (run.users, 0)
        assert run.users > 0
    for table, rows in undisturbed.rows.items():
        assert rows, f"nothing in {table}"
        assert disturbed.rows[table] ^ rows == set()
    assert handed_on == recorded
    evaluators = sum(crew.killed[name] for name in (*EVALUATORS, HOLDER))
    assert 1 <= crew.in_flight <= evaluators
    # A worker whose partitions moved before it was done with its first page begins anew, too.
    assert sum(tries) - len(tries) == crew.in_flight + handed_back(folder)


def verdicts(run: RunProgress) -> tuple[object, ...]:
    """What a run says, and of how many; not how it was cut or when it was."""
    counts = (run.users, run.evaluated, run.matched, run.errors)
    return (run.run, run.kind, run.as_of, run.rule_set, run.state, run.digest, *counts)
