import asyncio

import httpx
import pytest
from fastapi import FastAPI

from quadrupel.api.health import routes
from quadrupel.api.token_keys import TokenKeys
from quadrupel.store.read_pool import new_pool
from quadrupel.store.read_servers import ReadServers


def test_it_is_alive_and_ready(api) -> None:
    assert api.client.get("/livez").json() == {"status": "alive"}
    assert api.client.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json"])
def test_head_works_everywhere(api, path: str) -> None:
    assert api.client.head(path).status_code == 200


async def unreadable() -> bytes:
    raise httpx.ConnectError("refused")


def test_what_is_missing_is_named_and_the_process_is_alive() -> None:
    servers = ReadServers(new_pool("postgresql://127.0.0.1:1/none"))
    app = FastAPI()
    app.include_router(routes(servers, TokenKeys(unreadable)))

    async def ask() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with (
            servers.running(),
            httpx.AsyncClient(transport=transport, base_url="http://api") as client,
        ):
            return await client.get("/livez"), await client.get("/readyz")

    alive, ready = asyncio.run(ask())
    assert alive.status_code == 200
    assert ready.status_code == 503
    assert int(ready.headers["retry-after"]) > 0
    assert [each["part"] for each in ready.json()["errors"]] == ["database", "token keys"]
