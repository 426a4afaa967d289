import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest

from quadrupel.api import inbox as module
from quadrupel.api.inbox import Inbox
from quadrupel.core.errors import BusUnavailable
from quadrupel.core.ports import Outgoing
from quadrupel.core.positions import Position


class GatedProducer:
    """A producer that writes only while its gate is open, and remembers each write."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.writes: list[list[bytes]] = []
        self.fail: Exception | None = None
        self.closed = False

    def publish(self, messages: Sequence[Outgoing]) -> None:
        self.publish_and_locate(messages)

    def publish_and_locate(self, messages: Sequence[Outgoing]) -> list[Position]:
        self.gate.wait(10)
        if self.fail is not None:
            raise self.fail
        self.writes.append([message.value for message in messages])
        return [Position(len(self.writes), number) for number in range(len(messages))]

    def close(self) -> None:
        self.closed = True


def message(text: str) -> Outgoing:
    return Outgoing("t", b"u1", text.encode())


def play(story: Callable[[Inbox, GatedProducer], Awaitable[None]], seconds: float = 5.0) -> None:
    """Run the story with an inbox, and see that its producer is closed afterwards."""

    async def run() -> GatedProducer:
        producer = GatedProducer()
        inbox = Inbox(lambda: producer, seconds=seconds)
        async with inbox.running():
            await story(inbox, producer)
        return producer

    producer = asyncio.run(run())
    assert producer.closed or not producer.writes


def test_requests_that_wait_together_are_written_together() -> None:
    async def story(inbox: Inbox, producer: GatedProducer) -> None:
        producer.gate.clear()
        first = asyncio.ensure_future(inbox.accept([message("0")]))
        await asyncio.sleep(0.05)
        others = [asyncio.ensure_future(inbox.accept([message(str(n))])) for n in range(1, 50)]
        await asyncio.sleep(0.05)
        assert not first.done()
        producer.gate.set()
        await asyncio.gather(first, *others)
        assert [len(write) for write in producer.writes] == [1, 49]
        assert [int(value) for write in producer.writes for value in write] == list(range(50))

    play(story)


def test_one_write_has_a_limited_size_and_a_request_stays_whole() -> None:
    async def story(inbox: Inbox, producer: GatedProducer) -> None:
        producer.gate.clear()
        waiting = [asyncio.ensure_future(inbox.accept([message("x")] * 2_000)) for _ in range(6)]
        await asyncio.sleep(0.05)
        producer.gate.set()
        await asyncio.gather(*waiting)
        sizes = [len(write) for write in producer.writes]
        assert sum(sizes) == 12_000
        assert max(sizes) <= module.BATCH

    play(story)


def test_each_request_is_told_where_its_own_messages_are() -> None:
    async def story(inbox: Inbox, producer: GatedProducer) -> None:
        producer.gate.clear()
        first = asyncio.ensure_future(inbox.accept([message("0")]))
        await asyncio.sleep(0.05)
        given_up, *others = (
            asyncio.ensure_future(inbox.accept([message("x")] * size)) for size in (5, 2, 3)
        )
        await asyncio.sleep(0.05)
        given_up.cancel()
        producer.gate.set()
        assert await first == [Position(1, 0)]
        assert await others[0] == [Position(2, 0), Position(2, 1)]
        assert await others[1] == [Position(2, number) for number in (2, 3, 4)]

    play(story)


def test_who_comes_while_a_write_is_stuck_is_refused_at_once(monkeypatch) -> None:
    monkeypatch.setattr(module, "STUCK_SECONDS", 0.2)

    async def story(inbox: Inbox, producer: GatedProducer) -> None:
        producer.gate.clear()
        first = asyncio.ensure_future(inbox.accept([message("first")]))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(inbox.accept([message("in time")]))
        await asyncio.sleep(0.3)
        for _ in range(20):
            begun = asyncio.get_running_loop().time()
            with pytest.raises(BusUnavailable):
                await inbox.accept([message("late")])
            assert asyncio.get_running_loop().time() - begun < 0.1
        producer.gate.set()
        await asyncio.gather(first, second)
        await inbox.accept([message("after")])
        assert producer.writes == [[b"first"], [b"in time"], [b"after"]]

    play(story)


def test_a_failure_is_told_to_every_request_of_the_write_and_the_next_one_is_tried() -> None:
    async def story(inbox: Inbox, producer: GatedProducer) -> None:
        producer.fail = BusUnavailable("away")
        results = await asyncio.gather(
            *(inbox.accept([message("a")]) for _ in range(5)), return_exceptions=True
        )
        assert all(isinstance(result, BusUnavailable) for result in results)
        producer.fail = RuntimeError("broken")
        with pytest.raises(RuntimeError):
            await inbox.accept([message("b")])
        producer.fail = None
        await inbox.accept([message("c")])
        assert producer.writes == [[b"c"]]

    play(story)


def test_a_bus_that_hangs_is_unavailable_in_time() -> None:
    async def story(inbox: Inbox, producer: GatedProducer) -> None:
        producer.gate.clear()
        with pytest.raises(BusUnavailable, match="within"):
            await inbox.accept([message("written late")])
        with pytest.raises(BusUnavailable, match="within"):
            await inbox.accept([message("given up")])
        producer.gate.set()
        await inbox.accept([message("good")])
        assert producer.writes == [[b"written late"], [b"good"]]

    play(story, seconds=0.1)


def test_too_many_waiting_events_are_refused_at_once() -> None:
    async def story(inbox: Inbox, producer: GatedProducer) -> None:
        producer.gate.clear()
        first = asyncio.ensure_future(inbox.accept([message("first")]))
        await asyncio.sleep(0.05)
        full = asyncio.ensure_future(inbox.accept([message("x")] * module.MAX_WAITING))
        await asyncio.sleep(0)
        with pytest.raises(BusUnavailable, match="wait"):
            await inbox.accept([message("one more")])
        producer.gate.set()
        await asyncio.gather(first, full)

    play(story)


def test_a_producer_that_cannot_be_opened_is_tried_again() -> None:
    async def run() -> None:
        producer = GatedProducer()
        failures = [BusUnavailable("away")]

        def open_producer() -> GatedProducer:
            if failures:
                raise failures.pop()
            return producer

        inbox = Inbox(open_producer)
        async with inbox.running():
            with pytest.raises(BusUnavailable):
                await inbox.accept([message("a")])
            await inbox.accept([message("b")])
        assert producer.closed

    asyncio.run(run())
