"""Whether the process lives, and whether it should be sent requests: for load balancers and container platforms."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import JSONResponse

LIVENESS: Final = "/livez"
READINESS: Final = "/readyz"


class Alive(BaseModel):
    """The process lives."""

    status: Literal["alive"]


class Ready(BaseModel):
    """Whether it should be sent requests; what keeps it from that, a line for each part."""

    status: Literal["ready", "not ready"]
    problems: dict[str, str]


def health_router(problems: Callable[[], Mapping[str, str]]) -> APIRouter:
    """`problems` says what keeps the process from being ready, one line for each part."""
    router = APIRouter(tags=["health"])

    @router.get(LIVENESS, summary="Whether the process lives: any answer says so.", responses={200: {"model": Alive}})
    async def livez() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    answers: dict[int | str, dict[str, Any]] = {200: {"model": Ready}, 503: {"model": Ready}}

    @router.get(READINESS, summary="Whether the process should be sent requests.", responses=answers)
    async def readyz() -> JSONResponse:
        found = problems()
        status = "not ready" if found else "ready"
        return JSONResponse({"status": status, "problems": dict(found)}, 503 if found else 200)

    return router
