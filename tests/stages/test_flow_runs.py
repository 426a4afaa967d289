"""Runs through the stages: their ranges on a bus, the nights that start them, and their metrics."""

import threading
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from quadrupel.bus import codec, topics
from quadrupel.core.errors import BusUnavailable, ConcurrentWrite
from quadrupel.core.zones import UTC_ZONE
from quadrupel.stages.evaluate_ranges import EvaluateRanges
from quadrupel.stages.schedule import Schedule, fan_out, start_run
from quadrupel.store import run_ranges, runs
from quadrupel.store.database import Limits, open_engine, transaction
from quadrupel.testing import MemoryBus

from .conftest import NOW, TODAY
from .flow_by_hand import Flow, event


@pytest.fixture
def flow(applied, delivered):
    return Flow(applied, delivered)


@pytest.fixture
def night(flow, delivered):
    """Twenty-five users, a bus with every topic, and a lane for ranges."""
    flow.events(*(event(f"c{n:02}", "child.registered") for n in range(25)))
    bus = MemoryBus()
    bus.admin().create(topics.topics(2))
    return bus


@pytest.fixture
def ranges(flow, night, small_pages):
    """Works through the ranges that are on the bus."""

    def work():
        consumer = night.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)
        producer = night.producer()
        lane = EvaluateRanges(flow.engine, small_pages, producer, consumer, "w", lambda: NOW)
        while messages := consumer.poll(1, 0.01):
            assert lane.process(messages) == []
            consumer.commit()

    return work


def test_a_run_evaluates_every_user_once(flow, night, small_rules, ranges):
    start_run(flow.engine, "night", TODAY, small_rules, 10, NOW)
    fan_out(flow.engine, night.producer(), NOW)
    ranges()
    evaluated = [
        codec.read_verdicts(each).user_id for each in night.admin().browse(topics.VERDICTS)
    ]
    assert sorted(evaluated) == [f"c{n:02}" for n in range(25)]
    with transaction(flow.engine) as connection:
        done = runs.progress(connection, "night")
    assert (done.state, done.evaluated, done.matched) == ("finished", 25, 25)


def test_ranges_that_the_bus_did_not_take_are_put_there_when_it_is_back(flow, night, small_rules):
    start_run(flow.engine, "night", TODAY, small_rules, 10, NOW)
    producer, night.down = night.producer(), True
    with pytest.raises(BusUnavailable):
        fan_out(flow.engine, producer, NOW)
    night.down = False
    for _ in range(2):
        fan_out(flow.engine, producer, NOW)
    assert len(list(night.admin().browse(topics.RANGES))) == 3


def test_a_range_delivered_twice_is_evaluated_once(flow, night, small_rules, ranges):
    start_run(flow.engine, "night", TODAY, small_rules, 10, NOW)
    fan_out(flow.engine, night.producer(), NOW)
    night.producer().publish([codec.range_task(codec.RangeTask("night", 0))])
    ranges()
    assert len(list(night.admin().browse(topics.VERDICTS))) == 25


def test_a_range_of_a_cancelled_or_unknown_run_is_skipped(night, ranges):
    night.producer().publish([codec.range_task(codec.RangeTask("nothing", 0))])
    ranges()
    assert list(night.admin().browse(topics.VERDICTS)) == []


@pytest.mark.parametrize(("run", "number"), [("a\0", 0), ("nothing", 2**31), ("nothing", -1)])
def test_a_range_that_there_cannot_be_is_put_aside(flow, night, delivered, run, number):
    consumer = night.consumer(topics.RANGES, topics.EVALUATE_RANGES_GROUP)
    lane = EvaluateRanges(flow.engine, pytest.fail, night.producer(), consumer, "w", lambda: NOW)
    [letter] = lane.process(delivered([codec.range_task(codec.RangeTask(run, number))]))
    assert codec.read_dead_letter(*delivered([letter])).reason == "bad-message"


@pytest.fixture
def nightly(flow, night, small_rules):
    """Makes a schedule of nights at half past two in Moscow."""

    def made(clock, engine=flow.engine):
        at, zone = time(2, 30), ZoneInfo("Europe/Moscow")
        producer = night.producer()
        return Schedule(engine, producer, lambda: small_rules, 10, at, zone, clock)

    return made


