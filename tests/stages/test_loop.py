import itertools
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import structlog
from prometheus_client import REGISTRY

from quadrupel.core.errors import BusUnavailable, ConcurrentWrite, DatabaseUnavailable, Halted
from quadrupel.core.ports import Outgoing, Topic
from quadrupel.stages import loop
from quadrupel.store.halts import Halt
from quadrupel.testing import MemoryBus

IN, OUT = "in", "out"
HALT = Halt("stage", "100 messages in a row were bad", datetime(2026, 11, 23, tzinfo=UTC), "host:1")


@pytest.fixture
def bus():
    bus = MemoryBus()
    bus.admin().create([Topic(IN, 1), Topic(OUT, 1)])
    bus.producer().publish([Outgoing(IN, b"k", str(n).encode()) for n in range(5)])
    return bus


def stage(bus, process, idle=lambda: None):
    return loop.Stage("stage", bus.consumer(IN, "group"), bus.producer(), process, 2, idle)


def echo(messages):
    return [Outgoing(OUT, b"k", message.value) for message in messages]


def values(bus, topic=OUT):
    return [message.value for message in bus.admin().browse(topic)]


def run_until(bus, process, done):
    """Run the loop in this thread until `done` says so after a batch."""
    stop = threading.Event()

    def idle():
        if done():
            stop.set()

    loop.run(stage(bus, process, idle), stop)


def test_what_follows_from_a_batch_is_published_before_it_is_acknowledged(bus):
    lag_while_publishing = []

    class Producer:
        def publish(self, messages):
            lag_while_publishing.append(bus.admin().progress(IN, "group").lag)

        def close(self):
            pass

    loop.step(loop.Stage("stage", bus.consumer(IN, "group"), Producer(), echo, 2))
    assert lag_while_publishing == [5]
    assert bus.admin().progress(IN, "group").lag == 3


def test_every_message_is_worked_through_in_order(bus):
    run_until(bus, echo, lambda: bus.admin().progress(IN, "group").lag == 0)
    assert values(bus) == [b"0", b"1", b"2", b"3", b"4"]


def test_batches_that_are_not_full_take_turns_and_full_ones_follow_at_once(bus, monkeypatch):
    monkeypatch.setattr(loop, "TURN_SECONDS", 0.2)
    times = []

    def process(messages):
        times.append(time.monotonic())
        if len(times) >= 3:  # the three of the start have come: now one by one
            bus.producer().publish([Outgoing(IN, b"k", b"more")])
        return []

    run_until(bus, process, lambda: len(times) == 5)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert max(pauses[:2]) < 0.1
    assert min(pauses[2:]) > 0.15


def test_who_stops_waits_for_no_turn(bus, monkeypatch):
    monkeypatch.setattr(loop, "TURN_SECONDS", 60.0)
    began = time.monotonic()
    run_until(bus, echo, lambda: bus.admin().progress(IN, "group").lag == 0)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "error", [DatabaseUnavailable("away"), ConcurrentWrite("first"), BusUnavailable("away")]
)
def test_a_batch_that_infrastructure_refused_comes_again_and_nothing_is_lost(
    bus, error, monkeypatch
):
    monkeypatch.setattr(loop, "pause", lambda failures: 0.0)
    failures = iter([error, error])

    def process(messages):
        for each in failures:
            raise each
        return echo(messages)

    run_until(bus, process, lambda: bus.admin().progress(IN, "group").lag == 0)
    assert values(bus) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_programming_error_stops_the_stage_and_acknowledges_nothing(bus):
    def process(messages):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run(stage(bus, process), threading.Event())
    assert bus.admin().progress(IN, "group").lag == 5


def test_idle_work_is_done_also_when_nothing_comes(bus):
    run_until(bus, echo, lambda: bus.admin().progress(IN, "group").lag == 0)
    turns = []
    run_until(bus, echo, lambda: turns.append(1) or len(turns) == 2)
    assert len(turns) == 2


def test_no_poll_waits_while_there_is_more_idle_work(bus):
    left, waits, stop = [3], [], threading.Event()
    consumer = bus.consumer(IN, "group")

    class Consumer:
        def poll(self, size, wait):
            waits.append(wait)
            return consumer.poll(size, 0)

        def __getattr__(self, name):
            return getattr(consumer, name)

    def idle():
        left[0] -= 1
        if left[0] < -1:
            stop.set()
        return left[0] > 0

    loop.run(loop.Stage("stage", Consumer(), bus.producer(), echo, 2, idle), stop)
    assert waits == [loop.POLL_SECONDS, 0.0, 0.0, loop.POLL_SECONDS, loop.POLL_SECONDS]


