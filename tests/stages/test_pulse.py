import math
import threading

import pytest
from prometheus_client import REGISTRY

from quadrupel.core.errors import BusUnavailable
from quadrupel.stages.pulse import Pulse

NAMES = ("lag", "stuck", "seconds_since_batch")


class Watched:
    """A stage whose lag and clock a test sets."""

    def __init__(self, name):
        self.name, self.time, self.lag = name, 1_000.0, 0
        self.pulse = Pulse(name, self.measure, lambda: self.time)

    def measure(self):
        if isinstance(self.lag, Exception):
            raise self.lag
        return self.lag

    def after(self, seconds, lag):
        """The metrics `seconds` later, with this lag."""
        self.time += seconds
        self.lag = lag
        self.pulse.look()
        values = {"stage": self.name}
        return tuple(REGISTRY.get_sample_value(f"quadrupel_stage_{n}", values) for n in NAMES)


@pytest.fixture
def stage(request):
    return Watched(request.node.name)


def test_a_stage_with_nothing_to_read_is_not_stuck_however_long_it_rests(stage):
    assert stage.after(0, 0) == (0, 0, 0)
    assert stage.after(3_600, 0) == (0, 0, 3_600)


def test_a_stage_is_stuck_after_a_minute_with_something_to_read_and_no_batch(stage):
    stage.after(3_600, 0)
    assert stage.after(10, 5) == (5, 0, 3_610)
    assert stage.after(59, 5)[1] == 0
    assert stage.after(1, 7) == (7, 1, 3_670)
    stage.pulse.beat()
    assert stage.after(0, 7) == (7, 0, 0)
    assert stage.after(59, 7)[1] == 0
    assert stage.after(1, 7)[1] == 1
    assert stage.after(1, 0)[1] == 0


def test_a_slow_stage_that_finishes_batches_is_not_stuck(stage):
    for _ in range(10):
        stage.pulse.beat()
        assert stage.after(50, 1_000_000)[1] == 0


def test_a_bus_that_is_away_leaves_the_lag_unknown_and_the_stage_as_stuck_as_it_was(stage):
    stage.after(0, 5)
    lag, stuck, _ = stage.after(30, BusUnavailable("away"))
    assert (math.isnan(lag), stuck) == (True, 0)
    assert stage.after(30, BusUnavailable("away"))[1] == 1
    assert stage.after(1, 0)[1] == 0
    assert stage.after(90, BusUnavailable("away"))[1] == 0


def test_it_is_measured_in_the_background_until_the_block_ends(stage):
    measured = threading.Semaphore(0)
    stage.pulse = Pulse(stage.name, lambda: measured.release() or 3)
    with stage.pulse.watched(every=0.01):
        for _ in range(3):
            assert measured.acquire(timeout=10)
    assert not any(thread.name == "pulse" for thread in threading.enumerate())
