"""The readers of streams in `bench_api`, a process of its own: each is a socket and a few words.

Opens `--streams` streams, one for each token from `--first` on, as fast as they are answered, and
prints `open`. Then it notes when events come, until its input ends, and prints one JSON object.
"""

import argparse
import json
import select
import socket
import sys
import time
from pathlib import Path

AT_ONCE = 100


class Readers:
    """The streams that are open, and what came on them."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[int, int, float]] = []
        self.comments = 0
        self.ended = 0
        self._port = port
        self._poll = select.epoll()
        self._open: dict[int, tuple[socket.socket, int]] = {}

    def open(self, tokens: list[bytes], first: int) -> None:
        """Open a stream for each token; returns when the first event of each came."""
        for place, token in enumerate(tokens):
            reader = socket.create_connection(("127.0.0.1", self._port))
            reader.sendall(
                b"GET /v1/me/banners/stream HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer "
                + token
                + b"\r\n\r\n"
            )
            reader.setblocking(False)
            self._open[reader.fileno()] = (reader, first + place)
            self._poll.register(reader, select.EPOLLIN)
        while len(self.seen) < len(tokens):
            self.read(1.0)
        self.seen.clear()

    def read(self, seconds: float) -> None:
        """Note what comes; returns when something came, or after so many seconds."""
        for number, _ in self._poll.poll(seconds):
            if number in self._open:
                self._note(*self._open[number])

    def _note(self, reader: socket.socket, citizen: int) -> None:
        now, came = time.monotonic(), reader.recv(65_536)
        if not came or b"event: end" in came:
            self.ended += 1
            self._poll.unregister(reader)
            return
        if b"\r\n\r\n" in came and not came.startswith(b"HTTP/1.1 200") and b" 200 " not in came:
            raise RuntimeError(f"a stream was answered {came[:300]!r}")
        self.comments += came.count(b"\n:\n") + came.count(b"\r\n:\n")
        for event in came.split(b"\nid: ")[1:]:
            self.seen.append((citizen, int(event.partition(b"-")[0]), now))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0, help="the first token to use")
    parser.add_argument("--streams", type=int, required=True)
    arguments = parser.parse_args()
    tokens = arguments.tokens.read_bytes().split()
    readers, end = Readers(arguments.port), arguments.first + arguments.streams
    for first in range(arguments.first, end, AT_ONCE):
        readers.open(tokens[first : min(first + AT_ONCE, end)], first)
    print("open", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        readers.read(0.2)
    said = {"seen": readers.seen, "comments": readers.comments, "ended": readers.ended}
    json.dump(said | {"cpu": time.process_time()}, sys.stdout)


if __name__ == "__main__":
    main()
