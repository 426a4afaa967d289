"""`kill -9` of ingest, at every point of the order of commits and at any moment.

No event is lost, none counts twice, no version of a profile goes back, and every user is handed on.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Sequence

import psycopg
import pytest

from quadrupel.core.events import Event

from .flow import Flow, stream
from .nest import Nest, Worker, ended, orders_for, wait_for
from .worker import POINTS

OUTSIDE = "killed from outside"
LEAVES = "leaves"
"""Fates that are no point: at a random moment SIGKILL, or SIGTERM for a member that just leaves."""

SESSION_TIMEOUT = 1.5
KEPT_BACK = 0.2
"""The share of the stream for workers that starve before they meet their fate."""
PORTION = 1_000
"""How many events are published at once; while twice as many wait, no more are."""


def fates(kills: int, chance: random.Random) -> list[str]:
    """Every point, some moments from outside, and as many more as it takes; some leave instead."""
    sure = [*POINTS, OUTSIDE, OUTSIDE, OUTSIDE]
    others = [chance.choice([*POINTS, *[OUTSIDE] * 6]) for _ in range(kills - len(sure))]
    chosen = [*sure, *others, *[LEAVES] * (kills // 5)]
    chance.shuffle(chosen)
    return chosen


class Storm:
    """Two workers, each with a fate; whoever is gone has a successor with the next one."""

    def __init__(self, flow: Flow, nest: Nest, chance: random.Random, fates: list[str]) -> None:
        self._flow = flow
        self._nest = nest
        self._chance = chance
        self._fates = fates
        self._workers: list[Worker] = []
        self._moments: dict[int, float] = {}
        self._ends: dict[int, float] = {}
        self.met: Counter[str] = Counter()

    @property
    def is_over(self) -> bool:
        """Whether every fate was met."""
        return not self._fates and not self._workers

    @property
    def share(self) -> float:
        """How much of it is over, more than 0."""
        over = 1 + self.met.total()
        return over / (over + len(self._workers) + len(self._fates))

    def look(self) -> None:
        """Signal those whose moment it is, bury the dead, start their successors."""
        for worker in list(self._workers):
            fate = worker.orders.point
            if self._is_due(worker):
                worker.send(signal.SIGTERM if fate == LEAVES else signal.SIGKILL)
            if not worker.is_alive():
                self._bury(worker, fate)
        while self._fates and len(self._workers) < 2:
            self._start(self._fates.pop())

    def end(self) -> None:
        """Leave nobody behind."""
        for worker in self._workers:
            worker.send(signal.SIGKILL)

    def _is_due(self, worker: Worker) -> bool:
        """Whether its moment has come: so many seconds after it began, or after its first batch."""
        seconds = self._moments.get(worker.pid)
        if seconds is not None and (worker.orders.point == LEAVES or worker.notes()):
            self._ends.setdefault(worker.pid, time.monotonic() + seconds)
        return time.monotonic() >= self._ends.get(worker.pid, float("inf"))

    def _start(self, fate: str) -> None:
        orders = orders_for(
            self._flow.settings,
            self._flow.folder,
            point=fate,
            batch=self._chance.randint(1, 12),
            session_timeout=SESSION_TIMEOUT,
        )
        worker = self._nest.start(orders)
        self._workers.append(worker)
        if fate not in POINTS:
            shortest, longest = (0.3, 3) if fate == LEAVES else (0, 0.5)
            self._moments[worker.pid] = self._chance.uniform(shortest, longest)

    def _bury(self, worker: Worker, fate: str) -> None:
        asked = fate == LEAVES and "left" in worker.notes()
        killed = fate == OUTSIDE or fate in worker.notes()
        assert asked or killed, f"a worker died by itself:\n{worker.last_words()}"
        self._workers.remove(worker)
        self.met[fate] += 1


def publish_during(storm: Storm, flow: Flow, events: Sequence[Event], seconds: float) -> None:
    """Send the events, evenly over the storm; the rest when it is over."""
    sent = 0
    deadline = time.monotonic() + seconds
    while not storm.is_over:
        assert time.monotonic() < deadline, f"in time only {storm.met}"
        storm.look()
        lag = flow.progress().lag
        is_due = sent < (1 - KEPT_BACK) * len(events) * storm.share
        if lag == 0 or (is_due and lag < 2 * PORTION):
            size = PORTION if is_due else PORTION // 10
            assert sent < len(events), f"all is sent, and only {storm.met}"
            flow.publish(events[sent : sent + size])
            sent += size
        time.sleep(0.02)
    flow.publish(events[sent:])


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_killed_workers_lose_nothing_and_count_nothing_twice(
    kafka_flow: Flow, nest: Nest, seed: int, full: bool
) -> None:
    chance = random.Random(seed)
    count, kills = (200_000, 100) if full else (40_000, 15)
    events = stream(count, chance)
    storm = Storm(kafka_flow, nest, chance, fates(kills, chance))
    try:
        publish_during(storm, kafka_flow, events, 60 * kills)
    finally:
        storm.end()
    orders = orders_for(kafka_flow.settings, kafka_flow.folder, session_timeout=SESSION_TIMEOUT)
    with ended([nest.start(orders) for _ in range(2)]):
        wait_for(lambda: kafka_flow.progress().lag == 0, 300)
    assert storm.met.total() - storm.met[LEAVES] == kills
    assert set(storm.met) == {*POINTS, OUTSIDE, LEAVES}
    kafka_flow.check()


def test_the_trigger_notes_a_version_that_does_not_grow(postgres_flow: Flow) -> None:
    columns = "user_id, version, updated_at, fold_state"
    with psycopg.connect(postgres_flow.settings.database) as connection:
        connection.execute(f"INSERT INTO profiles ({columns}) VALUES ('u', 2, now(), '')")
        for version in (3, 3, 2, 4):
            connection.execute("UPDATE profiles SET version = %s", [version])
        connection.execute("DELETE FROM profiles")
    found = postgres_flow.query("SELECT * FROM went_back")
    assert found == [("u", 3, 3), ("u", 3, 2), ("u", 4, None)]
