"""The anchor of `bench_api`: the same read as one writes it in FastAPI, without any of our care.

One handler, one query for one user, a pool of connections, the token verified by the same library
with the same claims. It does not even put the banners into words.
"""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from psycopg_pool import AsyncConnectionPool

POOL = AsyncConnectionPool(
    os.environ["QUADRUPEL_DATABASE_URL"],
    min_size=4,
    max_size=16,
    open=False,
    kwargs={"autocommit": True},
)
KEY = load_pem_public_key(Path(os.environ["QUADRUPEL_JWT_KEYS"]).read_bytes())
QUERY = (
    "SELECT version, as_of, banners, event_partition, event_offset FROM published"
    " WHERE user_id = %s"
)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with POOL:
        yield


app = FastAPI(lifespan=lifespan)


async def citizen(
    bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> str:
    try:
        claims = jwt.decode(
            bearer.credentials,
            KEY,  # type: ignore[arg-type]
            algorithms=["RS256", "ES256"],
            audience=os.environ.get("QUADRUPEL_JWT_AUDIENCE", "quadrupel"),
            issuer=os.environ["QUADRUPEL_JWT_ISSUER"],
            leeway=10,
            options={"require": ["iss", "aud", "exp", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error
    return str(claims["sub"])


@app.get("/v1/me/banners", response_model=None)
async def my_banners(
    user_id: Annotated[str, Depends(citizen)],
    request: Request,
    response: Response,
    placement: Annotated[str | None, Query()] = None,
) -> dict[str, Any] | Response:
    async with POOL.connection() as connection:
        cursor = await connection.execute(QUERY, (user_id,))
        row = await cursor.fetchone()
    if row is None:
        return {"version": 0, "as_of": None, "banners": []}
    tag = f'"{user_id}-{row[0]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    banners = [{"rule": rule, **shown} for rule, shown, _ in row[2] if placement in (None, rule)]
    return {"version": row[0], "as_of": row[1], "banners": banners}


@app.get("/readyz")
async def readyz() -> str:
    return "ready"


if __name__ == "__main__":
    Granian(
        f"{Path(__file__).stem}:app",
        port=int(os.environ["QUADRUPEL_API_PORT"]),
        interface=Interfaces.ASGI,
        workers=int(os.environ["WORKERS"]),
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()
