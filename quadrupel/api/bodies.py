"""Request bodies: read with a limit, whatever Content-Length says."""

import asyncio

from starlette.requests import Request

from quadrupel.core.errors import InputRefused

SECONDS = 30.0
"""How long a body may take to come."""


def media_type(request: Request) -> str:
    """The media type of the request's body, in lower case without parameters; empty if none.

    Raises InputRefused (`unsupported-media-type`) for another charset than UTF-8 and for a
    compressed body.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise unsupported(f"a body with Content-Encoding: {encoding[:32]} is not taken")
    name, *parameters = request.headers.get("content-type", "").lower().split(";")
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise unsupported("a body must be UTF-8")
    return name.strip()


def unsupported(detail: str) -> InputRefused:
    """The refusal of a body for its media type."""
    return InputRefused("unsupported-media-type", detail)


async def read_body(request: Request, limit: int, seconds: float = SECONDS) -> bytes:
    """The whole body.

    Raises InputRefused: `too-large` as soon as it is more than `limit` bytes, `too-slow` when it
    takes longer than `seconds`.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise InputRefused("too-large", f"the body has more than {limit} bytes")
    except TimeoutError as error:
        raise InputRefused("too-slow", f"the body did not come within {seconds} s") from error
    return bytes(body)