def test_a_night_starts_at_its_local_time_and_once(flow, nightly):
    evening = NOW.replace(hour=23, minute=29)  # 02:29 of the next day in Moscow
    nightly(lambda: evening).start_nights()
    with transaction(flow.engine) as connection:
        assert runs.latest(connection, 5) == []
    for _ in range(2):
        nightly(lambda: evening + timedelta(minutes=1)).start_nights()
    with transaction(flow.engine) as connection:
        [run] = runs.latest(connection, 5)
    assert (run.run, run.as_of) == ("nightly-2026-11-24", TODAY + timedelta(days=1))


def test_a_run_whose_fan_out_was_cut_off_is_fanned_out_by_the_next_step(
    flow, night, small_rules, nightly
):
    start_run(flow.engine, "night", TODAY, small_rules, 10, NOW)
    nightly(lambda: NOW).step()
    nightly(lambda: NOW).step()
    assert len(list(night.admin().browse(topics.RANGES))) == 3


def test_a_scheduler_whose_transaction_was_undone_for_another_goes_on(flow, night, small_rules):
    stop, asked = threading.Event(), []

    def rules():
        asked.append(NOW)
        if len(asked) == 1:
            raise ConcurrentWrite("another transaction went first")
        stop.set()
        return small_rules

    Schedule(flow.engine, night.producer(), rules, 10, time(2, 30), UTC_ZONE, lambda: NOW).run(stop)
    with transaction(flow.engine) as connection:
        assert [each.run for each in runs.latest(connection, 5)] == ["nightly-2026-11-23"]


@pytest.mark.timeout(20)
def test_a_scheduler_that_fails_does_not_wait_for_all_that_upkeep_has_to_do(flow, night):
    def broken():
        raise RuntimeError("a mistake")

    def upkeep(stopped):
        stopped.wait(60)

    schedule = Schedule(
        *(flow.engine, night.producer(), broken, 10, time(2, 30), UTC_ZONE, lambda: NOW),
        upkeep=upkeep,
    )
    with pytest.raises(RuntimeError, match="a mistake"):
        schedule.run(threading.Event())


def test_a_night_should_be_done_by_the_morning(flow, nightly):
    nightly(lambda: NOW).start_nights()
    with transaction(flow.engine) as connection:
        [run] = runs.latest(connection, 5)
    assert run.deadline == datetime(2026, 11, 24, 4, tzinfo=UTC)  # 07:00 in Moscow


def test_metrics_tell_of_runs_while_they_go_on(flow, nightly, small_rules, ranges):
    def told(name):
        return REGISTRY.get_sample_value(f"quadrupel_run_{name}", {"run": "night"})

    clock = iter([NOW, NOW, NOW + timedelta(seconds=20), NOW + timedelta(seconds=40)])
    schedule = nightly(lambda: next(clock))
    start_run(flow.engine, "night", TODAY, small_rules, 10, NOW, deadline=NOW + timedelta(hours=1))
    schedule.step()
    assert told("users") is None
    schedule.step()
    assert (told("users"), told("users_done"), told("late")) == (25, 0, 1)
    ranges()
    schedule.step()
    assert told("users") is None


@pytest.fixture
def slow_night(flow, night, small_rules):
    """A night with one range, which a worker has for half a minute, and another not on the bus."""
    start_run(flow.engine, "slow", TODAY, small_rules, 1_000, NOW)
    fan_out(flow.engine, night.producer(), NOW)
    with transaction(flow.engine) as connection:
        taken = run_ranges.take(connection, "slow", 0, "one", NOW)
        run_ranges.beat(connection, taken, NOW + timedelta(seconds=20))
    start_run(flow.engine, "next", TODAY, small_rules, 1_000, NOW)
    return taken


def test_a_split_that_fails_keeps_no_range_from_the_bus_and_no_rule_from_being_judged(
    flow, night, nightly, slow_night, migrated_url
):
    """Nobody can read profiles, so that no middle is found."""

    def on_the_bus():
        return {codec.read_range_task(each).run for each in night.admin().browse(topics.RANGES)}

    hasty = open_engine(migrated_url, limits=Limits(statement=1))
    clock = iter([NOW, NOW + timedelta(seconds=31)])
    schedule = nightly(lambda: next(clock), hasty)
    with transaction(flow.engine) as connection, capture_logs() as logs:
        connection.execute(sa.text("LOCK TABLE profiles"))
        schedule.step()
    hasty.dispose()
    assert [each["run"] for each in logs if each["log_level"] == "warning"] == ["slow"]
    assert on_the_bus() == {"slow", "next"}
    assert REGISTRY.get_sample_value("quadrupel_run_users", {"run": "next"}) == 25
