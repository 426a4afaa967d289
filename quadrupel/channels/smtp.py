"""Handing mail to an SMTP server (RFC 5321), over a few connections that serve many messages.

What a refusal means depends on the command it answers. The server as a whole is away when it
cannot be reached, does not let us in, says 421, or refuses our sender; then nothing was handed
over. A connection that is lost once the contents have been started leaves it open whether the
server took them.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPDataError, SMTPException, SMTPResponseException

from quadrupel.core.channels import Delivered, Outcome, RefusedForGood, RefusedForNow, Uncertain
from quadrupel.core.errors import ChannelUnavailable, SettingRefused

CONNECT_SECONDS = 20.0
COMMAND_SECONDS = 10.0
DATA_SECONDS = 45.0

_CLOSING = 421
_TOO_LARGE = 552
_BAD_ADDRESS = (550, 551, 553)
_ESCAPED = "in a user or a password a / is written %2F, a # %23, a ? %3F, an @ %40, a % %25"
_ENHANCED_STATUS = re.compile(r"\b5\.(\d{1,3})\.\d{1,3}\b")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where the mail server is, and how it lets us in. At most one of `tls` and `starttls`."""

    host: str
    port: int
    tls: bool = False
    starttls: bool = False
    user: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """A message on its way to one recipient; `utf8`: an address of it is not ASCII (RFC 6531)."""

    sender: str
    recipient: str
    contents: bytes
    utf8: bool = False


def read_smtp_url(url: str) -> SmtpServer:
    """The server of `smtp[s]://[user:password@]host:port[?starttls=true]`, else SettingRefused."""
    try:
        return _read_smtp_url(url)
    except ValueError as error:
        raise SettingRefused(
            f"QUADRUPEL_SMTP_URL is wrong: {error}; it is written"
            " smtp[s]://[user:password@]host:port[?starttls=true]"
        ) from error


def _read_smtp_url(url: str) -> SmtpServer:
    try:
        parts = urlsplit(url)
        port, options = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:  # which quotes what it could not read, perhaps of a password
        raise ValueError(f"it cannot be read; {_ESCAPED}") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port is None:
        raise ValueError(f"the scheme, the host or the port is missing; {_ESCAPED}")
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError(f"after the port there are options at most; {_ESCAPED}")
    if options.keys() - {"starttls"} or options.get("starttls", ["true"]) not in (
        ["true"],
        ["false"],
    ):
        raise ValueError("the only option is starttls=true")
    tls = parts.scheme == "smtps"
    starttls = options.get("starttls") == ["true"]
    if tls and starttls:
        raise ValueError("smtps:// is encrypted from the start, starttls does not go with it")
    if parts.password and not (tls or starttls or _is_this_machine(parts.hostname)):
        raise ValueError(
            "the password would travel unencrypted: add ?starttls=true or use smtps://"
        )
    return SmtpServer(
        parts.hostname,
        port,
        tls,
        starttls,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SmtpConnections:
    """Connections to one server, opened when needed and kept for the next message."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._idle: list[aiosmtplib.SMTP] = []

    async def hand_over(self, mail: Mail) -> Outcome:
        """Give the server one mail; ChannelUnavailable if it certainly did not take it."""
        if self._idle:
            # A server may close a connection it finds idle, or old: only a fresh one tells.
            with contextlib.suppress(ChannelUnavailable):
                return await self._transfer(self._idle.pop(), mail)
        return await self._transfer(await self._connect(), mail)

    async def close(self) -> None:
        """Take leave of the server."""
        while self._idle:
            connection = self._idle.pop()
            with contextlib.suppress(SMTPException, OSError):
                await connection.quit(timeout=1)
            connection.close()

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        connection = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=server.starttls,
            username=server.user,
            password=server.password,
            local_hostname=_own_name(),
            timeout=COMMAND_SECONDS,
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()
                await connection.ehlo()
        except (SMTPException, OSError) as error:
            connection.close()
            raise self._away(error) from error
        return connection

    async def _transfer(self, connection: aiosmtplib.SMTP, mail: Mail) -> Outcome:
        kept = False
        try:
            refusal = await self._address(connection, mail)
            outcome = refusal or await _contents(connection, mail)
            kept = not isinstance(outcome, Uncertain)
            if not isinstance(outcome, Delivered | Uncertain):
                kept = await _reset(connection)
        except (SMTPException, OSError) as error:
            raise self._away(error) from error
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()
        return outcome

    async def _address(self, connection: aiosmtplib.SMTP, mail: Mail) -> Outcome | None:
        """The sender and the recipient; None: both accepted."""
        options, encoding = (["SMTPUTF8"], "utf-8") if mail.utf8 else ([], "ascii")
        if mail.utf8 and not connection.supports_extension("smtputf8"):
            return RefusedForGood("the mail server takes ASCII addresses only")
        if connection.supports_extension("size"):
            options.append(f"SIZE={len(mail.contents)}")
        try:
            await connection.mail(mail.sender, options=options, encoding=encoding)
        except SMTPResponseException as error:
            if error.code == _TOO_LARGE:
                return RefusedForGood(_answer(error))
            if _is_for_now(error):
                return RefusedForNow(_answer(error))
            raise
        try:
            await connection.rcpt(mail.recipient, encoding=encoding)
        except SMTPResponseException as error:
            if _is_for_now(error):
                return RefusedForNow(_answer(error))
            if 500 <= error.code < 600:
                return RefusedForGood(_answer(error), about_address=_is_about_address(error))
            raise
        return None

    def _away(self, error: Exception) -> ChannelUnavailable:
        reason = _answer(error) if isinstance(error, SMTPResponseException) else str(error)
        name = f"{self._server.host}:{self._server.port}"
        return ChannelUnavailable(f"the mail server {name}: {reason or type(error).__name__}")


async def _contents(connection: aiosmtplib.SMTP, mail: Mail) -> Outcome:
    try:
        await connection.data(mail.contents, timeout=DATA_SECONDS)
    except SMTPDataError as error:
        if error.code == _CLOSING:
            raise
        if 400 <= error.code < 500:
            return RefusedForNow(_answer(error))
        if 500 <= error.code < 600:
            return RefusedForGood(_answer(error))
        return Uncertain(f"the mail server answered the contents with {_answer(error)}")
    except (SMTPException, OSError) as error:
        return Uncertain(f"the connection was lost before the mail server's answer: {error}")
    return Delivered()


async def _reset(connection: aiosmtplib.SMTP) -> bool:
    """Forget the refused mail; False: the connection is of no more use."""
    try:
        await connection.rset()
    except (SMTPException, OSError):
        return False
    return True


def _is_for_now(error: SMTPResponseException) -> bool:
    return 400 <= error.code < 500 and error.code != _CLOSING


def _is_about_address(error: SMTPResponseException) -> bool:
    """Whether the mailbox is the reason, and not a policy (5.7.x of RFC 3463)."""
    status = _ENHANCED_STATUS.search(error.message)
    return error.code in _BAD_ADDRESS and (status is None or status[1] != "7")


def _answer(error: SMTPResponseException) -> str:
    return f"{error.code} {' '.join(error.message.split())}"


def _own_name() -> str:
    name = socket.gethostname()
    return name if name.isascii() and name and not any(map(str.isspace, name)) else "localhost"
