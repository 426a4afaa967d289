import json
import subprocess
import sys

SCRIPT = """
import asyncio, httpx, structlog
from quadrupel import telemetry
from quadrupel.api.middleware import RequestFrame

telemetry.configure_logs("json", "info")

async def app(scope, receive, send):
    await asyncio.sleep(0)
    await asyncio.to_thread(structlog.get_logger().info, "inside")
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def story():
    transport = httpx.ASGITransport(RequestFrame(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        asked = (client.get("/", headers={"x-request-id": f"r{n}"}) for n in range(3))
        await asyncio.gather(*asked)
    structlog.get_logger().info("outside")

asyncio.run(story())
"""


def test_each_line_of_a_request_has_its_id_and_others_have_none() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    inside = sorted(each["request_id"] for each in lines if each["event"] == "inside")
    assert inside == ["r0", "r1", "r2"]
    assert [each.get("request_id") for each in lines if each["event"] == "outside"] == [None]
