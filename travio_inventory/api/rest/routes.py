"""A route of ours: its answer has a deadline, and a large body only where it says so."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from travio_inventory.api.refusals import TABLE
from travio_inventory.api.rest.callers import needs_of
from travio_inventory.api.rest.large_json import AT_ONCE_CHARS, read_in_turns
from travio_inventory.api.rest.single_values import check_single, lists_of
from travio_inventory.kernel.answer_deadline import AnswerDeadline, only_reading
from travio_inventory.kernel.json_members import NamedTwice, members_once
from travio_inventory.kernel.refusals import InvalidRequest, Overloaded, Refusal, Violation

DEADLINE_S: Final = "deadline_s"
"""The name under which the application's state has the deadline of an answer, in seconds."""
LARGE_TURNS: Final = "large_turns"
"""The name under which the application's state has the turns of requests with large bodies."""
LARGE_BYTES, LARGE_AT_ONCE_MAX, LARGE_WAIT_S_MAX = 65_536, 2, 5.0
JSON: Final = "application/json"
IDENTITY: Final = "identity"
"""The coding of a body that is as it is."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
PROBLEM: Final = "problem"
"""The key in an answer of a route under which the name of its form is, if it is a problem. The description reads it; a
model that FastAPI knows of would cost the start half a millisecond for each status of each route.
"""
OFTEN: Final = (400, 401, 403, 413, 415, 422, 429, 503)
"""The statuses of problems that every call may have."""


class RefusedBody(HTTPException):
    """A body is not read; FastAPI passes only its own exceptions on. Whoever raises the refusal makes it: one that this
    had would have this as its context, and both would keep what was read of the body until garbage is collected.
    """

    def __init__(self, refusal: Callable[[], Refusal]) -> None:
        super().__init__(TABLE[type(refusal())].http)
        self.refusal = refusal


Quick: TypeAlias = Callable[[Request], Awaitable[Response | None]]
"""Answers the usual requests of a route; None if the request is not a usual one."""


class Route(APIRoute):
    """A route whose answer begins within the deadline, counted from the end of its request, or is a refusal that says
    to try again.
    """

    quick: Quick | None = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        usual, quick, lists = super().get_route_handler(), self.quick, lists_of(self.dependant)
        needs, has_form = needs_of(self.dependant), self.body_field is not None

        async def handle_in_time(request: Request) -> Response:
            request = StrictRequest.of(request)
            is_safe = request.method in SAFE_METHODS
            try:
                body = b"" if is_safe else await request.body()  # its arrival is no part of the answer's time
                async with AnswerDeadline(getattr(request.app.state, DEADLINE_S), is_safe=is_safe):
                    if needs is not None:
                        await needs(request)  # who may not call, or calls too often, is told nothing else
                    check_single(request, lists)
                    _check_coding(request)
                    if body and has_form:
                        _check_media_type(request)
                    return (quick and await quick(request)) or await usual(request)
            except RefusedBody as refused:
                raise refused.refusal() from None
            except ClientDisconnect:
                return Response(status_code=400)  # nobody hears it

        return handle_in_time


def _check_coding(request: Request) -> None:
    """Raises HTTPException for a body that is not as it is: what is in it could be larger than any limit (RFC 9110,
    15.5.16).
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", IDENTITY):
        raise HTTPException(
            415, f"Content-Encoding: must be {IDENTITY}, not {coding[:40]}", {"accept-encoding": IDENTITY}
        )


def _check_media_type(request: Request) -> None:
    """Raises HTTPException for a body that is said to be something else than JSON, or nothing (RFC 9110, 15.5.16)."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != JSON and not (said.startswith("application/") and said.endswith("+json")):
        raise HTTPException(415, f"Content-Type: must be {JSON}, not {said[:40] or 'missing'}", {"accept": JSON})


def quick_route(quick: Quick) -> type[Route]:
    """A route whose usual requests `quick` reads: FastAPI takes as long to read parameters as all else takes. What it
    does not answer is read as the route says, which must come to the same.
    """
    return type("QuickRoute", (Route,), {"quick": staticmethod(quick)})


class StrictRequest(Request):
    """A request whose body means one thing, and which others need not wait for, however large it is."""

    @classmethod
    def of(cls, request: Request) -> "StrictRequest":
        """The same, with what was read of its body."""
        return request if isinstance(request, cls) else cls(request.scope, request.receive)

    async def json(self) -> Any:  # noqa: ANN401 - JSON
        """Raises RefusedBody where an object names a member twice, ValueError where it is no JSON."""
        body = await self.body()
        try:
            if len(body) <= AT_ONCE_CHARS:
                return json.loads(body, object_pairs_hook=members_once)
            with only_reading:
                return await read_in_turns(body)
        except NamedTwice as twice:
            name = twice.name
        raise RefusedBody(lambda: InvalidRequest([Violation(name, "is named twice in one object")]))


class LargeBodyRoute(Route):
    """A route whose body may be as large as an administrator's. Of large ones few are worked on at once: what is made
    of them takes ten times their size.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_in_turn(request: Request) -> Response:
            if request.method in SAFE_METHODS:
                return await handle(request)
            whole = StrictRequest.of(request)
            try:
                size = len(await whole.body())
            except RefusedBody as refused:
                raise refused.refusal() from None
            except ClientDisconnect:
                return Response(status_code=400)  # nobody hears it
            if size <= LARGE_BYTES:
                return await handle(whole)
            async with _turn(getattr(request.app.state, LARGE_TURNS)):
                return await handle(whole)

        return handle_in_turn


@asynccontextmanager
async def _turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    """Raises Overloaded where others take too long."""
    try:
        await asyncio.wait_for(turns.acquire(), LARGE_WAIT_S_MAX)
    except TimeoutError:
        raise Overloaded from None
    try:
        yield
    finally:
        turns.release()


class WrongField(BaseModel):
    """A field of the request and what is wrong with it."""

    field: str
    detail: str


class TakenCell(BaseModel):
    """A seat on one segment that cannot be had."""

    seat_id: str
    segment_index: int
    status: str


class Problem(BaseModel):
    """A refusal, as RFC 9457 has it. `reason` is for programs."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    domain: str
    metadata: dict[str, str] = Field(default_factory=dict)
    errors: list[WrongField] = Field(default_factory=list)
    taken: list[TakenCell] = Field(default_factory=list)
    retry_after_ms: int | None = None


def problems_of(*statuses: int, model: type[BaseModel] = Problem) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides success, for its description: these, and what every call may, in that form."""
    return {status: told for each in (*OFTEN, *statuses) for status, told in problem_of(each, model).items()}


def problem_of(status: int, model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """A problem of that form."""
    return {status: {"description": "A refusal", PROBLEM: model.__name__}}
