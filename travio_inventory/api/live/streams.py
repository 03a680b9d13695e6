"""Live maps as streams of events (SSE): what changes on a trip, from where the watcher was."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from random import Random
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from travio_inventory.api.auth.lasting import ToldAtOnce, while_known
from travio_inventory.api.live.events_told import events_by_status, own_events
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.json_told import as_text
from travio_inventory.api.live.told import Position, Told, parse_position
from travio_inventory.api.live.watched_parts import WatchedPart, query_of
from travio_inventory.api.live.writing import needs_room, writer_of
from travio_inventory.api.rest.callers import Viewing
from travio_inventory.api.rest.guard import HEAD_ONLY
from travio_inventory.api.rest.native.journeys import AskedEnds
from travio_inventory.api.rest.routes import Route, problems_of
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.use_cases import Inventory

RETRY_MS: Final = 1_000, 5_000
"""After a loss a browser waits for a time between these, drawn for each: so that not all come back at once."""
HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",    # of proxies that collect an answer before they pass it on
}  # fmt: skip
EXAMPLE: Final = (
    'id: 5f3a9c1e07b2-41\ndata: {"type":"inventory.seats_held","data":{"trip_id":"T1","seat_ids":["1A"],'
    '"status":"HELD","updated_at":"2027-01-15T09:30:00.120Z"}}\n\n'
)
Shape = Literal["status", "native"]


def _part(
    trip_id: str,
    ends: AskedEnds,
    section_id: Annotated[str, Query(description="Only seats of this section.")] = "",
) -> WatchedPart:
    return WatchedPart(trip_id, ends, section_id)


def _position(
    position: Annotated[str, Query(description="As `Last-Event-ID`, for who can send no header.")] = "",
    last_event_id: Annotated[str, Header(description="The id of the last event that was read.")] = "",
) -> Position | None:
    return parse_position(last_event_id or position)


class LiveStreams:
    """The route of streams."""

    def __init__(self, inventory: Inventory, feeds: Feeds, jitter: Random) -> None:
        self._inventory = inventory
        self._feeds = feeds
        self._jitter = jitter

    def router(self) -> APIRouter:
        """`GET /v1/trips/{trip_id}/updates`."""
        router = APIRouter(tags=["live"], route_class=Route)
        router.add_api_route(
            "/v1/trips/{trip_id:id}/updates",
            self._updates,
            summary="What changes on a trip, as it happens: a stream of events.",
            response_class=Response,
            responses={
                200: {
                    "description": "Events until the caller leaves, and a comment at least each 15 s. The id of an"
                    " event is a position: `Last-Event-ID` goes on from there.",
                    "content": {"text/event-stream": {"example": EXAMPLE}},
                },
                **problems_of(404),
            },
        )
        return router

    async def _updates(
        self,
        request: Request,
        caller: Viewing,
        part: Annotated[WatchedPart, Depends(_part)],
        position: Annotated[Position | None, Depends(_position)],
        shape: Annotated[
            Shape, Query(description="`native`: a snapshot, deltas and heartbeats, each with all that it has.")
        ] = "status",
    ) -> Response:
        actor = caller.as_organization()
        query = await query_of(self._inventory, actor, part)
        needs_room(request.scope)
        write = own_events if shape == "native" else events_by_status
        at_once = ToldAtOnce(caller.identity, write, writer_of(request.scope))
        told = self._feeds.subscribe(actor, query, position, write=write, at_once=at_once)
        feed = while_known(caller.identity, told)
        first = await anext(feed)
        return EventStream(first, feed, write, retry_ms=self._jitter.randint(*RETRY_MS))


class EventStream(Response):
    """Sends what is told until the watcher leaves, or the feed ends, with the reason as its last event."""

    def __init__(
        self, first: Told, feed: AsyncGenerator[Told], write: Callable[[Told], bytes], *, retry_ms: int
    ) -> None:
        super().__init__()
        self.init_headers(HEADERS)
        del self.headers["content-length"]
        self._first = first
        self._feed = feed
        self._write = write
        self._retry_ms = retry_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streaming = asyncio.ensure_future(self._begin(send) if HEAD_ONLY in scope else self._stream(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((streaming, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            streaming.cancel()
            await asyncio.wait((streaming, leaving))
            await self._feed.aclose()
        if not streaming.cancelled():
            streaming.result()

    async def _begin(self, send: Send) -> None:
        """The head alone."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _stream(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await _send(send, f"retry: {self._retry_ms}\n".encode())
        await _send(send, self._write(self._first))
        try:
            async for told in self._feed:
                await _send(send, self._write(told))
        except Refusal as refusal:
            await _send(send, _refused(refusal))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    """Return when the watcher is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _refused(refusal: Refusal) -> bytes:
    said = {"type": "refused", "reason": refusal.reason, "detail": str(refusal)}
    return f"event: refused\ndata: {as_text(said)}\n\n".encode()
