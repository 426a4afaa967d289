import threading

import pytest

from quadrupel.core.errors import Unavailable
from quadrupel.core.ports import Progress
from quadrupel.stages.precedence import Precedence


class Machine:
    """A stop that moves the clock when it is waited for, and a lane that events come into."""

    def __init__(self, each_second=0, followed=0, lag=0):
        self.now = 0.0
        self.each_second = each_second
        self.followed = followed
        self.committed = 0
        self.first = lag
        self.keeps = 0
        self.asked = 0
        self.stops = False

    def clock(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds
        self.committed = min(self.end, self.committed + int(self.followed * seconds))

    def is_set(self):
        return self.stops

    def keep_alive(self):
        self.keeps += 1

    @property
    def end(self):
        return self.first + int(self.each_second * self.now)

    def progress(self):
        self.asked += 1
        return Progress(self.end, self.committed, 1)

    def precedence(self):
        return Precedence({"ingest": self.progress}, self, self.clock)

    def work(self, seconds, lag=None):
        """A page that took so long, after which the lane is `lag` behind."""
        self.now += seconds
        self.committed = self.end if lag is None else self.end - lag


def test_a_run_waits_for_nothing_while_events_are_followed():
    machine = Machine()
    precedence = machine.precedence()
    machine.work(1)
    precedence.give_way(machine.keep_alive)
    assert (machine.now, machine.keeps, machine.asked) == (1, 0, 1)


def test_a_run_waits_until_ingest_has_caught_up():
    machine = Machine(followed=1_000)
    precedence = machine.precedence()
    machine.first = 1_000
    machine.work(1, lag=1_000)
    precedence.give_way(machine.keep_alive)
    assert machine.now == pytest.approx(1.8)
    assert machine.end - machine.committed <= 200
    assert machine.keeps == 8


def test_a_backlog_lets_a_run_have_a_fifth_of_the_time():
    machine = Machine(lag=2_000_000)
    precedence = machine.precedence()
    worked = 0.0
    for _ in range(20):
        machine.now += 0.5
        worked += 0.5
        precedence.give_way(machine.keep_alive)
    assert machine.now == pytest.approx(5 * worked, rel=0.05)


def test_a_run_that_had_nothing_to_do_for_hours_waits_for_ten_seconds_at_most():
    machine = Machine(lag=2_000_000)
    precedence = machine.precedence()
    machine.now = 7_200
    precedence.give_way(machine.keep_alive)
    assert machine.now == pytest.approx(7_210, abs=0.2)


def test_where_more_comes_in_more_may_be_on_its_way():
    machine = Machine(each_second=2_000, followed=2_000)
    precedence = machine.precedence()
    for lag in (0, 900):
        machine.work(1, lag=lag)
        precedence.give_way(machine.keep_alive)
    assert machine.keeps == 0
    machine.work(1, lag=1_100)
    precedence.give_way(machine.keep_alive)
    assert machine.keeps > 0


def test_a_run_that_is_asked_to_stop_does_not_wait():
    machine = Machine(lag=2_000_000)
    precedence = machine.precedence()
    machine.work(1, lag=1_000)
    machine.stops = True
    precedence.give_way(machine.keep_alive)
    assert machine.keeps == 0


def test_a_bus_that_does_not_answer_holds_no_run_up():
    def away():
        raise Unavailable("the bus is away")

    precedence = Precedence({"ingest": away}, threading.Event())
    precedence.give_way(pytest.fail)
