"""`/livez`, `/readyz`, `/openapi.json`: for those who run the API and those who build on it."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from quadrupel.api import documents
from quadrupel.api.problems import not_ready
from quadrupel.api.token_keys import TokenKeys
from quadrupel.core.errors import DatabaseUnavailable
from quadrupel.store.banner_reads import reachable
from quadrupel.store.read_servers import ReadServers


def routes(reads: ReadServers, token_keys: TokenKeys) -> APIRouter:
    """The routes. Rules need no check: the API does not start without them."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", **documents.LIVEZ)
    async def livez() -> Response:
        return JSONResponse({"status": "alive"})

    @router.get("/readyz", **documents.READYZ)
    async def readyz() -> Response:
        missing: dict[str, str] = {}
        try:
            await reachable(reads)
        except DatabaseUnavailable:
            missing["database"] = "it does not answer"
        if not await token_keys.loaded():
            missing["token keys"] = "they could not be read from where QUADRUPEL_JWT_KEYS says"
        if missing:
            return not_ready(missing).response()
        return JSONResponse({"status": "ready"})

    return router
