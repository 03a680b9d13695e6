"""Problems of faces whose clients read `error`: they have it beside the members of all problems."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from travio_inventory.api.rest import problems
from travio_inventory.api.rest.routes import LargeBodyRoute, Problem, Route
from travio_inventory.kernel.refusals import InvalidRequest, Refusal, Unauthenticated

UNAUTHORIZED = "unauthorized"


class ErrorProblem(Problem):
    """A refusal; `error` says it in words."""

    error: str


class RouteWithError(Route):
    """What is refused, or has another form, is answered with `error`."""

    invalid: ClassVar[int] = 422
    """The status of a request that is wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Of FastAPI: what answers a request."""
        handle = super().get_route_handler()

        async def handle_with_error(request: Request) -> Response:
            try:
                return await handle(request)
            except Refusal as refusal:
                status = self.invalid if isinstance(refusal, InvalidRequest) else None
                said = UNAUTHORIZED if isinstance(refusal, Unauthenticated) else str(refusal)
                return refused_with(said, refusal, status=status)
            except RequestValidationError as error:
                members = problems.members_of_form(error, invalid=self.invalid)
                return _answer(members["detail"], members)
            except HTTPException as error:
                return _answer(error.detail, problems.members_of_http(error), error.headers)

        return handle_with_error


class LargeRouteWithError(RouteWithError, LargeBodyRoute):
    """The same, for a body that may be large."""


def refused_with(error: str, refusal: Refusal, *, status: int | None = None, **beside: object) -> Response:
    """The refusal as a problem with that error, and what else is `beside`."""
    members = problems.members_of(refusal, status=status)
    return _answer(error, {**members, **beside}, problems.headers_of(refusal))


def _answer(error: str, members: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return problems.answer({"error": error, **members}, headers)
