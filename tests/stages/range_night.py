"""One night whose ranges are evaluated by hand, on a clock that tests turn."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from quadrupel.bus import codec, topics
from quadrupel.core.profiles import Profile
from quadrupel.rules.catalogue import RuleSet
from quadrupel.stages import evaluate_ranges
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.store import range_splits, run_ranges, runs
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


def short_night(engine, monkeypatch):
    """A night over 50 users, whose workers look for ranges of others often."""
    monkeypatch.setattr(evaluate_ranges, "LOOK_SECONDS", 0.01)
    add_users(engine, 50)
    bus = MemoryBus()
    bus.admin().create(topics.topics(2))
    return Night(engine, bus)


def at(user, action):
    """An evaluator that does something when it comes to a user, once."""
    done = []

    def asked(profile, as_of, now):
        if profile.user_id == user and not done:
            done.append(True)
            action()
        return evaluator(profile, as_of, now)

    return asked


def split(night, now=None, least=2):
    """Halve the slow ranges; the numbers of the new ones."""
    now = now or night.now
    found = night.ledger(range_splits.halves, "night", now, ZoneInfo("UTC"), least)
    return night.ledger(range_splits.split, "night", found, now)
