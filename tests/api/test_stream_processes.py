"""Streams of real processes: of several at once, of one that stops, and 5,000 in one."""

import contextlib
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .front_end import PATH, reading
from .processes import Processes, ready, until

SOON = 18.0
"""Seconds in which a process ends with its streams. It takes one or two, unless it waits for a
stream: then it is killed after 20."""


@pytest.fixture
def processes(database_url: str, tmp_path: Path) -> Iterator[Processes]:
    with ready(database_url, tmp_path) as made:
        yield made


def test_what_is_published_is_shown_by_every_process_although_its_line_is_cut(
    processes: Processes,
) -> None:
    processes.start("publish")
    with (
        processes.api() as (_, one),
        processes.api() as (_, other),
        reading(one, processes.bearer("citizen")) as first,
        reading(other, processes.bearer("citizen")) as second,
    ):
        assert first.next() == second.next()
        for version, cut in enumerate(("", "", "before", "when", "about when"), start=1):
            until(lambda: processes.listening() == 2)
            if cut == "before":
                assert processes.cut() == 2
            processes.publish("citizen", version)
            if cut.endswith("when"):  # it is told
                time.sleep(0.005 if cut.startswith("about") else 0.0)
                assert processes.cut() == 2
            assert first.next().data["version"] == second.next().data["version"] == version


def test_a_process_that_is_stopped_ends_its_streams_and_another_goes_on_with_them(
    processes: Processes,
) -> None:
    with processes.api("--workers", "2") as (stopping, one), processes.api() as (_, other):
        with contextlib.ExitStack() as stack:
            users = [processes.bearer(f"citizen{number}") for number in range(20)]
            streams = [stack.enter_context(reading(one, each)) for each in users]
            shown = [each.next() for each in streams]
            began = time.monotonic()
            stopping.send_signal(signal.SIGTERM)
            ends = [each.next() for each in streams]
            assert {each.name for each in ends} == {"end"}
            assert all(each.data == {"reason": "shutdown"} for each in ends)
            assert [each.id for each in ends] == [each.id for each in shown]
            assert [each.next() for each in streams] == [None] * 20
            assert stopping.wait(SOON) == 0
            assert time.monotonic() - began < SOON
            assert len({each.retry for each in streams}) > 10  # not all come back at once
        processes.start("publish")
        with reading(other, users[0], last=ends[0].id) as front_end:
            front_end.sign_of_life()
            processes.publish("citizen0", 1)
            assert front_end.next().data["version"] == 1


class Crowd:
    """Very many streams, each a socket."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()

    def join(self, tokens: list[dict[str, str]]) -> None:
        """Open a stream for each; returns when all were answered with a set."""
        for first in range(0, len(tokens), 100):
            self._join(tokens[first : first + 100])

    def _join(self, tokens: list[dict[str, str]]) -> None:
        for each in tokens:
            reader = socket.create_connection(("127.0.0.1", self._port), timeout=20)
            lines = f"GET {PATH} HTTP/1.1\r\nHost: api\r\nAuthorization: {each['authorization']}"
            reader.sendall(f"{lines}\r\n\r\n".encode())
            self._sockets.append(reader)
        for reader in self._sockets[-len(tokens) :]:
            came = b""
            while b"event: banners" not in came:
                more = reader.recv(4096)
                assert more, came
                came += more

    def alive(self) -> int:
        """How many had a sign of life since they were asked for the last time."""
        poll = select.poll()
        for each in self._sockets:
            poll.register(each, select.POLLIN)
        by_number = {each.fileno(): each for each in self._sockets}
        return sum(b":\n\n" in by_number[number].recv(4096) for number, _ in poll.poll(0))


@pytest.mark.slow
@pytest.mark.files
@pytest.mark.usefixtures("many_files")
def test_very_many_idle_streams_keep_the_memory_flat(
    processes: Processes, full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    many, seconds = (5_000, 30.0) if full else (1_500, 15.0)
    with processes.api() as (process, client), Crowd(client.base_url.port) as crowd:
        [worker, *_] = sorted(
            psutil.Process(process.pid).children(recursive=True),
            key=lambda each: -each.memory_info().rss,
        )

        def megabytes() -> float:
            return worker.memory_full_info().uss / 1e6

        tokens = [processes.bearer(f"citizen{number}") for number in range(many)]
        crowd.join(tokens[:500])
        few = megabytes()
        crowd.join(tokens[500:])
        crowd.alive()
        time.sleep(3)  # the last ones have just come, on a machine that may have much to do
        before = megabytes()
        time.sleep(seconds)
        between = megabytes()
        time.sleep(seconds)
        after = megabytes()
        each = (before - few) / (many - 500) * 1_000
        grown = (between - before, after - between)
        told = " and ".join(f"{growth:+.1f}" for growth in grown)
        figures = f"{many} streams: {each:.0f} MB for 1,000, {told} MB idle"
        with capsys.disabled():
            sys.stdout.write(f"\n{figures}\n")
        assert crowd.alive() == many
        assert each < 40
        assert min(grown) < 0.01 * before  # what is done once, and late, is no leak
        assert client.get("/livez").is_success
