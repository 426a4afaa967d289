"""The webhook channel: posts a message as signed JSON, as Standard Webhooks 1.0 says.

The receiver gets the message's own values and texts it as it likes; it is told the user's id and
no address. A message that is tried again has the same `webhook-id`, by which the receiver tells a
repetition. Specification: https://github.com/standard-webhooks/standard-webhooks
"""

import asyncio
import binascii
import contextlib
import email.utils
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import httpx
import msgspec

from quadrupel.core.channels import Delivered, Envelope, Outcome, RefusedForGood, RefusedForNow
from quadrupel.core.errors import ChannelUnavailable, SettingRefused

EVENT_TYPE = "quadrupel.message"
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
SECRET_BYTES = range(24, 65)
TIMEOUT = httpx.Timeout(20.0, connect=10.0)
"""For each step of an exchange; an answer may come in any number of pieces."""
EXCHANGE_SECONDS = 60.0
BODY_SECONDS = 2.0
"""How long the rest of an answer is read: its status has said what came of the message."""
MAX_ANSWER = 64 * 1024

_FOR_NOW = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook's messages go, and the keys that sign them (`read_secrets`)."""

    name: str
    url: str
    keys: Sequence[bytes]


class WebhookChannel:
    """Posts messages to one endpoint, each within `seconds`."""

    def __init__(
        self, endpoint: Endpoint, *, connections: int = 10, seconds: float = EXCHANGE_SECONDS
    ) -> None:
        self.concurrency = connections
        self._endpoint = endpoint
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    async def deliver(self, envelope: Envelope) -> Outcome:
        """See Channel. Any 2xx is taken as delivered; redirects are not followed.

        Without a status the endpoint is away; should it have taken the message, it knows the id.
        """
        body = payload(envelope)
        headers = {
            "content-type": "application/json",
            "user-agent": "quadrupel",
            **signed(
                self._endpoint.keys, envelope.message.key.digest, envelope.handed_over_at, body
            ),
        }
        try:
            request = self._open().stream("POST", self._endpoint.url, content=body, headers=headers)
            async with asyncio.timeout(self._seconds), request as response:
                await _read(response)
        except (TimeoutError, httpx.TransportError) as error:
            reason = str(error) or type(error).__name__
            raise ChannelUnavailable(f"the webhook {self._endpoint.name}: {reason}") from error
        return _outcome(response, envelope.handed_over_at)

    async def close(self) -> None:
        """Close the connections to the endpoint."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = httpx.Limits(max_connections=self.concurrency)
            self._client = httpx.AsyncClient(timeout=TIMEOUT, limits=limits, follow_redirects=False)
        return self._client


def payload(envelope: Envelope) -> bytes:
    """The body: `type`, `timestamp` (when the message was recorded) and `data`."""
    message = envelope.message
    return msgspec.json.encode(
        {
            "type": EVENT_TYPE,
            "timestamp": envelope.recorded_at.isoformat(),
            "data": {
                "user_id": message.key.user_id,
                "origin": message.key.origin,
                "episode": message.key.episode,
                "template": message.template,
                "values": dict(message.values),
            },
        }
    )


def signed(keys: Sequence[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that let the receiver check who sent the body, and when (within a second).

    By one of the keys: while a secret is replaced, the receiver may know either.
    """
    timestamp = str(int(at.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }


def read_secrets(name: str, secrets: str) -> Sequence[bytes]:
    """The signing keys of an endpoint, whose secrets have spaces between them.

    Raises SettingRefused naming the endpoint, also for none.
    """
    return [_key(name, secret) for secret in secrets.split() or [""]]


def _key(name: str, secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) not in SECRET_BYTES:
        raise SettingRefused(
            f"QUADRUPEL_WEBHOOKS: the secret of {name} must be {SECRET_PREFIX} and the base64 of"
            f" {SECRET_BYTES.start} to {SECRET_BYTES.stop - 1} random bytes; one can be made by"
            " `openssl rand -base64 32`"
        )
    return key


async def _read(response: httpx.Response) -> None:
    """Take the answer off the connection, so that it serves the next message, if it is short."""
    size = 0
    with contextlib.suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > MAX_ANSWER:
                    break


def _outcome(response: httpx.Response, now: datetime) -> Outcome:
    status = response.status_code
    if 200 <= status < 300:
        return Delivered()
    reason = f"HTTP {status} {response.reason_phrase}".strip()
    if status in _FOR_NOW or status >= 500:
        return RefusedForNow(reason, _retry_after(response.headers.get("retry-after"), now))
    if 300 <= status < 400:
        return RefusedForGood(f"{reason}: redirects are not followed, set the address it leads to")
    return RefusedForGood(reason)


def _retry_after(header: str | None, now: datetime) -> timedelta | None:
    """The header (RFC 9110, 10.2.3): seconds or a date; what is neither is ignored."""
    if header is None:
        return None
    if header.isascii() and header.isdecimal():
        return timedelta(seconds=min(int(header[:9]), 10**8))
    try:
        at = email.utils.parsedate_to_datetime(header)
        return max(at - now, timedelta())
    except (TypeError, ValueError):
        return None
