"""`kill -9` of ingest, at every point of the order of commits and at any moment.

No event is lost, none counts twice, no version of a profile goes back, and every user is handed on.
"""

import random
import signal
import time
from collections import Counter

import pytest

from .flow import Flow, Nest, Worker, ended, orders_for, stream, wait_for
from .worker import POINTS

OUTSIDE = ""
"""No point: killed by the test, at a random moment."""

SESSION_TIMEOUT = 1.5
KEPT_BACK = 0.2
"""The share of the stream for when workers starve before they meet their fate."""


class Storm:
    """Two workers, each with a fate; whoever is dead has a successor with the next one."""

    def __init__(self, flow: Flow, nest: Nest, chance: random.Random, kills: int) -> None:
        self._flow = flow
        self._nest = nest
        self._chance = chance
        others = [chance.choice([OUTSIDE, OUTSIDE, *POINTS]) for _ in range(kills - len(POINTS))]
        self._fates = [*POINTS, *others]
        chance.shuffle(self._fates)
        self.kills = 0
        self.met: Counter[str] = Counter()
        self.workers: list[Worker] = []
        self._ends: dict[int, float] = {}

    @property
    def is_over(self) -> bool:
        return not self._fates and not self.workers

    def look(self) -> None:
        """Kill those whose moment it is, bury the dead, start their successors."""
        for worker in list(self.workers):
            if time.monotonic() >= self._ends.get(worker.pid, float("inf")):
                worker.send(signal.SIGKILL)
            if not worker.is_alive():
                self._bury(worker)
        while self._fates and len(self.workers) < 2:
            self._start(self._fates.pop())

    def _start(self, point: str) -> None:
        batch = self._chance.randint(1, 6)
        orders = orders_for(
            self._flow.settings,
            self._flow.folder,
            point=point,
            batch=batch,
            session_timeout=SESSION_TIMEOUT,
        )
        worker = self._nest.start(orders)
        self.workers.append(worker)
        if point == OUTSIDE:
            self._ends[worker.pid] = time.monotonic() + self._chance.uniform(0.3, 2.5)

    def _bury(self, worker: Worker) -> None:
        point = worker.orders.point
        expected = point == OUTSIDE or point in worker.notes()
        assert expected, f"a worker died by itself:\n{worker.last_words()}"
        self.workers.remove(worker)
        self.kills += 1
        self.met[point] += 1


@pytest.mark.kafka
@pytest.mark.slow
def test_killed_workers_lose_nothing_and_count_nothing_twice(
    kafka_flow: Flow, nest: Nest, seed: int, full: bool
) -> None:
    chance = random.Random(seed)
    count, kills = (200_000, 100) if full else (40_000, 15)
    events = stream(count, chance)
    storm = Storm(kafka_flow, nest, chance, kills)
    sent = 0
    deadline = time.monotonic() + 20 * kills
    while not storm.is_over:
        assert time.monotonic() < deadline, f"{storm.kills} kills; FAULTS_SEED={seed}"
        storm.look()
        lag = kafka_flow.progress().lag
        allowed = (1 - KEPT_BACK) * count * (storm.kills + 1) / (kills + 1)
        if lag < 500 and (sent < allowed or lag == 0):
            assert sent < count, f"{storm.kills} kills; FAULTS_SEED={seed}"
            kafka_flow.publish(events[sent : sent + 200])
            sent += 200
        time.sleep(0.02)
    kafka_flow.publish(events[sent:])
    orders = orders_for(kafka_flow.settings, kafka_flow.folder, session_timeout=SESSION_TIMEOUT)
    workers = [nest.start(orders) for _ in range(2)]
    with ended(workers):
        wait_for(lambda: kafka_flow.progress().lag == 0)
    print(storm.kills, storm.met)
    assert storm.kills == kills
    assert set(storm.met) >= set(POINTS)
    kafka_flow.check()


def test_the_trigger_notes_a_version_that_goes_back(postgres_flow: Flow) -> None:
    insert = "INSERT INTO profiles (user_id, version, updated_at, fold_state) VALUES ('u', 2, now(), '') RETURNING 1"
    postgres_flow.query(insert)
    for version in (3, 3, 2, 4):
        postgres_flow.query("UPDATE profiles SET version = %s RETURNING 1", version)
    postgres_flow.query("DELETE FROM profiles RETURNING 1")
    found = postgres_flow.query("SELECT * FROM went_back")
    assert found == [("u", 3, 3), ("u", 3, 2), ("u", 4, None)]
