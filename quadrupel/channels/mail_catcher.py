"""A mail server on this machine that delivers nothing: it keeps what it is given, to be looked at.

`quadrupel up` and the demo send to it where no mail server is configured, and tests do. It can
play a server that refuses. It keeps the last mails only, in memory. `on_mail` is told of each, in
the server's thread.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP

Answer = Callable[[str], str]
"""What the server says of a recipient: an SMTP reply."""


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """A mail as it arrived: the recipient of the envelope, and the message with its headers."""

    recipient: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """The body for readers without HTML."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The body in HTML."""
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _accept(_recipient: str) -> str:
    return "250 OK"


class MailCatcher:
    """The server, in a thread of its own, from `start` to `stop`; also a context manager."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        keep: int = 1_000,
        on_mail: Callable[[CaughtMail], None] = lambda _: None,
        answer_recipient: Answer = _accept,
        answer_contents: Answer = _accept,
    ) -> None:
        self.host = host
        self.port = port
        self._answer_recipient = answer_recipient
        self._answer_contents = answer_contents
        self._on_mail = on_mail
        self._caught: deque[CaughtMail] = deque(maxlen=keep)
        self._arrived = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mail-catcher")

    @property
    def url(self) -> str:
        """The address to send to, as the setting `smtp_url` takes it."""
        return f"smtp://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen; OSError if the port is taken. A port of 0 becomes a free one."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except OSError:
            self._end_loop()
            raise

    def stop(self) -> None:
        """Hang up and forget nothing: what was caught can still be read."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._end_loop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def caught(self, recipient: str | None = None) -> list[CaughtMail]:
        """The mails so far, in the order of their arrival, to one recipient or to all."""
        with self._arrived:
            return [mail for mail in self._caught if recipient in (None, mail.recipient)]

    def wait_for(self, count: int, recipient: str | None = None, seconds: float = 10.0) -> bool:
        """Wait until so many mails have arrived; whether they have."""
        with self._arrived:
            return self._arrived.wait_for(
                lambda: sum(recipient in (None, mail.recipient) for mail in self._caught) >= count,
                seconds,
            )

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd calls
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        answer = self._answer_recipient(address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd calls
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        """Take or refuse the contents."""
        answer = self._answer_contents(envelope.rcpt_tos[0])
        if answer.startswith("2"):
            message = message_from_bytes(envelope.content, policy=default)
            mails = [CaughtMail(recipient, message) for recipient in envelope.rcpt_tos]
            with self._arrived:
                self._caught.extend(mails)
                self._arrived.notify_all()
            for mail in mails:
                self._on_mail(mail)
        return answer

    def _session(self) -> SMTP:
        return SMTP(self, loop=self._loop, hostname="localhost", enable_SMTPUTF8=True)

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(self._session, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _hang_up(self) -> None:
        self._server.close()
        sessions = asyncio.all_tasks() - {asyncio.current_task()}
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
