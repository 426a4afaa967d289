"""Sockets that share a port, of which one is closed while callers connect."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from quadrupel.api import listening

TO_BE_SEEN = 60


def listener(port: int = 0) -> socket.socket:
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(("127.0.0.1", port))
    own.listen(128)
    own.setblocking(False)
    return own


@pytest.fixture
def both() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that listen on one port."""
    with listener() as first, listener(first.getsockname()[1]) as second:
        yield first, second


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


class Server(threading.Thread):
    """Accepts from a socket until told, and says its name to each caller."""

    def __init__(self, own: socket.socket, name: bytes) -> None:
        super().__init__()
        self._own, self._name, self._end = own, name, threading.Event()
        self.start()

    def run(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._own, selectors.EVENT_READ)
            while not self._end.is_set():
                if ready.select(0.01):
                    with contextlib.suppress(BlockingIOError):
                        caller, _ = self._own.accept()
                        with caller:
                            caller.sendall(self._name)

    def end(self) -> None:
        self._end.set()
        self.join()


def test_listeners_and_connections_are_found_by_their_port(both) -> None:
    port = both[0].getsockname()[1]
    assert set(listening.listeners(port)) == {each.fileno() for each in both}
    assert listening.connections(port) == 0
    with contextlib.ExitStack() as stack:
        callers = [stack.enter_context(connect(port)) for _ in range(TO_BE_SEEN)]
        assert len(callers) == sum(listening.queue(each.fileno()) for each in both)
        for each in both:
            with contextlib.suppress(BlockingIOError):
                while True:
                    stack.enter_context(each.accept()[0])
        # The callers' own ends have other ports.
        assert listening.connections(port) == TO_BE_SEEN
        assert [listening.queue(each.fileno()) for each in both] == [0, 0]
    assert listening.listeners(1) == []


def test_what_waits_is_accepted_and_what_comes_later_goes_to_the_other(both) -> None:
    first, second = both
    port = first.getsockname()[1]
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connect(port)) for _ in range(TO_BE_SEEN)]
        assert listening.queue(first.fileno()) > 0
        listening.ignore_new(first.fileno())
        others = Server(second, b"second")
        stack.callback(others.end)
        late: list[bytes] = []

        def call() -> None:
            with connect(port) as caller:
                late.append(caller.recv(10))

        calling = [threading.Thread(target=call) for _ in range(TO_BE_SEEN)]
        for each in calling:
            each.start()
        own = Server(first, b"first")
        stack.callback(own.end)
        told = [each.recv(10) for each in waiting]
        assert set(told) == {b"first", b"second"}
        own.end()
        assert listening.queue(first.fileno()) == 0
        listening.let_go(first.fileno())
        for each in calling:
            each.join()
        assert late == [b"second"] * TO_BE_SEEN
        for _ in range(TO_BE_SEEN):
            with connect(port) as caller:
                assert caller.recv(10) == b"second"
        with pytest.raises(BlockingIOError):
            first.accept()


def test_a_connection_that_is_open_goes_on(both) -> None:
    first, second = both
    port = first.getsockname()[1]
    second.close()
    with connect(port) as caller:
        listening.ignore_new(first.fileno())
        accepted, _ = first.accept()
        with accepted:
            listening.let_go(first.fileno())
            caller.sendall(b"question")
            assert accepted.recv(10) == b"question"
            accepted.sendall(b"answer")
            assert caller.recv(10) == b"answer"
    with pytest.raises(ConnectionRefusedError):
        connect(port)
