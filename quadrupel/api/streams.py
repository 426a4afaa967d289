"""Streams of banners: what the reader of each has, and what is sent to it next.

A stream costs a connection, a task that waits, and some words of memory. Nothing queues up for a
reader who is slow: of what it has not been sent, the newest set is kept.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec
import structlog
from starlette.types import Message, Receive, Send

from quadrupel.api.banner_answers import BannerReader, document
from quadrupel.api.turns import Turns
from quadrupel.core.errors import Overloaded, TooManyStreams
from quadrupel.store.banner_reads import BannerSet
from quadrupel.telemetry import (
    PUBLISH_TO_STREAM_SECONDS,
    STREAM_EVENTS,
    STREAMS,
    STREAMS_ENDED,
    STREAMS_REFUSED,
)

MAX_STREAMS = 6_000
"""How many streams a process has open. It has more connections than that, for other requests."""

MAX_OF_USER = 10
"""How many streams of one user a process has open."""

SEND_SECONDS = 10.0
"""After how long a stream ends whose reader takes nothing of what is sent."""

RETRY_MILLISECONDS = (1_000, 5_000)
"""How long readers are asked to wait until they connect again, each for another while."""

SAY_SECONDS = 10.0
"""How often the log says that streams are refused, at most."""

Reason: TypeAlias = Literal["expired", "shutdown", "gone", "slow"]

log = structlog.get_logger()

_encode = msgspec.json.Encoder().encode
_COMMENT = b":\n\n"


@dataclass(frozen=True, slots=True)
class View:
    """What a stream shows: a user's banners in a language, of one placement or client if given."""

    user_id: str
    placement: str | None
    language: str
    client: str | None = None


class Stream:
    """One open stream: what it was offered, what its reader has, and why it ends.

    `known` is the id of the last event that the reader has, empty if it has none. Belongs to one
    event loop.
    """

    __slots__ = (
        *("_beats", "_digest", "_found", "_reader", "_stored", "_told_at", "_woken"),
        *("ends", "is_open", "known", "view"),
    )

    def __init__(self, view: View, reader: BannerReader, known: str = "") -> None:
        self.view = view
        self.known = known
        self.is_open = True
        self.ends: Reason | None = None
        self._reader = reader
        self._stored, self._digest = -1, ""
        self._found: BannerSet | None = None
        self._told_at: float | None = None
        self._beats = True
        self._woken: asyncio.Future[None] | None = None

    def offer(self, found: BannerSet, told_at: float | None = None) -> bool:
        """Have the user's set sent, unless the reader has it or was offered a newer one.

        `told_at`: when publish told of it, in seconds since 1970, if it did. Returns whether it is
        newer than one that was offered before.
        """
        before, digest = self._stored, self._reader.texts().digest
        if found.stored < before:  # from a replica that is behind another
            return False
        if found.stored > before or digest != self._digest:
            self._stored, self._digest = found.stored, digest
            self._found, self._told_at = found, told_at
            self._wake()
        return 0 <= before < found.stored

    def beat(self) -> None:
        """Send a sign of life."""
        self._beats = True
        self._wake()

    def end(self, reason: Reason) -> None:
        """End it, after the event that says why, if there is still somebody to read it."""
        self.ends = self.ends or reason
        self._wake()

    async def play(
        self,
        receive: Receive,
        send: Send,
        holds: Callable[[], Awaitable[bool]],
        patience: float = SEND_SECONDS,
    ) -> None:
        """Send the body of the answer, for as long as the stream is to last.

        `holds` is asked now and again whether its token still does.
        """
        caller = _Caller(receive, lambda: self.end("gone"))
        chunk = b"retry: %d\n" % random.randint(*RETRY_MILLISECONDS)
        try:
            while True:
                if self._beats and not await holds():
                    self.end("expired")
                ends = self.ends
                if ends == "gone":
                    return
                chunk += self._next_chunk(ends)
                if chunk:
                    async with asyncio.timeout(patience):
                        await send(_part(chunk, more=ends is None))
                if ends is not None:
                    return
                chunk = b""
                await self._news()
        except TimeoutError:
            self.ends = "slow"
        finally:
            caller.leave()
            STREAMS_ENDED.labels(self.ends or "failed").inc()

    def _next_chunk(self, ends: Reason | None) -> bytes:
        """What is to be sent now; a comment as a sign of life if it is nothing else."""
        chunk = b""
        found, self._found = self._found, None
        if found is not None and ends != "expired":
            chunk = self._banners(found)
        if ends is not None:
            chunk += _event("end", self.known, _encode({"reason": ends}))
        elif self._beats and not chunk:
            chunk = _COMMENT
        self._beats = False
        return chunk

    def _banners(self, found: BannerSet) -> bytes:
        """The event that shows a set; nothing if the reader has it."""
        view, reader = self.view, self._reader
        texts, where = reader.texts(), (view.placement, view.client)
        shown = reader.shown(view.user_id, found, texts, view.language, *where)
        content = repr((view, shown)).encode()
        known = f"{found.version}-{hashlib.blake2b(content, digest_size=8).hexdigest()}"
        if known == self.known:
            return b""
        self.known = known
        if self._told_at is not None:
            PUBLISH_TO_STREAM_SECONDS.observe(max(0.0, time.time() - self._told_at))
        return _event("banners", known, _encode(document(found, shown)))

    async def _news(self) -> None:
        """Return when there is something to send, or the stream ends."""
        if not (self._beats or self._found or self.ends):
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
            self._woken = None

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


