import asyncio
import socket
import time
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from structlog.testing import capture_logs

from quadrupel.api.bodies import read_body
from quadrupel.core.errors import InputRefused


def request(chunks: Sequence[bytes], pause: float = 0.0) -> Request:
    left = list(chunks)

    async def receive() -> dict[str, object]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_a_body_is_read_up_to_its_limit() -> None:
    assert asyncio.run(read_body(request([b"ab", b"", b"c"]), 3)) == b"abc"
    with pytest.raises(InputRefused, match="too-large"):
        asyncio.run(read_body(request([b"ab", b"cd", b"never asked for"]), 3))


def test_a_body_that_trickles_is_too_slow() -> None:
    with pytest.raises(InputRefused, match="too-slow"):
        asyncio.run(read_body(request([b"a"] * 100, pause=0.05), 1000, seconds=0.1))


def test_a_caller_who_hangs_up_disturbs_nobody(api) -> None:
    address = (api.client.base_url.host, api.client.base_url.port)
    head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n"
    head += f"content-type: application/json\r\nauthorization: Bearer {api.full_key}\r\n\r\n"
    with capture_logs() as logs:
        for _ in range(5):
            with socket.create_connection(address) as connection:
                connection.sendall(head.encode() + b"[")
        deadline = time.monotonic() + 10.0
        while sum(each["event"] == "the caller went away" for each in logs) < 5:
            assert time.monotonic() < deadline, logs
            time.sleep(0.02)
    assert not any(each["event"] == "the request failed" for each in logs)
    assert api.client.get("/livez").is_success
