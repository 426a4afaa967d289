"""The load of `bench_fresh`, in a process of its own: portal and browsers in one.

Standard input names the citizens, a line each: user id and token. An event of one after the other
is produced to Kafka, at a steady rate, and the citizen asks for the banners after it. What is
measured is the time from the moment before the event is produced until the answer that contains it
has been read. Standard output is one JSON document, see `Seen`.

The events of the first `--lead-in` seconds are played like all others and not counted: in them this
process itself comes up, opens hundreds of connections and makes its producer known to the broker.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from quadrupel import telemetry
from quadrupel.api.after import write_token
from quadrupel.bus import topics
from quadrupel.bus.event_codec import encode_event
from quadrupel.bus.kafka import KafkaBus
from quadrupel.core.events import Event
from quadrupel.core.ports import Outgoing, Producer

TICK = 0.01
WAIT_SECONDS = 10
AGAIN_SECONDS = 0.05
"""How soon a browser asks again that was told that there is no room to wait."""

RULE = b"driving_licence_expiring"

Citizen = tuple[str, str]


@dataclass
class Seen:
    """What became of the events.

    `seconds` of those that were contained in an answer, `failed` are the others, `shown` those
    whose answer had the banner that follows from the event. `again`: answers without it, after
    which the browser asked once more. `late`: the most seconds by which an
    event was produced after its time, because this process had no turn.
    """

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    again: int = 0
    shown: int = 0
    late: float = 0.0


class Browsers:
    """HTTP/1.1 over connections that are kept: just what the load needs of a client."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str, token: str) -> tuple[bytes, bytes]:
        """The head, in lower case, and the body of the answer."""
        head = f"GET {path} HTTP/1.1\r\nhost: portal\r\nauthorization: Bearer {token}\r\n\r\n"
        while self._idle:
            reader, writer = self._idle.pop()
            writer.write(head.encode())
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                return await self._answer(reader, writer)
            writer.close()  # the server had closed it, as it does when one was idle for long
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(head.encode())
        return await self._answer(reader, writer)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[bytes, bytes]:
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = answer.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]
        body = await reader.readexactly(int(length))
        self._idle.append((reader, writer))
        return answer, body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--api-port", type=int, required=True)
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--lead-in", type=int, required=True)
    arguments = parser.parse_args()
    telemetry.configure_logs("json", "warning")
    citizens: list[Citizen] = [(user, token) for user, token in map(str.split, sys.stdin)]
    browsers = Browsers(arguments.api_port)
    with closing(KafkaBus(arguments.kafka).producer()) as producer:
        seen = asyncio.run(play(citizens, arguments.rate, arguments.lead_in, producer, browsers))
    print(json.dumps(vars(seen)))


async def play(
    citizens: list[Citizen], rate: int, lead_in: int, producer: Producer, browsers: Browsers
) -> Seen:
    """Produce the events at their times, and follow each; what is seen after the lead-in."""
    lead, seen, followers = Seen(), Seen(), set()
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    began, done = loop.time(), 0
    while done < len(citizens):
        due = min(len(citizens), int((loop.time() - began) * rate) + 1)
        if due > done:
            part = citizens[done:due]
            of = lead if done < lead_in * rate else seen
            of.late = max(of.late, loop.time() - began - done / rate)
            task = loop.create_task(follow(part, producer, browsers, thread, of))
            followers.add(task)
            task.add_done_callback(followers.discard)
            done = due
        await asyncio.sleep(TICK)
    await asyncio.gather(*followers)
    seen.failed += lead.failed
    return seen


async def follow(
    part: list[Citizen],
    producer: Producer,
    browsers: Browsers,
    thread: ThreadPoolExecutor,
    seen: Seen,
) -> None:
    """Produce one event of each citizen, together, and ask until each is in the banners."""
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    events = [licence(user) for user, _ in part]
    positions = await loop.run_in_executor(thread, producer.publish_and_locate, events)

    async def ask(token: str, after: str | None) -> None:
        path = f"/v1/me/banners?placement=main&after={after}&wait={WAIT_SECONDS}"
        while time.perf_counter() - began < WAIT_SECONDS:
            head, body = await browsers.get(path, token)
            if b"contains-event: true" in head:
                seen.seconds.append(time.perf_counter() - began)
                seen.shown += RULE in body
                return
            seen.again += 1
            await asyncio.sleep(AGAIN_SECONDS)
        seen.failed += 1

    await asyncio.gather(
        *(
            ask(token, write_token({user: position}))
            for (user, token), position in zip(part, positions, strict=True)
        )
    )


def licence(user: str) -> Outgoing:
    """The registry says that the citizen's driving licence runs out in three weeks."""
    now, today = datetime.now(UTC), date.today()  # noqa: DTZ011 - the portal's day is the machine's
    data = {
        "kind": "driving_licence",
        "issued": str(today - timedelta(days=3_630)),
        "expires": str(today + timedelta(days=20)),
    }
    event = Event(f"fresh-{user}", "/fresh", "document.issued", user, now, data)
    return Outgoing(topics.EVENTS, user.encode(), encode_event(event))


if __name__ == "__main__":
    main()