class Halting:
    """A halt that is there for so many looks; the last of them sets `stop`."""

    def __init__(self, looks, stop=None):
        self.looks, self.stop = looks, stop

    def __call__(self):
        self.looks -= 1
        if self.looks == 0 and self.stop is not None:
            self.stop.set()
        return HALT if self.looks >= 0 else None


@pytest.fixture
def looking(monkeypatch):
    """Look at a halt without waiting between the looks."""
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.0)


def halted(name="stage"):
    return REGISTRY.get_sample_value("quadrupel_stage_halted", {"stage": name})


def test_a_halted_stage_takes_nothing_and_sounds_the_alarm_until_it_is_resumed(bus, looking):
    stop = threading.Event()
    seen = []
    given = stage(bus, echo, lambda: bus.admin().progress(IN, "group").lag or stop.set())
    given.consumer.keep_alive = lambda: seen.append(
        (bus.admin().progress(IN, "group").lag, halted())
    )
    with structlog.testing.capture_logs() as logs:
        loop.run(replace(given, halt=Halting(5)), stop)
    assert seen == [(5, 1)] * 5
    [alarm] = [each for each in logs if each["log_level"] == "error"]
    assert alarm["reason"] == "100 messages in a row were bad"
    assert alarm["resume"] == "quadrupel dead-letters resume stage"
    assert halted() == 0
    assert values(bus) == [b"0", b"1", b"2", b"3", b"4"]


def test_the_alarm_sounds_again_every_minute(bus, looking, monkeypatch):
    monkeypatch.setattr(loop, "ALARM_SECONDS", 0.0)
    stop = threading.Event()
    with structlog.testing.capture_logs() as logs:
        loop.run(replace(stage(bus, echo), halt=Halting(3, stop)), stop)
    assert len([each for each in logs if each["log_level"] == "error"]) == 3


def test_a_halted_stage_that_is_stopped_takes_nothing(bus):
    stop = threading.Event()
    loop.run(replace(stage(bus, echo), halt=Halting(1, stop)), stop)
    assert bus.admin().progress(IN, "group").lag == 5
    assert values(bus) == []


def test_a_batch_that_halts_the_stage_is_kept_whole_and_comes_again(bus, looking):
    stop = threading.Event()
    looks = iter([None, HALT, HALT])
    halts = iter([Halted("garbage")])

    def process(messages):
        for each in halts:
            raise each
        return echo(messages)

    given = stage(bus, process, lambda: bus.admin().progress(IN, "group").lag or stop.set())
    loop.run(replace(given, halt=lambda: next(looks, None)), stop)
    assert values(bus) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_halt_that_cannot_be_looked_at_is_waited_for(bus, monkeypatch):
    monkeypatch.setattr(loop, "pause", lambda failures: 0.0)
    stop = threading.Event()
    answers = iter([DatabaseUnavailable("away"), DatabaseUnavailable("away")])

    def halt():
        for each in answers:
            raise each

    given = stage(bus, echo, lambda: bus.admin().progress(IN, "group").lag or stop.set())
    loop.run(replace(given, halt=halt), stop)
    assert values(bus) == [b"0", b"1", b"2", b"3", b"4"]


def test_every_batch_is_measured_by_phase_and_beats(bus):
    beats = []
    given = loop.Stage(
        "measured", bus.consumer(IN, "group"), bus.producer(), echo, 2, beat=lambda: beats.append(1)
    )
    assert [loop.step(given) for _ in range(4)] == [2, 2, 1, 0]
    assert len(beats) == 3
    for phase in ("poll", "process", "publish", "commit"):
        labels = {"stage": "measured", "phase": phase}
        assert REGISTRY.get_sample_value("quadrupel_stage_phase_seconds_count", labels) == 3
    labels = {"stage": "measured"}
    assert REGISTRY.get_sample_value("quadrupel_stage_batch_messages_sum", labels) == 5


def test_pauses_grow_and_have_a_limit():
    assert 0.3 <= loop.pause(1) <= 0.5
    assert loop.pause(3) <= 2.0
    assert 22.0 <= loop.pause(50) <= loop.LONGEST_PAUSE
