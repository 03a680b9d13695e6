"""The HTTP application: the routers of all faces, their refusals as problems, and one description of it all."""

import asyncio
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import NamedTuple

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp

from travio_inventory.api.rest import problems
from travio_inventory.api.rest.callers import CALLERS, Callers
from travio_inventory.api.rest.description import PATH, Description
from travio_inventory.api.rest.guard import BodyLimits, Guard
from travio_inventory.api.rest.origins import Origins
from travio_inventory.api.rest.routes import DEADLINE_S, LARGE_AT_ONCE_MAX, LARGE_TURNS
from travio_inventory.kernel.refusals import Refusal

EXPOSED_HEADERS = (
    *("Date", "ETag", "Location", "Retry-After", "WWW-Authenticate", "X-As-Of"),
    *("Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"),
)
"""What a page of another origin may read of an answer."""
OWN_WORDS = ("/v1/", "/api/v1/")
"""Where paths begin whose clients read problems only; those of others read `error`, also where no route is."""
PREFLIGHT_SECONDS = 600


class WebRules(NamedTuple):
    """The choices of one deployment."""

    bodies: BodyLimits
    deadline_s: float
    """Of an answer."""
    origins: Sequence[str] = ()
    """Of pages that may call; "*" stands for all."""


def application(
    routers: Iterable[APIRouter],
    callers: Callers,
    rules: WebRules,
    problem_forms: Sequence[type[BaseModel]] = (),
    others: Iterable[BaseRoute] = (),
) -> ASGIApp:
    """Serves the routers, and other routes, which are not described. Whatever they raise is answered by a problem; no
    cookie is read or set. `problem_forms` are those that the routes name besides `Problem`.
    """
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    setattr(app.state, CALLERS, callers)
    setattr(app.state, DEADLINE_S, rules.deadline_s)
    setattr(app.state, LARGE_TURNS, asyncio.Semaphore(LARGE_AT_ONCE_MAX))
    for router in routers:
        app.router.routes.extend(router.routes)  # not as a part of its own, which would be searched through once more
    app.router.routes.extend(others)
    app.router.routes.append(Route(PATH, Description(problem_forms).answer, include_in_schema=False))
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(RequestValidationError)(_not_valid)
    app.exception_handler(HTTPException)(_not_served)
    app.exception_handler(Exception)(_failed)
    return Guard(_for_origins(app, rules.origins), rules.bodies, Origins(rules.origins))


def _for_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Their pages may read every answer, also one that tells of a bug: as a part of the application it would not see
    those.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("DELETE", "GET", "PATCH", "POST", "PUT"),
        allow_headers=("*",),
        expose_headers=EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
    )


async def _refused(_: Request, refusal: Refusal) -> Response:
    return problems.refused(refusal)


async def _not_valid(_: Request, error: RequestValidationError) -> Response:
    return problems.answer(problems.members_of_form(error))


async def _not_served(request: Request, error: HTTPException) -> Response:
    """No such path, no such method, a body that is too large."""
    headers = error.headers if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED else {"allow": _allowed(request)}
    members = problems.members_of_http(error)
    if not request.scope["path"].startswith(OWN_WORDS):
        members["error"] = error.detail
    return problems.answer(members, headers)


def _allowed(request: Request) -> str:
    """The methods of the path, of all its routes: the framework tells those of the first."""
    routes: Iterable[BaseRoute] = request.app.routes
    served = [route for route in routes if isinstance(route, Route) and route.matches(request.scope)[0] != Match.NONE]
    return ", ".join(sorted({method for route in served for method in route.methods or ()}))


async def _failed(_: Request, __: Exception) -> Response:
    """A bug of ours: it is logged where it is raised, and the caller is told no more than that."""
    return problems.answer(problems.members(500, "the service failed, which is a bug", reason="INTERNAL"))
