import threading
from itertools import count

import pytest

from quadrupel.core.ports import Progress
from quadrupel.stages.pace import Pace


class Publish:
    """What waits for publish: it saves `each` verdicts between two questions."""

    def __init__(self, each):
        self.each = each
        self.waiting = 0
        self.saved = 0
        self.asked = 0
        self.longest = 0

    def take(self, count):
        self.waiting += count
        self.longest = max(self.longest, self.waiting)

    def progress(self):
        self.asked += 1
        saved = min(self.waiting, self.each)
        self.saved += saved
        self.waiting -= saved
        return Progress(self.saved + self.waiting, self.saved, 1)


@pytest.fixture
def stop():
    return threading.Event()


def hand_over(pace, publish, pages, size, alive=lambda: None):
    for _ in range(pages):
        pace.await_turn(size, alive)
        publish.take(size)


def test_a_run_stays_close_behind_a_slow_publish(stop):
    publish, alive = Publish(each=100), []
    pace = Pace(publish.progress, stop, behind=500)
    hand_over(pace, publish, pages=10, size=200, alive=lambda: alive.append(1))
    assert publish.longest <= 500
    assert len(alive) > 5


def test_a_run_does_not_wait_for_a_publish_that_follows(stop):
    publish, alive = Publish(each=10_000), []
    pace = Pace(publish.progress, stop, behind=500)
    hand_over(pace, publish, pages=100, size=100, alive=lambda: alive.append(1))
    assert alive == []
    assert publish.asked == 20


def test_more_at_once_than_may_wait_follows_when_nothing_waits(stop):
    publish = Publish(each=10_000)
    hand_over(Pace(publish.progress, stop, behind=500), publish, pages=3, size=2_000)
    assert publish.longest == 2_000


def test_a_run_that_is_asked_to_stop_waits_no_more(stop):
    publish = Publish(each=0)
    publish.take(1_000)
    stop.set()
    Pace(publish.progress, stop, behind=500).await_turn(100, lambda: None)
    assert publish.asked == 0


def seconds(step):
    """A clock that moves on whenever it is looked at."""
    return count(step=step).__next__


def test_a_run_may_be_further_ahead_of_a_fast_publish_by_what_it_saves_in_half_a_second(stop):
    publish = Publish(each=4_000)
    pace = Pace(publish.progress, stop, behind=2_000, clock=seconds(0.25))
    hand_over(pace, publish, pages=4_000, size=100)
    assert 4_000 < publish.longest <= 8_000


def test_a_run_comes_close_again_when_publish_becomes_slow(stop):
    publish = Publish(each=4_000)
    pace = Pace(publish.progress, stop, behind=2_000, clock=seconds(0.5))
    hand_over(pace, publish, pages=1_000, size=100)
    publish.each = 100
    hand_over(pace, publish, pages=100, size=100)
    publish.longest = 0
    hand_over(pace, publish, pages=50, size=100)
    assert publish.longest <= 2_000
