"""Ranges among several workers: leases, takeovers, waiting for each other, and real loops."""

import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from quadrupel.bus import codec, topics
from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.postgres import PostgresBus
from quadrupel.core.errors import AssignmentLost
from quadrupel.core.ports import Topic
from quadrupel.core.profiles import Profile
from quadrupel.core.runs import RangeCounts
from quadrupel.stages import evaluate_ranges, loop
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.store import run_ranges
from quadrupel.store.database import transaction

from .conftest import NOW, TODAY, RowPages, evaluator
from .range_night import RULES, SECOND, STORE, Died, at, short_night, split


@pytest.fixture
def night(applied, monkeypatch):
    return short_night(applied, monkeypatch)


def test_a_killed_workers_range_is_taken_over_when_its_lease_lapsed(night):
    def die():
        raise Died

    night.start()
    with pytest.raises(Died):
        night.work(asked=at("c025", die))
    consumer, lane = night.lane("two")
    [given_back] = lane.process(consumer.poll(1, 0.01))
    assert given_back == codec.range_task(codec.RangeTask("night", 0))
    consumer.close()
    night.now += 30 * SECOND
    night.work("two")
    [line] = night.ledger(run_ranges.lines, "night")
    assert (line.worker, line.attempts) == ("two", 2)
    night.check(50, repeated=20)


def test_who_is_delivered_nothing_takes_what_waits_and_what_the_dead_left(night):
    night.start(size=20)
    night.ledger(run_ranges.take, "night", 1, "lost", NOW)
    consumer, lane = night.lane()
    assert [lane.idle() for _ in range(3)] == [True, True, False]
    assert [state for *_, state, _ in night.spans()] == ["done", "running", "done"]
    night.now += 30 * SECOND
    assert [lane.idle() for _ in range(2)] == [True, False]
    consumer.close()
    night.check(50)


def test_all_workers_have_work_although_one_is_delivered_all_messages(night):
    night.start(size=10)
    delivered, one = night.lane("one")
    messages = delivered.poll(100, 0.01)
    _, two = night.lane("two", consumer=night.bus.consumer("another", "group"))
    for message in messages:
        one.process([message])
        two.idle()
    by = Counter(line.worker for line in night.ledger(run_ranges.lines, "night"))
    assert by == {"one": 3, "two": 2}
    night.check(50)


def test_who_is_idle_hands_on_what_it_must_leave(night):
    stop = threading.Event()
    night.start()
    before = len(list(night.bus.admin().browse(topics.RANGES)))
    _, lane = night.lane(asked=at("c015", stop.set), stop=stop)
    lane.idle()
    assert night.spans()[0] == ("", "c020", "done", 20)
    assert len(list(night.bus.admin().browse(topics.RANGES))) == before + 1


def test_who_is_delivered_a_range_that_another_works_on_waits_until_it_is_done(night):
    night.start()
    other, lane = night.lane("two", looks=1_000)
    messages = other.poll(1, 0.01)
    began, answers = threading.Event(), []
    waiting = threading.Thread(target=lambda: answers.append(lane.process(messages)))
    taken = night.ledger(run_ranges.take, "night", 0, "one", NOW)
    waiting.start()
    assert not began.wait(0.1)
    assert waiting.is_alive()
    night.ledger(run_ranges.finish, taken, RangeCounts(), "set", NOW)
    waiting.join(10)
    assert answers == [[]]


def test_who_is_delivered_a_range_that_another_works_on_evaluates_the_others_meanwhile(night):
    night.start(size=10)
    consumer, lane = night.lane("two")
    [message] = [
        each
        for each in consumer.poll(100, 0.01)
        if codec.read_range_task(each) == codec.RangeTask("night", 0)
    ]
    taken = night.ledger(run_ranges.take, "night", 0, "one", NOW)
    [left] = lane.process([message])
    assert codec.read_range_task(left) == codec.RangeTask("night", 0)
    assert [state for *_, state, _ in night.spans()] == ["running", *["done"] * 4]
    night.ledger(run_ranges.finish, taken, RangeCounts(10), "set", NOW)
    assert night.progress().state == "finished"


def test_a_worker_that_was_taken_for_dead_drops_its_range(night):
    def robbed():
        night.now += 31 * SECOND
        _, thief = night.lane("two", consumer=night.bus.consumer(topics.EVENTS, "x"))
        assert thief._see_to(codec.RangeTask("night", 0)) == []

    night.start()
    night.work(asked=at("c025", robbed))
    [line] = night.ledger(run_ranges.lines, "night")
    assert (line.worker, line.attempts, line.evaluated) == ("two", 2, 50)
    night.check(50, repeated=30)


