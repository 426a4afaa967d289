import subprocess
import sys
import time

import pytest

LEAVE = """
import ctypes, time
from quadrupel import standstill
from quadrupel.bus.kafka_client import Cluster
from quadrupel.bus.kafka_member import Listener, Member, Timeouts

standstill.STANDSTILL_SECONDS, standstill.LOOK_SECONDS = 1.2, 0.2
stop_python = ctypes.PyDLL(None).sleep  # it keeps the lock of the interpreter
listener = Listener(lambda *_: None, lambda *_: None)

class Client:
    def close(self):
        {close}

member = Member(Cluster("127.0.0.1:9", 1.0), "topic", "group", Timeouts(6.0, 6.0), listener)
member._client = Client()
{leave}
{then}
print("goes on")
"""

NO_THREADS = """
import itertools, threading
right, number = threading.Thread.start, itertools.count()

def start(thread):
    if next(number) >= {started}:
        raise RuntimeError("can't start new thread")
    right(thread)

threading.Thread.start = start
try:
    {leave}
except RuntimeError as error:
    print(error)
"""

LEAVING = ("member.close(0.1)", "member.give_up()")


def leave(close: str, leave: str, then: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a process whose client closes, and leaves, like that."""
    script = LEAVE.format(close=close, leave=leave, then=then)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("how", LEAVING)
def test_a_client_that_stops_python_as_it_closes_ends_the_process(how):
    began = time.monotonic()
    done = leave("stop_python(50)", how, "time.sleep(50)")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Timeout (0:00:01.200000)!" in done.stderr
    assert "in _close" in done.stderr  # who looks for the reason is told where it was
    assert time.monotonic() - began < 40


@pytest.mark.parametrize("how", LEAVING)
def test_one_that_closes_for_ever_and_lets_others_work_is_left_alone(how):
    done = leave("time.sleep(50)", how, "time.sleep(3)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


@pytest.mark.parametrize("how", LEAVING)
def test_nobody_is_watched_after_a_client_has_closed(how):
    done = leave("pass", how, "time.sleep(0.8); stop_python(3)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


@pytest.mark.parametrize("started", [0, 1])
def test_where_no_thread_can_be_started_the_process_is_left_alone(started):
    tried = NO_THREADS.format(started=started, leave=LEAVING[0])
    done = leave("pass", tried, "stop_python(3)")
    assert (done.returncode, done.stdout) == (0, "can't start new thread\ngoes on\n")
    assert done.stderr == ""
