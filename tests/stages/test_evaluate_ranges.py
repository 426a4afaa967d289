"""What workers do with ranges while others pause, cancel, split, slow down, die and take over."""

import random
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from quadrupel.bus import codec, topics
from quadrupel.bus.kafka import KafkaBus
from quadrupel.bus.postgres import PostgresBus
from quadrupel.core.errors import AssignmentLost
from quadrupel.core.ports import Topic
from quadrupel.core.profiles import Profile
from quadrupel.core.runs import RangeCounts
from quadrupel.core.verdicts import RuleMatch
from quadrupel.rules.catalogue import RuleSet
from quadrupel.stages import evaluate_ranges, loop
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.store import run_ranges, runs, tables
from quadrupel.store.database import transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.testing import MemoryBus

from .conftest import NOW, SCHEMA, TODAY, RowPages, counted, evaluator

STORE = ProfileStore(SCHEMA)
RULES = RuleSet(SCHEMA, {}, {}, "set")
SECOND = timedelta(seconds=1)


class Died(BaseException):
    """The process was killed."""


@dataclass
class Night:
    """A run named `night`, a bus, and a clock that tests turn."""

    engine: object
    bus: MemoryBus
    now: object = NOW

    def clock(self):
        return self.now

    def ledger(self, function, *arguments, **named):
        with transaction(self.engine) as connection:
            return function(connection, *arguments, **named)

    def start(self, size=100, **named):
        start_run(self.engine, "night", TODAY, RULES, size, NOW, **named)
        fan_out(self.engine, self.bus.producer(), NOW)

    def lane(self, name="one", asked=evaluator, stop=None, pages=None, consumer=None, **named):
        consumer = consumer or self.bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)
        given = pages or RowPages(STORE, asked)
        named = {"page_size": 10, "looks": 3, "stop": stop, **named}
        return consumer, EvaluateRanges(
            self.engine,
            lambda *_: given,
            self.bus.producer(),
            consumer,
            name,
            self.clock,
            **named,
        )

    def work(self, name="one", asked=evaluator, **named):
        """Let a worker do all there is, as the loop does it."""
        consumer, lane = self.lane(name, asked, **named)
        producer = self.bus.producer()
        try:
            while not lane._stop.is_set() and (messages := consumer.poll(1, 0.01)):
                producer.publish(lane.process(messages))
                consumer.commit()
        finally:
            consumer.close()

    def evaluated(self):
        """The users whose verdicts are on the bus, each as often as they are."""
        verdicts = self.bus.admin().browse(topics.VERDICTS)
        return Counter(codec.read_verdicts(each).user_id for each in verdicts)

    def progress(self):
        return self.ledger(runs.progress, "night", self.now)

    def spans(self):
        lines = self.ledger(run_ranges.lines, "night")
        return [(each.first_user, each.end_user, each.state, each.evaluated) for each in lines]

    def check(self, users, repeated=0):
        """The run finished, and has evaluated and counted every user once."""
        done = self.progress()
        assert (done.state, done.evaluated, done.users) == ("finished", users, users)
        assert self.ledger(run_ranges.seams, "night") == []
        with transaction(self.engine) as connection:
            profiles = STORE.page(connection, "", None, 10_000)
        told = counted([evaluator(each, TODAY, NOW) for each in profiles])
        assert done.digest == f"{told.digest:016x}"
        assert done.matched == told.matched
        assert set(self.evaluated()) == {each.user_id for each in profiles}
        assert sum(self.evaluated().values()) <= users + repeated


def add_users(engine, number):
    with transaction(engine) as connection:
        users = [Profile(f"c{n:03}", 1, {"children": n % 2}) for n in range(number)]
        STORE.write(connection, users, NOW)


@pytest.fixture(autouse=True)
def _looks_are_short(monkeypatch):
    monkeypatch.setattr(evaluate_ranges, "LOOK_SECONDS", 0.01)


@pytest.fixture
def night(applied):
    add_users(applied, 50)
    bus = MemoryBus()
    bus.admin().create(topics.topics(2))
    return Night(applied, bus)


def at(user, action):
    """An evaluator that does something when it comes to a user, once."""
    done = []

    def asked(profile, as_of, now):
        if profile.user_id == user and not done:
            done.append(True)
            action()
        return evaluator(profile, as_of, now)

    return asked


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


def split(night):
    return night.ledger(run_ranges.split_slow, "night", night.now, least=2)


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


def test_a_rate_makes_small_pages_and_waits_between_them(night):
    night.start(rate=200)
    began = time.monotonic()
    night.work(page_size=10)
    assert 0.2 <= time.monotonic() - began < 3
    night.check(50)


def test_a_rate_that_is_changed_holds_from_the_next_page_on(night):
    sizes = []

    def slower(number, _):
        sizes.append(number)
        if len(sizes) == 1:
            night.ledger(runs.set_rate, "night", 4)
        if len(sizes) == 3:
            night.ledger(runs.set_rate, "night", None)

    night.start()
    night.work(await_turn=slower)
    assert sizes[:3] == [10, 4, 4]
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
                night.ledger(run_ranges.split_slow, "night", clock(), least=20)
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
