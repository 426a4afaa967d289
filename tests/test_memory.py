import gc
import threading
import weakref

import pytest

from quadrupel import memory
from quadrupel.core.ports import Outgoing, Topic
from quadrupel.stages import loop
from quadrupel.testing import MemoryBus

BATCHES = 20


class Cycle:
    def __init__(self):
        self.itself = self


@pytest.fixture
def by_hand():
    """Python looks for garbage only when it is told to."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left_by(batches):
    return sum(each() is not None for batch in batches for each in batch)


def test_a_stage_drops_what_its_batches_left(by_hand):
    bus = MemoryBus()
    bus.admin().create([Topic("in", 1)])
    bus.producer().publish([Outgoing("in", b"k", b"v") for _ in range(BATCHES)])
    made, most = [], 0

    def leave_cycles(messages):
        nonlocal most
        made.append([weakref.ref(Cycle()) for _ in range(memory.MANY // 2)])
        most = max(most, left_by(made))
        return []

    stop = threading.Event()
    consumer = bus.consumer("in", "group")
    stage = loop.Stage(
        "stage",
        consumer,
        bus.producer(),
        leave_cycles,
        1,
        idle=lambda: None if bus.admin().progress("in", "group").lag else stop.set(),
    )
    loop.run(stage, stop)
    assert len(made) == BATCHES
    assert most <= 2 * memory.MANY


def test_little_is_left_alone(by_hand):
    cycle = weakref.ref(Cycle())
    memory.tidy()
    assert cycle() is not None


def test_what_there_is_at_the_start_is_never_looked_through(by_hand):
    before = gc.get_threshold()
    kept = [[] for _ in range(10)]
    try:
        memory.keep(memory.STAGE)
        young = [each for generation in range(3) for each in gc.get_objects(generation)]
        assert not any(each is one for each in young for one in kept)
        assert gc.get_threshold() == memory.STAGE
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