def test_a_worker_whose_partitions_moved_hands_its_range_on(night):
    night.start()
    consumer, lane = night.lane("one")
    lane._pages = lambda *_: RowPages(STORE, at("c025", consumer.lose_partitions))
    with pytest.raises(AssignmentLost):
        lane.process(consumer.poll(1, 0.01))
    assert night.spans() == [("", "c020", "done", 20), ("c020", None, "pending", None)]
    night.work("two")
    night.check(50, repeated=10)


@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_worker_whose_partitions_moved_while_others_went_first_counts_no_page_twice(night, page):
    night.start()
    gone = count(1)

    def give_way(keep_alive):
        if next(gone) == page:
            consumer.lose_partitions()
        keep_alive()

    consumer, lane = night.lane("one", give_way=give_way)
    with pytest.raises(AssignmentLost):
        lane.process(consumer.poll(1, 0.01))
    assert night.progress().evaluated == 10 * (page - 1)
    night.work("two")
    night.check(50)


def test_a_lease_is_renewed_while_a_worker_waits_for_publish(night):
    def slow_publish(_, keep_alive):
        for _ in range(5):
            night.now += 11 * SECOND
            keep_alive()

    night.start()
    night.work(await_turn=slow_publish)
    [line] = night.ledger(run_ranges.lines, "night")
    assert (line.attempts, line.heartbeat_at) == (1, NOW + 25 * 11 * SECOND)


def test_a_lease_is_renewed_while_a_page_is_slowly_evaluated(night, monkeypatch):
    class SlowPages(RowPages):
        def read(self, *arguments):
            read = super().read(*arguments)
            return replace(read, evaluations=map(self.learn, read.evaluations))

        def learn(self, evaluation):
            night.now += 11 * SECOND
            return evaluation

    monkeypatch.setattr(evaluate_ranges, "CHUNK", 2)
    night.start()
    night.work(pages=SlowPages(STORE, evaluator))
    [line] = night.ledger(run_ranges.lines, "night")
    assert (line.attempts, line.heartbeat_at) == (1, NOW + 50 * 11 * SECOND)
    night.check(50)


def check_workers_together(night, bus, workers=3):
    """Real loops in threads, on a clock that runs fifty times as fast, and a splitter."""
    began = time.monotonic()
    admin = bus.admin()
    admin.create([Topic(each, 2) for each in (topics.RANGES, topics.VERDICTS)])
    stop = threading.Event()

    def clock():
        return NOW + timedelta(seconds=50 * (time.monotonic() - began))

    def slowly(profile, as_of, now):
        time.sleep(0.005)
        return evaluator(profile, as_of, now)

    def work(name):
        with (
            closing(bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)) as consumer,
            closing(bus.producer()) as producer,
        ):
            lane = EvaluateRanges(
                night.engine,
                lambda *_: RowPages(STORE, slowly),
                producer,
                consumer,
                name,
                clock,
                stop=stop,
                page_size=5,
            )
            loop.run(loop.Stage("test", consumer, producer, lane.process, 1, lane.idle), stop)

    start_run(night.engine, "night", TODAY, RULES, 1_000, clock())
    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(workers)]
    with closing(bus.producer()) as producer:
        for thread in threads:
            thread.start()
        try:
            while time.monotonic() < began + 60 and night.progress().state == "running":
                split(night, clock(), least=20)
                fan_out(night.engine, producer, clock())
                time.sleep(0.05)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
    night.bus = bus
    night.check(300, repeated=100)
    lines = night.ledger(run_ranges.lines, "night")
    assert len({each.worker for each in lines}) > 1
    assert len(lines) > 2


@pytest.fixture
def crowd(night):
    with transaction(night.engine) as connection:
        users = [Profile(f"d{n:03}", 1, {"children": n % 2}) for n in range(250)]
        STORE.write(connection, users, NOW)
    return night


def test_workers_share_a_range_that_is_split_under_them(crowd, migrated_url):
    with closing(PostgresBus(migrated_url)) as bus:
        check_workers_together(crowd, bus)


@pytest.mark.kafka
def test_workers_share_a_range_that_is_split_under_them_on_kafka(crowd, kafka_topics):
    with closing(KafkaBus(kafka_topics)) as bus:
        check_workers_together(crowd, bus)