def _event(name: str, known: str, data: bytes) -> bytes:
    STREAM_EVENTS.labels(name).inc()
    identity = f"id: {known}\n" if known else ""
    return f"{identity}event: {name}\ndata: ".encode() + data + b"\n\n"


def _part(chunk: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


class _Caller:
    """Notices that the caller of a request has gone, and calls `gone`.

    By callbacks: what the server's `receive` gives is a future already, and needs no task.
    """

    def __init__(self, receive: Receive, gone: Callable[[], None]) -> None:
        self._receive = receive
        self._gone = gone
        self._message = self._ask()

    def leave(self) -> None:
        """Look no more."""
        self._message.cancel()

    def _ask(self) -> asyncio.Future[Message]:
        message = asyncio.ensure_future(self._receive())
        message.add_done_callback(self._told)
        return message

    def _told(self, message: asyncio.Future[Message]) -> None:
        if message.cancelled():
            return
        if message.exception() is None and message.result()["type"] == "http.request":
            self._message = self._ask()  # a body, which nobody asked for
        else:
            self._gone()


class Streams:
    """The open streams of a process. Belongs to one event loop."""

    def __init__(self, limit: int = MAX_STREAMS, of_user: int = MAX_OF_USER) -> None:
        self.beats = Turns[Stream]()
        """Whose turn it is to be sent a sign of life."""
        self.looks = Turns[Stream]()
        """Of whom it is the turn to look whether the set is another."""
        self._limit = limit
        self._limit_of_user = of_user
        self._of: dict[str, list[Stream]] = {}
        self._open = 0
        self._is_ending = False
        self._said_at = float("-inf")

    def of(self, user_id: str) -> Sequence[Stream]:
        """The streams of a user."""
        return self._of.get(user_id, ())

    def add(self, stream: Stream) -> None:
        """Keep a stream until it is removed. Raises Overloaded, TooManyStreams."""
        user_id = stream.view.user_id
        if self._open >= self._limit:
            STREAMS_REFUSED.labels("process").inc()
            self._say_full()
            raise Overloaded(f"{self._open} streams are open")
        if len(self.of(user_id)) >= self._limit_of_user:
            STREAMS_REFUSED.labels("user").inc()
            raise TooManyStreams(
                f"the user has {self._limit_of_user} streams open: close one, or read"
            )
        self._of.setdefault(user_id, []).append(stream)
        self._open += 1
        STREAMS.inc()
        self.beats.add(stream)
        self.looks.add(stream)
        if self._is_ending:  # it shows what there is, and sends its reader to another process
            stream.end("shutdown")

    def remove(self, stream: Stream) -> None:
        """Forget a stream that was added."""
        stream.is_open = False
        streams = self._of[stream.view.user_id]
        streams.remove(stream)
        if not streams:
            del self._of[stream.view.user_id]
        self._open -= 1
        STREAMS.dec()

    def end(self) -> None:
        """End all streams, and further ones as soon as they began: the process is to stop."""
        self._is_ending = True
        for streams in self._of.values():
            for stream in streams:
                stream.end("shutdown")

    def _say_full(self) -> None:
        now = time.monotonic()
        if now - self._said_at > SAY_SECONDS:
            self._said_at = now
            log.warning("streams of banners are refused: too many are open", streams=self._open)
