"""How fast recorded messages are handed over: `make bench-send`, `ARGS="--messages 5000"`.

`--messages` e-mails of one rule, each to a user of its own, are recorded and wait in the topic.
`--workers` `quadrupel send` processes start, render them, hand them to an SMTP server in a process
of its own, which takes everything and keeps nothing but whom it was for, and record each as sent.
The clock runs from the first to the last tenth of the messages that are recorded as sent, so that
neither the start nor the last incomplete batch counts. Afterwards every message must be recorded as
sent, and the server must have been given each once.

The anchor hands over the same e-mails, composed beforehand, to the same server by plain aiosmtplib,
from one process over as many connections as one `send` has, and records nothing.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import aiosmtplib
import psycopg
from rich.console import Console
from rich.table import Table
from stand import CpuClock, Stand, stand, wait_until

from quadrupel import bootstrap
from quadrupel.bus import message_codec
from quadrupel.channels.email import read_address, read_sender
from quadrupel.channels.mime import compose
from quadrupel.core.contacts import EMAIL, Contact
from quadrupel.core.messages import Message, MessageKey
from quadrupel.store import contacts, messages
from quadrupel.store.database import transaction

GOAL = 1_000
TEMPLATE = "driving_licence_expiring"
VALUES = {"driving_licence_expires": "2026-12-20"}
CONNECTIONS = 20
"""As many as the e-mail channel of one process has."""
ANSWERS = {
    b"EHLO": b"250-localhost\r\n250-SIZE 10000000\r\n250 SMTPUTF8\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
"""What the sink says to commands; to every other: 250 ok."""


@dataclass(frozen=True)
class Measured:
    """Messages a second, and the CPU seconds of everybody meanwhile."""

    rate: float
    cpu: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--anchor-messages", type=int, default=20_000)
    arguments = parser.parse_args()
    with stand() as parts:
        prepare(parts, arguments.messages)
        with Sink() as sink:
            ours = send(parts, sink, arguments)
            taken = sink.taken()
        assert taken == (arguments.messages, arguments.messages), f"mails, recipients: {taken}"
        with Sink() as sink:
            plain = hand_over(parts, sink, min(arguments.anchor_messages, arguments.messages))
    report(arguments.messages, ours, plain)


class Sink:
    """An SMTP server in a process of its own, for as long as a block."""

    def __enter__(self) -> "Sink":
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def taken(self) -> tuple[int, int]:
        """How many mails it was given, and to how many different recipients."""
        self._pipe.send("taken")
        mails, recipients = self._pipe.recv()
        return mails, recipients


def serve(pipe: Connection) -> None:
    """Be the sink until the process is ended."""

    async def listen() -> None:
        loop, recipients = asyncio.get_running_loop(), list[bytes]()
        server = await loop.create_server(lambda: Session(recipients), "127.0.0.1", 0)

        def answer() -> None:
            pipe.recv()
            pipe.send((len(recipients), len(set(recipients))))

        loop.add_reader(pipe.fileno(), answer)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with contextlib.suppress(EOFError):
        asyncio.run(listen())


class Session(asyncio.Protocol):
    """As little of SMTP (RFC 5321) as a client that makes no mistakes needs."""

    def __init__(self, recipients: list[bytes]) -> None:
        self._recipients, self._to = recipients, b""
        self._unread, self._contents = b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 ready\r\n")

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while True:
            end = b"\r\n.\r\n" if self._contents else b"\r\n"
            taken, found, rest = self._unread.partition(end)
            if not found:
                return
            self._unread = rest
            self._transport.write(self._answer(taken))

    def _answer(self, taken: bytes) -> bytes:
        if self._contents:
            self._contents = False
            self._recipients.append(self._to)
            return b"250 taken\r\n"
        command = taken[:4].upper()
        if command == b"RCPT":
            self._to = taken
        self._contents = command == b"DATA"
        return ANSWERS.get(command, b"250 ok\r\n")


def prepare(parts: Stand, count: int) -> None:
    """Contacts of so many users, a recorded message to each, and its key in the topic."""
    now = datetime.now(UTC)
    with (
        bootstrap.open_engine(parts.settings) as engine,
        contextlib.closing(bootstrap.open_bus(parts.settings)) as bus,
        contextlib.closing(bus.producer()) as producer,
    ):
        for numbers in chunks(range(count), 5_000):
            users = [f"p{number:07}" for number in numbers]
            reached = [Contact(user, address(user), "en", {EMAIL: True}) for user in users]
            given = [Message(key_of(user), TEMPLATE, VALUES) for user in users]
            with transaction(engine) as connection:
                contacts.save(connection, reached, now)
                keys = messages.record(connection, given, now)
            producer.publish([message_codec.outgoing(key) for key in keys])
    with psycopg.connect(parts.settings.database, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) messages, contacts")


def chunks(numbers: range, size: int) -> Iterator[range]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def address(user: str) -> str:
    return f"{user}@example.org"


def key_of(user: str) -> MessageKey:
    return MessageKey(user, f"rule:{TEMPLATE}", "2026-12-20", EMAIL)


def send(parts: Stand, sink: Sink, arguments: argparse.Namespace) -> Measured:
    """Let send work through the topic."""
    commands = [["send"]] * arguments.workers
    url = f"smtp://127.0.0.1:{sink.port}"
    with parts.running(*commands, QUADRUPEL_SMTP_URL=url) as pids:
        names = {"send": pids, "postgres": parts.postgres_pids(), "sink": [sink.pid]}
        assert parts.broker_pid is not None
        cpu = CpuClock({**names, "broker": [parts.broker_pid]})
        rate = watch(parts, arguments.messages)
        return Measured(rate, cpu.seconds())


def watch(parts: Stand, size: int) -> float:
    """Messages a second between the first and the last tenth that are recorded as sent."""
    marks: list[tuple[float, int]] = []
    query = "SELECT count(*) FROM messages WHERE state = 'sent'"
    with psycopg.connect(parts.settings.database, autocommit=True) as connection:

        def recorded() -> int:
            time.sleep(0.2)
            [[count]] = connection.execute(query).fetchall()
            marks.append((time.perf_counter(), count))
            return int(count)

        wait_until(lambda: recorded() == size, 900, "not every message was recorded as sent")
    inside = [mark for mark in marks if 0.1 * size <= mark[1] <= 0.9 * size]
    (start, low), (end, high) = inside[0], inside[-1]
    return (high - low) / (end - start)


def hand_over(parts: Stand, sink: Sink, count: int) -> float:
    """Mails a second by plain aiosmtplib, of as many that are composed already."""
    sender = read_sender(parts.settings.mail_from)
    rendered = bootstrap.load_templates(parts.settings).render(TEMPLATE, "en", VALUES)
    now = datetime.now(UTC)
    mails = []
    for number in range(count):
        user = f"p{number:07}"
        to = read_address(address(user))
        mails.append((to.normalized, compose(sender, to, rendered, key_of(user), now)))
    started = time.perf_counter()
    asyncio.run(hand_over_all(sender.addr_spec, mails, sink.port))
    return count / (time.perf_counter() - started)


async def hand_over_all(sender: str, mails: Sequence[tuple[str, bytes]], port: int) -> None:
    waiting = iter(mails)

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for recipient, contents in waiting:
                await client.sendmail(sender, [recipient], contents)

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


def report(count: int, ours: Measured, plain: float) -> None:
    table = Table("figure", "value", title=f"{count:,} e-mails")
    table.add_row("send, each recorded", f"{ours.rate:,.0f} messages/s")
    table.add_row("plain aiosmtplib, nothing recorded", f"{plain:,.0f} messages/s")
    table.add_row("ratio", f"{ours.rate / plain:.2f}")
    for name, seconds in ours.cpu.items():
        table.add_row(f"CPU of {name}", f"{seconds / count * 1e3:.2f} ms a message")
    Console(width=100).print(table)
    figures: list[dict[str, object]] = [
        {
            "name": "send",
            "value": round(ours.rate),
            "unit": "messages/s",
            "anchor": "plain aiosmtplib, nothing recorded",
            "anchor_value": round(plain),
            "ratio": round(ours.rate / plain, 2),
            "goal": f"value >= {GOAL}",
            "met": ours.rate >= GOAL,
        },
        *(
            {
                "name": f"cpu_{name}",
                "value": round(seconds / count * 1e3, 2),
                "unit": "ms/message",
            }
            for name, seconds in ours.cpu.items()
        ),
    ]
    print(json.dumps({"bench": "send", "figures": figures}))


if __name__ == "__main__":
    main()
