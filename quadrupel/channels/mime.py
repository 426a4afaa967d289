"""Composes an e-mail as bytes (RFC 5322, MIME): a text and an HTML body, nothing attached.

The standard library's EmailMessage takes a millisecond for it, longer than everything else that
sending a message costs. Here it folds the headers, and remembers them; the rest of a mail of this
one shape is written out. Equal arguments give equal bytes.
"""

import binascii
import email.policy
import functools
import re
from base64 import encodebytes
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime

from email_validator import ValidatedEmail

from quadrupel.channels.templates import Rendered
from quadrupel.core.messages import MessageKey

_LINK = re.compile(r"https?://[!-;=?-~]{1,900}")


def compose(
    sender: Address,
    to: ValidatedEmail,
    rendered: Rendered,
    key: MessageKey,
    at: datetime,
    unsubscribe: str = "",
) -> bytes:
    """The mail, with CRLF at the line ends; all ASCII unless the recipient's address is not.

    The Message-ID is the same whenever the same message is composed, so that a mail that does
    arrive twice can be recognized. `unsubscribe` is the link by which such mails are refused, with
    one request (RFC 2369, RFC 8058); empty: none. ValueError for a line break in a header.
    """
    boundary = f"=_{key.digest}"  # never in an encoded body: "=" is followed by a digit or nothing
    recipient = to.ascii_email or to.normalized
    return b"".join(
        (
            header("From", str(sender)),
            f"To: {recipient}\r\n".encode(),
            _subject(rendered.subject),
            f"Date: {format_datetime(at)}\r\n".encode(),
            f"Message-ID: <{key.digest}@{sender.domain}>\r\n".encode(),
            _unsubscribe(unsubscribe) if unsubscribe else b"",
            b"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n",
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'.encode(),
            _part(boundary, "plain", rendered.text),
            _part(boundary, "html", rendered.html),
            f"--{boundary}--\r\n".encode(),
        )
    )


def _unsubscribe(link: str) -> bytes:
    """The headers of the link, not folded: not everybody reads a folded one as a whole."""
    if not _LINK.fullmatch(link):
        raise ValueError("the header List-Unsubscribe takes an address in ASCII without < and >")
    return (
        f"List-Unsubscribe: <{link}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    ).encode()


def _subject(text: str) -> bytes:
    """The header of a subject. What looks like an encoded word in it is text like any other."""
    if "=?" not in text:
        return header("Subject", text)
    # The policy below would decode it, be it the line breaks of further headers.
    folded = Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")
    return _checked("Subject", text, f"Subject: {folded}\r\n")


@functools.lru_cache(maxsize=4096)
def header(name: str, value: str) -> bytes:
    """A header, encoded (RFC 2047) and folded; the same few subjects go to many.

    Encoded words in the value say what they encode. ValueError for a line break, encoded or not.
    """
    folded = email.policy.SMTP.header_factory(name, value).fold(policy=email.policy.SMTP)
    return _checked(name, value, folded)


def _checked(name: str, value: str, folded: str) -> bytes:
    """A folded header that is one header and no more, else ValueError."""
    further = folded.removesuffix("\r\n").splitlines()[1:]
    whole = all(line.startswith(" ") and not line.isspace() for line in further)
    if "\r" in value or "\n" in value or not whole:
        raise ValueError(f"a line break in the header {name}")
    return folded.encode("ascii")


def _part(boundary: str, kind: str, text: str) -> bytes:
    body = "\r\n".join(text.splitlines()).encode() + b"\r\n"
    if text.isascii():
        encoding, encoded = "quoted-printable", binascii.b2a_qp(body)
    else:
        encoding, encoded = "base64", encodebytes(body).replace(b"\n", b"\r\n")
    return (
        (
            f'--{boundary}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
        ).encode()
        + encoded
        + b"\r\n"
    )
