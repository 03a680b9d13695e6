"""Whether the process lives, and whether it should be sent requests: for load balancers and container platforms."""

from collections.abc import Callable, Mapping
from typing import Final

from fastapi import APIRouter
from starlette.responses import JSONResponse

LIVENESS: Final = "/livez"
READINESS: Final = "/readyz"


def health_router(problems: Callable[[], Mapping[str, str]]) -> APIRouter:
    """`problems` says what keeps the process from being ready, one line for each part."""
    router = APIRouter(tags=["health"])

    @router.get(LIVENESS, summary="Whether the process lives: any answer says so.")
    async def livez() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @router.get(READINESS, summary="Whether the process should be sent requests.", responses={503: {}})
    async def readyz() -> JSONResponse:
        found = problems()
        status = "not ready" if found else "ready"
        return JSONResponse({"status": status, "problems": dict(found)}, 503 if found else 200)

    return router
