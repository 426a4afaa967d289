"""Ranges whose pages come from a real replica, whatever becomes of it; verdicts are the same."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import sqlalchemy as sa

from quadrupel.bus import codec, topics
from quadrupel.core.errors import AssignmentLost
from quadrupel.core.profiles import Profile
from quadrupel.rules.catalogue import RuleSet
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.schedule import fan_out, start_run
from quadrupel.store import run_ranges, runs
from quadrupel.store.database import open_engine, transaction
from quadrupel.store.profiles import ProfileStore
from quadrupel.store.replica import PageReads
from quadrupel.telemetry import RUN_PAGES_READ
from quadrupel.testing import MemoryBus

from .conftest import NOW, SCHEMA, TODAY

STORE = ProfileStore(SCHEMA)
USERS = [Profile(f"c{n:03}", 1, {"children": n % 2}) for n in range(50)]
VERDICTS = [(each.user_id, ["parent"] if each.values["children"] else []) for each in USERS]


@pytest.fixture
def migrated_url(pair_urls):
    return pair_urls[0]


@dataclass
class Hooked:
    """Reads pages; calls `action` with the connection after page number `at` was read."""

    pages: object
    at: int
    action: object
    read_so_far: int = 0

    @property
    def rule_set(self):
        return self.pages.rule_set

    def page(self, connection, *arguments):
        page = self.pages.page(connection, *arguments)
        self.read_so_far += 1
        if self.read_so_far == self.at:
            self.action(connection)
        return page

    def read(self, *arguments):
        return self.pages.read(*arguments)


@dataclass
class Night:
    """A run named `night` over one range of five pages, on a primary with a replica."""

    pair: object
    engine: sa.Engine
    replica: sa.Engine
    name: str
    pages: object
    rules: RuleSet
    bus: MemoryBus = field(default_factory=MemoryBus)
    stop: threading.Event = field(default_factory=threading.Event)
    max_lag: float = 30
    now: object = NOW

    def clock(self):
        return self.now

    def start(self):
        self.bus.admin().create(topics.topics(1))
        start_run(self.engine, "night", TODAY, self.rules, 1_000, NOW)
        fan_out(self.engine, self.bus.producer(), NOW)

    def write(self, *profiles):
        with transaction(self.engine) as connection:
            STORE.write(connection, profiles, NOW)

    def work(self, between=lambda: None, at=(0, None), consumer=None):
        """Evaluate the range; `between` is called before the verdicts of the second page.

        Returns how many pages were read from the replica, and how many from the primary.
        """
        turns, before = [], [pages(each) for each in ("replica", "primary")]

        def turn(users, keep_alive):
            turns.append(users)
            if len(turns) == 2:
                between()

        consumer = consumer or self.bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)
        hooked = Hooked(self.pages(""), *at)
        lane = EvaluateRanges(
            *(self.engine, lambda *_: hooked, self.bus.producer(), consumer, "w"),
            *(self.clock, turn, self.stop, 10),
            reads=PageReads(self.engine, self.replica, self.max_lag),
        )
        self.left = lane.process(consumer.poll(1, 0.01))
        after = [pages(each) for each in ("replica", "primary")]
        return after[0] - before[0], after[1] - before[1]

    def verdicts(self):
        """Who matched what, in the order of the bus."""
        found = map(codec.read_verdicts, self.bus.admin().browse(topics.VERDICTS))
        return [(each.user_id, [match.rule for match in each.matches]) for each in found]

    def lines(self):
        with transaction(self.engine) as connection:
            return run_ranges.lines(connection, "night")

    def is_finished(self):
        with transaction(self.engine) as connection:
            return runs.progress(connection, "night").state == "finished"

    def pause(self):
        self.pair.standby.ask("SELECT pg_wal_replay_pause()")
        while self.pair.standby.ask("SELECT pg_get_wal_replay_pause_state()") != [("paused",)]:
            pass


def pages(source):
    return RUN_PAGES_READ.labels(source)._value.get()


@pytest.fixture
def night(pair, pair_urls, applied, small_pages, small_rules):
    replica = open_engine(pair_urls[1], pool_size=1)
    name = pair_urls[0].partition("?")[0].rpartition("/")[2]
    night = Night(pair, applied, replica, name, small_pages, small_rules)
    night.write(*USERS)
    night.start()
    yield night
    replica.dispose()


def check(night):
    """Everybody was evaluated once, and as without a replica."""
    assert night.verdicts() == VERDICTS
    assert night.is_finished()


def test_a_range_is_read_from_a_fresh_replica(night):
    assert night.work() == (6, 0)
    check(night)


def test_a_night_over_who_is_due_finds_its_days_on_the_replica(night):
    night.work()
    with transaction(night.engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO published (user_id, version, profile_version, as_of, evaluated_at,"
            " rule_set, banners, updated_at, due_on)"
            " SELECT user_id, 1, 1, %(day)s, now(), 'r', '[]', now(), %(day)s + number"
            " FROM (VALUES ('c001', 0), ('c003', 1)) AS due (user_id, number)",
            {"day": TODAY},
        )
    start_run(night.engine, "due", TODAY, night.rules, 1_000, NOW)
    fan_out(night.engine, night.bus.producer(), NOW)
    night.bus.topics[topics.VERDICTS] = [[]]
    night.bus.topics[topics.RANGES] = [night.bus.topics[topics.RANGES][0][1:]]
    assert night.work(consumer=night.bus.consumer(topics.RANGES, "other")) == (1, 0)
    assert night.verdicts() == [("c001", ["parent"])]


def test_an_event_folded_just_before_the_range_was_taken_is_seen(night):
    night.pause()
    night.write(Profile("c000", 2, {"children": 1}))
    later = threading.Timer(0.5, night.pair.lets_go)
    later.start()
    assert night.work() == (6, 0)
    later.join()
    assert night.verdicts() == [("c000", ["parent"]), *VERDICTS[1:]]


def test_a_replica_that_stays_behind_is_not_read(night):
    night.pause()
    night.write(Profile("c000", 2, {"children": 1}))
    night.max_lag = 0.3
    assert night.work() == (0, 6)
    assert night.verdicts() == [("c000", ["parent"]), *VERDICTS[1:]]
    assert night.is_finished()


def test_what_is_read_is_of_the_replica_and_not_older_than_the_range(night):
    def change():
        night.pause()
        night.write(Profile("c048", 2, {"children": 5}))

    assert night.work(between=change) == (6, 0)
    check(night)


def test_a_replica_that_stops_under_a_range_leaves_its_rest_to_the_primary(night):
    assert night.work(between=night.pair.standby.stop) == (2, 4)
    check(night)


def test_a_replica_that_is_away_is_not_read(night):
    night.pair.standby.stop()
    assert night.work() == (0, 6)
    check(night)


def test_a_replica_that_is_promoted_under_a_range_leaves_its_rest_to_the_primary(
    night, new_standby
):
    with new_standby() as other:
        night.replica = open_engine(other.at(night.name), pool_size=1)

        def promote():
            other.promote()
            other.ask("UPDATE profiles SET children = 9", database=night.name)

        assert night.work(between=promote) == (2, 4)
        check(night)
        night.replica.dispose()


def test_a_page_that_the_replay_cancels_is_read_again_from_the_primary(night):
    def vacuum(connection):
        for query in ("UPDATE profiles SET version = version", "VACUUM profiles"):
            night.pair.primary.ask(query, database=night.name)
        connection.exec_driver_sql("SELECT pg_sleep(60)")

    night.pair.standby.ask("ALTER SYSTEM SET max_standby_streaming_delay = 0")
    night.pair.standby.ask("SELECT pg_reload_conf()")
    try:
        assert night.work(at=(3, vacuum)) == (2, 4)
    finally:
        night.pair.standby.ask("ALTER SYSTEM RESET max_standby_streaming_delay")
        night.pair.standby.ask("SELECT pg_reload_conf()")
    check(night)


def test_a_lease_is_kept_alive_while_the_replica_is_waited_for(night):
    class Consumer:
        """A member of the group, for whom 11 seconds go by whenever it shows that it lives."""

        def __init__(self, consumer):
            self.poll = consumer.poll

        def keep_alive(self):
            night.now += timedelta(seconds=11)

    night.pause()
    night.write(Profile("c049", 2, {"children": 1}))
    night.max_lag = 1
    consumer = Consumer(night.bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP))
    heard_of = []
    first_page = (1, lambda _: heard_of.append(night.lines()[0].heartbeat_at))
    assert night.work(consumer=consumer, at=first_page) == (0, 6)
    assert heard_of[0] >= NOW + timedelta(seconds=2 * 11)
    assert night.is_finished()


def test_who_is_asked_to_stop_while_it_waits_leaves_the_range_at_once(night):
    night.pause()
    night.write(Profile("c049", 2, {"children": 1}))
    threading.Timer(0.2, night.stop.set).start()
    night.work()
    assert night.left == [codec.range_task(codec.RangeTask("night", 0))]
    assert [each.state for each in night.lines()] == ["pending"]
    assert night.verdicts() == []


def test_who_loses_its_partition_while_it_waits_hands_the_range_on(night):
    night.pause()
    night.write(Profile("c049", 2, {"children": 1}))
    consumer = night.bus.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)
    threading.Timer(0.2, consumer.lose_partitions).start()
    with pytest.raises(AssignmentLost):
        night.work(consumer=consumer)
    assert [each.state for each in night.lines()] == ["pending"]
    assert len(list(night.bus.admin().browse(topics.RANGES))) == 2
