import threading

import pytest

from quadrupel.core.errors import BusUnavailable, ConcurrentWrite, DatabaseUnavailable
from quadrupel.core.ports import Outgoing, Topic
from quadrupel.stages import loop
from quadrupel.testing import MemoryBus

IN, OUT = "in", "out"


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
            lag_while_publishing.append(bus.admin().lag(IN, "group"))

        def close(self):
            pass

    loop.step(loop.Stage("stage", bus.consumer(IN, "group"), Producer(), echo, 2))
    assert lag_while_publishing == [5]
    assert bus.admin().lag(IN, "group") == 3


def test_every_message_is_worked_through_in_order(bus):
    run_until(bus, echo, lambda: bus.admin().lag(IN, "group") == 0)
    assert values(bus) == [b"0", b"1", b"2", b"3", b"4"]


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

    run_until(bus, process, lambda: bus.admin().lag(IN, "group") == 0)
    assert values(bus) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_programming_error_stops_the_stage_and_acknowledges_nothing(bus):
    def process(messages):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run(stage(bus, process), threading.Event())
    assert bus.admin().lag(IN, "group") == 5


def test_idle_work_is_done_also_when_nothing_comes(bus):
    run_until(bus, echo, lambda: bus.admin().lag(IN, "group") == 0)
    turns = []
    run_until(bus, echo, lambda: turns.append(1) or len(turns) == 2)
    assert len(turns) == 2


def test_pauses_grow_and_have_a_limit():
    assert 0.3 <= loop.pause(1) <= 0.5
    assert loop.pause(3) <= 2.0
    assert 22.0 <= loop.pause(50) <= loop.LONGEST_PAUSE
