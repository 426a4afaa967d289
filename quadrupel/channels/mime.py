"""Composes an e-mail as bytes (RFC 5322, MIME): a text and an HTML body, nothing attached.

The standard library's EmailMessage takes a millisecond for it, longer than everything else that
sending a message costs. Here it folds the headers, and remembers them; the rest of a mail of this
one shape is written out. Equal arguments give equal bytes.
"""

import binascii
import email.policy
import functools
from base64 import encodebytes
from datetime import datetime
from email.headerregistry import Address
from email.utils import format_datetime

from email_validator import ValidatedEmail

from quadrupel.channels.templates import Rendered
from quadrupel.core.messages import MessageKey


def compose(
    sender: Address, to: ValidatedEmail, rendered: Rendered, key: MessageKey, at: datetime
) -> bytes:
    """The mail, with CRLF at the line ends; all ASCII unless the recipient's address is not.

    The Message-ID is the same whenever the same message is composed, so that a mail that does
    arrive twice can be recognized. ValueError for a line break in a header.
    """
    boundary = f"=_{key.digest}"  # never in an encoded body: "=" is followed by a digit or nothing
    recipient = to.ascii_email or to.normalized
    return b"".join(
        (
            _header("From", str(sender)),
            f"To: {recipient}\r\n".encode(),
            _header("Subject", rendered.subject),
            f"Date: {format_datetime(at)}\r\n".encode(),
            f"Message-ID: <{key.digest}@{sender.domain}>\r\n".encode(),
            b"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n",
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'.encode(),
            _part(boundary, "plain", rendered.text),
            _part(boundary, "html", rendered.html),
            f"--{boundary}--\r\n".encode(),
        )
    )


@functools.lru_cache(maxsize=4096)
def _header(name: str, value: str) -> bytes:
    """A header, encoded (RFC 2047) and folded; the same few subjects go to many."""
    if "\r" in value or "\n" in value:
        raise ValueError(f"a line break in the header {name}")
    folded: str = email.policy.SMTP.header_factory(name, value).fold(policy=email.policy.SMTP)
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
