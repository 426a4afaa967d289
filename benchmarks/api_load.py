"""The load of `bench_api`, a process of its own: reads of banners over connections kept alive.

One loop over plain sockets, one request at a time on each, so that the load takes as little of the
shared machine as it can. Citizens come in visits: of those who are there, a random one reads next;
after some reads the citizen has gone, and the next one is there with a token of another user.

Closed loop: each connection asks again as soon as it is answered. Open loop (`--rate`): requests
are due at random moments, whatever the answers; what is late counts from when it was due. It looks
at the clock and at its sockets every `TICK`: to wake up for each request and each answer would take
the processors from those who answer. What waits for the next look counts as late too.
Prints one JSON object.
"""

import argparse
import json
import random
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

TICK = 0.002
"""Seconds between two looks of an open loop; each answer seems to take up to twice that longer."""

_LENGTH = b"content-length: "


class Visits:
    """Whose read is next, and what that browser sends."""

    def __init__(self, tokens: list[bytes], first: int, there: int, reads: int) -> None:
        self._tokens = tokens
        self._next = first
        self._reads = reads
        self._chance = random.Random(first)
        self._there = [self._come() for _ in range(there)]
        self.tags: dict[int, bytes] = {}

    @property
    def came(self) -> int:
        return self._next

    def read(self) -> int:
        place = self._chance.randrange(len(self._there))
        citizen = self._there[place]
        citizen[1] -= 1
        if not citizen[1]:
            self._there[place] = self._come()
        return citizen[0] % len(self._tokens)

    def request(self, citizen: int) -> bytes:
        tag = self.tags.get(citizen)
        return (
            b"GET /v1/me/banners HTTP/1.1\r\nHost: api\r\nAccept-Language: ru,en;q=0.5\r\n"
            b"Authorization: Bearer "
            + self._tokens[citizen]
            + (b"\r\nIf-None-Match: " + tag if tag else b"")
            + b"\r\n\r\n"
        )

    def _come(self) -> list[int]:
        self._next += 1
        # Those who are there at the beginning are in the middle of their visits.
        left = self._reads if hasattr(self, "_there") else self._chance.randint(1, self._reads)
        return [self._next - 1, left]


class Connection:
    """One connection: the request under way on it, and what has come of the answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.citizen = 0
        self.since = 0.0
        self._come = b""

    def ask(self, visits: Visits, since: float) -> None:
        self.citizen = visits.read()
        self.since = since
        self.socket.send(visits.request(self.citizen))

    def answer(self) -> bytes | None:
        """The whole answer, if it has come."""
        self._come += self.socket.recv(65_536)
        head, blank, body = self._come.partition(b"\r\n\r\n")
        if not blank:
            return None
        _, found, after = head.partition(_LENGTH)
        if found and len(body) < int(after.partition(b"\r")[0]):
            return None
        whole, self._come = self._come, b""
        return whole


class Load:
    """What the answers were, and how long they took."""

    def __init__(self, arguments: argparse.Namespace, visits: Visits) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[str] = Counter()
        self._visits = visits
        self._keeps_tags = arguments.revalidate
        self._poll = select.epoll()
        self._open = [Connection(arguments.port) for _ in range(arguments.connections)]
        self._by_number = {each.socket.fileno(): each for each in self._open}
        for number in self._by_number:
            self._poll.register(number, select.EPOLLIN)

    def closed(self, seconds: float) -> None:
        for connection in self._open:
            connection.ask(self._visits, time.perf_counter())
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            for connection in self._answered(1.0):
                connection.ask(self._visits, now)

    def open(self, seconds: float, rate: float) -> None:
        chance = random.Random(7)
        free, due = list(self._open), deque[float]()
        began = time.perf_counter()
        moments = self._moments(began, seconds, rate, chance)
        upcoming = next(moments)
        while upcoming < float("inf") or due or len(free) < len(self._open):
            time.sleep(TICK)
            free += self._answered(0.0)
            now = time.perf_counter()
            while upcoming <= now:
                due.append(upcoming)
                upcoming = next(moments)
            while free and due:
                free.pop().ask(self._visits, due.popleft())

    @staticmethod
    def _moments(
        began: float, seconds: float, rate: float, chance: random.Random
    ) -> Iterator[float]:
        moment = began
        while moment < began + seconds:
            yield moment
            moment += chance.expovariate(rate)
        while True:
            yield float("inf")

    def _answered(self, timeout: float) -> list[Connection]:
        answered = []
        for number, _ in self._poll.poll(timeout):
            connection = self._by_number[number]
            answer = connection.answer()
            if answer is not None:
                self._note(connection, answer)
                answered.append(connection)
        return answered

    def _note(self, connection: Connection, answer: bytes) -> None:
        self.seconds.append(time.perf_counter() - connection.since)
        self.statuses[answer[9:12].decode()] += 1
        if self._keeps_tags and answer[9:12] == b"200":
            tag = answer.partition(b"etag: ")[2].partition(b"\r")[0]
            self._visits.tags[connection.citizen] = tag


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--first", type=int, default=0, help="the first token to use")
    parser.add_argument("--there", type=int, default=1_000, help="citizens who are there")
    parser.add_argument("--reads-per-visit", type=int, default=10)
    parser.add_argument("--warm-up", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="requests a second, of an open loop")
    parser.add_argument("--revalidate", action="store_true", help="ask with If-None-Match")
    arguments = parser.parse_args()
    tokens = arguments.tokens.read_bytes().split()
    visits = Visits(tokens, arguments.first, arguments.there, arguments.reads_per_visit)
    if arguments.rate:
        Load(arguments, visits).open(arguments.warm_up, arguments.rate)
    else:
        Load(arguments, visits).closed(arguments.warm_up)
    load, began = Load(arguments, visits), time.perf_counter()
    if arguments.rate:
        load.open(arguments.seconds, arguments.rate)
    else:
        load.closed(arguments.seconds)
    took = time.perf_counter() - began
    json.dump(
        {
            "rate": len(load.seconds) / took,
            "milliseconds": sorted(round(each * 1000, 2) for each in load.seconds),
            "statuses": load.statuses,
            "next": visits.came,
            "cpu": time.process_time(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
