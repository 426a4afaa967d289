"""What workers do with ranges while others pause, cancel, split and slow down, and at random."""

import random
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from quadrupel.bus import codec
from quadrupel.core.verdicts import RuleMatch
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.store import run_ranges, runs, tables
from quadrupel.store.database import transaction

from .conftest import NOW, TODAY, RowPages, evaluator
from .range_night import RULES, SECOND, STORE, Died, at, short_night, split


@pytest.fixture
def night(applied, monkeypatch):
    return short_night(applied, monkeypatch)


def test_a_pause_is_obeyed_at_the_next_page_and_nothing_is_evaluated_twice(night):
    night.start()
    night.work(asked=at("c015", lambda: night.ledger(runs.pause, "night")))
    assert night.progress().evaluated == 20
    assert night.spans() == [("", "c020", "done", 20), ("c020", None, "pending", None)]
    night.work("two")
    assert night.progress().state == "paused"
    night.ledger(runs.resume, "night", NOW)
    fan_out(night.engine, night.bus.producer(), NOW)
    night.work("two")
    night.check(50)


def test_a_paused_run_leaves_its_workers_to_another_run(night):
    night.start()
    night.ledger(runs.pause, "night")
    start_run(night.engine, "other", TODAY, RULES, 100, NOW)
    fan_out(night.engine, night.bus.producer(), NOW)
    night.work()
    assert night.ledger(runs.progress, "other").state == "finished"
    assert night.progress().evaluated == 0


def test_a_cancelled_run_ends_at_the_next_page(night):
    night.start(size=20)
    night.work(asked=at("c015", lambda: night.ledger(runs.cancel, "night", NOW)))
    assert night.progress().state == "cancelled"
    assert sum(night.evaluated().values()) == night.progress().evaluated == 20
    night.work("two")
    assert sum(night.evaluated().values()) == 20


def test_a_worker_asked_to_stop_leaves_the_rest_to_others_at_once(night):
    stop = threading.Event()
    night.start()
    consumer, lane = night.lane(asked=at("c005", stop.set), stop=stop)
    [rest] = lane.process(consumer.poll(1, 0.01))
    assert night.spans() == [("", "c010", "done", 10), ("c010", None, "pending", None)]
    night.bus.producer().publish([rest])
    consumer.commit()
    consumer.close()
    night.work("two")
    night.check(50)


def test_a_worker_asked_to_stop_before_it_begins_gives_the_task_back(night):
    stop = threading.Event()
    stop.set()
    night.start()
    consumer, lane = night.lane(stop=stop)
    [given] = lane.process(consumer.poll(1, 0.01))
    assert given == codec.range_task(codec.RangeTask("night", 0))
    assert night.spans()[0][2] == "pending"


def test_a_range_is_split_under_its_worker(night):
    def late():
        night.now += 31 * SECOND
        with transaction(night.engine) as connection:
            connection.execute(tables.run_ranges.update().values(heartbeat_at=night.now))
        assert split(night) == [1]

    night.start()
    consumer, lane = night.lane(asked=at("c015", late))
    assert lane.process(consumer.poll(1, 0.01)) == []
    assert night.spans() == [("", "c035", "done", 35), ("c035", None, "pending", None)]
    consumer.commit()
    consumer.close()
    fan_out(night.engine, night.bus.producer(), NOW)
    night.work("two")
    night.check(50)


def test_a_page_read_before_a_split_is_not_evaluated_beyond_it(night):
    night.start()
    consumer, lane = night.lane(page_size=100)
    read = lane._read
    pages = []

    def reading(work):
        page = read(work)
        if not pages:
            night.ledger(run_ranges.beat, work.taken, night.now)
            night.now += 31 * SECOND
            night.ledger(run_ranges.beat, work.taken, night.now)
            assert split(night) == [1]
        pages.append(len(page))
        return page

    lane._read = reading
    assert lane.process(consumer.poll(1, 0.01)) == []
    assert pages == [50, 25]
    assert night.spans()[0] == ("", "c025", "done", 25)


def test_a_rate_holds_from_the_next_page_on_and_makes_small_ones_and_waits_between_them(night):
    sizes, times = [], []

    def slower(number, _):
        sizes.append(number)
        times.append(time.monotonic())
        if len(sizes) == 1:
            night.ledger(runs.set_rate, "night", 4)
        if len(sizes) == 3:
            night.ledger(runs.set_rate, "night", None)

    night.start()
    night.work(await_turn=slower)
    assert sizes[:3] == [10, 4, 4]
    assert times[2] - times[0] >= 1.0  # for the first page of four, from its own turn on
    assert max(sizes[3:]) == 10
    night.check(50)


def test_a_rate_is_shared_by_the_workers_of_a_run(night):
    night.start(size=25, rate=20)
    night.ledger(run_ranges.take, "night", 1, "two", NOW)
    sizes = []

    def stop_after_two(number, _):
        sizes.append(number)
        if len(sizes) == 2:
            night.ledger(runs.set_rate, "night", None)

    _, lane = night.lane(await_turn=stop_after_two, page_size=50)
    lane._see_to(codec.RangeTask("night", 0))
    assert sizes[:2] == [10, 10]


def test_the_rules_that_were_asked_are_told_for_each_range(night):
    night.start(size=25)
    night.work(pages=RowPages(STORE, evaluator, "other"))
    assert night.progress().other_rules == 2


def test_errors_matches_and_seconds_are_kept_by_rule(night):
    def asked(profile, as_of, now):
        said = evaluator(profile, as_of, now)
        return replace(said, matches=(RuleMatch("parent"),), errors=("moscow",))

    night.start()
    night.work(pages=RowPages(STORE, asked, seconds={"parent": 0.001}))
    rules = night.ledger(runs.rules, "night")
    assert (rules["parent"].matched, rules["moscow"].errors) == (50, 50)
    assert rules["parent"].seconds == pytest.approx(0.05)


class Fate:
    """Makes what happens while a night goes on, at random: the same for the same seed."""

    def __init__(self, night, seed):
        self.night = night
        self.luck = random.Random(seed)
        self.stop = threading.Event()
        self.stolen = False
        self.actions = [self.die, self.steal, self.pause, self.be_late, self.split, self.stop.set]

    def asked(self, profile, as_of, now):
        if self.luck.random() < 0.05:
            self.luck.choice(self.actions)()
        return evaluator(profile, as_of, now)

    def live(self, name):
        """A worker, until it has nothing to do or died."""
        self.stop.clear()
        size = self.luck.choice([1, 3, 10, 100])
        with suppress(Died):
            self.night.work(name, self.asked, stop=self.stop, page_size=size)

    def die(self):
        raise Died

    def steal(self):
        if not self.stolen:
            self.stolen = True
            self.night.now += 31 * SECOND
            self.live(f"thief {self.luck.random()}")
            self.stolen = False

    def pause(self):
        if self.night.progress().state == "running":
            self.night.ledger(runs.pause, "night")
            self.night.ledger(runs.resume, "night", self.night.now)

    def be_late(self):
        self.night.now += 29 * SECOND

    def split(self):
        split(self.night)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_every_user_is_evaluated_and_counted_once(night, seed):
    fate = Fate(night, seed)
    night.start(size=fate.luck.choice([7, 20, 100]))
    for life in range(10):
        night.now += 31 * SECOND
        fate.live(f"worker {life}")
        fan_out(night.engine, night.bus.producer(), night.now)
    night.now += 31 * SECOND
    night.work("last")
    _, last = night.lane("last")
    while night.progress().state == "running":
        last.idle()
    night.check(50, repeated=10_000)
