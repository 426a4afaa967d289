"""A stage waits for what is away when it starts, and ends at once where it is asked to."""

import threading
import time

import pytest
import structlog

from quadrupel.core.errors import BusUnavailable, DatabaseUnavailable, SettingRefused
from quadrupel.stages.starting import Stopped, once_there

AWAY = DatabaseUnavailable("connection refused")


def outcomes(*all_of_them):
    """Raises or gives one after the other."""
    left = iter(all_of_them)

    def look():
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return look


def reasons(look, stop=None):
    """The warnings of a start."""
    with structlog.testing.capture_logs() as lines:
        assert once_there(look, stop or threading.Event(), lambda _: 0.0) == "there"
    return [line["reason"] for line in lines if line["log_level"] == "warning"]


def test_what_is_there_is_found_without_a_word():
    with structlog.testing.capture_logs() as lines:
        assert once_there(lambda: "there", threading.Event()) == "there"
    assert lines == []


def test_what_is_away_is_said_once_and_every_other_reason_too():
    loading = DatabaseUnavailable("the database system is starting up")
    bus = BusUnavailable("no broker")
    look = outcomes(AWAY, AWAY, AWAY, loading, loading, bus, bus, "there")
    assert reasons(look) == [str(AWAY), str(loading), str(bus)]


def test_the_pauses_are_those_of_a_stage_that_has_begun():
    failures = []
    look = outcomes(AWAY, AWAY, AWAY, "there")
    once_there(look, threading.Event(), lambda count: failures.append(count) or 0.0)
    assert failures == [1, 2, 3]


def test_a_refused_login_is_not_waited_for():
    refused = DatabaseUnavailable("no such password", login_refused=True)
    with pytest.raises(SettingRefused, match="no such password"):
        once_there(outcomes(AWAY, refused), threading.Event(), lambda _: 0.0)


def test_what_is_wrong_is_raised_as_it_is():
    with pytest.raises(SettingRefused, match="older"):
        once_there(outcomes(AWAY, SettingRefused("older")), threading.Event(), lambda _: 0.0)


def stopped_within(seconds, look):
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        once_there(look, stop, lambda _: 60.0)
    assert time.monotonic() - began < seconds


def test_a_stop_ends_the_pause():
    stopped_within(5, outcomes(AWAY))


def test_a_stop_is_heard_while_nothing_answers():
    answer = threading.Event()
    try:
        stopped_within(5, answer.wait)
    finally:
        answer.set()
