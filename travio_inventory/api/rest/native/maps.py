"""Seats that are free, seat maps and summaries over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from travio_inventory.api.auth.identity import Grant
from travio_inventory.api.kept_summaries import KeptSummaries
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX, too_many_free
from travio_inventory.api.rest.callers import Needs, Viewing
from travio_inventory.api.rest.compression import GZIP, accepts_gzip
from travio_inventory.api.rest.json_maps import json_maps, sale_of
from travio_inventory.api.rest.json_text import members, moment, written
from travio_inventory.api.rest.json_types import AskedInt32
from travio_inventory.api.rest.native import map_models as models
from travio_inventory.api.rest.native.journeys import AskedEnds
from travio_inventory.api.rest.routes import Route, problems_of, quick_route
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import Clock
from travio_inventory.seats.commands import AvailabilityQuery, SeatMapQuery
from travio_inventory.seats.layout import Section
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.summary import summaries
from travio_inventory.seats.trip import Ends
from travio_inventory.seats.use_cases import Inventory

TripId = Annotated[str, Path(examples=["dhaka-chattogram-0605"])]
SectionId = Annotated[str, Query(description="Only seats of this section.")]
JSON = "application/json"
VIEWERS = Needs(Grant.VIEW)


class MapRoutes:
    """Maps stay as they were written while their seats are."""

    def __init__(self, inventory: Inventory, clock: Clock) -> None:
        self._inventory = inventory
        self._clock = clock
        self._maps = json_maps()
        self._summaries = KeptSummaries(_summed_up)

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["seats"], route_class=Route)
        of_trip = "/trips/{trip_id:id}"
        router.add_api_route(
            f"{of_trip}/availability",
            self.availability,
            summary="Which seats are free, and what the cheapest of them cost a party.",
            responses={200: {"model": models.Availability}, **problems_of(404)},
        )
        router.add_api_route(
            f"{of_trip}/seatmap",
            self.seat_map,
            summary="The seats in layout order, each with its state.",
            responses={200: {"model": models.SeatMap}, 304: {"description": "As named"}, **problems_of(404)},
            route_class_override=quick_route(self._usual_seat_map),
        )
        router.add_api_route(
            f"{of_trip}/summary",
            self.summary,
            summary="How many seats of each section and class are free.",
            responses={200: {"model": models.Summary}, **problems_of(404)},
        )
        router.add_api_route(
            "/availability",
            self.availabilities,
            methods=["POST"],
            summary="Several such questions; the answers are in their order. If one is refused, all are.",
            responses={200: {"model": models.Availabilities}, **problems_of(404)},
        )
        return router

    async def availability(
        self,
        trip_id: TripId,
        caller: Viewing,
        ends: AskedEnds,
        passengers: Annotated[AskedInt32, Query(description="0 is one.")] = 1,
        seat_class: Annotated[str, Query(description="Only seats of this class.")] = "",
        section_id: SectionId = "",
    ) -> Response:
        query = AvailabilityQuery(
            trip_id=trip_id, ends=ends, passengers=passengers, seat_class=seat_class, section=section_id
        )
        return Response(await self._checked(caller.as_organization(), query), media_type=JSON)

    async def availabilities(self, caller: Viewing, body: models.AvailabilityRequests) -> Response:
        actor = caller.as_organization()
        answers: list[bytes] = []
        for query in body.queries():
            answers.append(await self._checked(actor, query))
            if sum(map(len, answers)) > REPLY_BYTES_MAX:
                raise too_many_free(REPLY_BYTES_MAX)
        return Response(b'{"results":[' + b",".join(answers) + b"]}", media_type=JSON)

    async def _checked(self, actor: Actor, query: AvailabilityQuery) -> bytes:
        found = await self._inventory.check_availability(actor, query)
        data = await self._maps.layout(found.seat_map).availability(found)
        return data + members({"checked_at": moment(self._clock.now_ms() // 1_000)}) + b"}"

    async def seat_map(
        self,
        trip_id: TripId,
        caller: Viewing,
        ends: AskedEnds,
        section_id: SectionId = "",
        if_none_match: Annotated[str, Header()] = "",
        accept_encoding: Annotated[str, Header()] = "",
    ) -> Response:
        query = SeatMapQuery(trip_id=trip_id, ends=ends, section=section_id)
        return await self._seat_map(caller.as_organization(), query, if_none_match, accept_encoding)

    async def _usual_seat_map(self, request: Request) -> Response | None:
        """A journey that is named by stations."""
        asked, headers = request.query_params, request.headers
        if "from_segment_index" in asked or "to_segment_index" in asked:
            return None
        caller = await VIEWERS(request)
        ends = Ends(asked.get("from", ""), asked.get("to", ""))
        query = SeatMapQuery(trip_id=request.path_params["trip_id"], ends=ends, section=asked.get("section_id", ""))
        named, encodings = headers.get("if-none-match", ""), headers.get("accept-encoding", "")
        return await self._seat_map(caller.as_organization(), query, named, encodings)

    async def _seat_map(self, actor: Actor, query: SeatMapQuery, if_none_match: str, accept_encoding: str) -> Response:
        found = await self._inventory.read_seat_map(actor, query, check=self._maps.check)
        kept, data = await self._maps.written(found, sale_of(found))
        etag = kept.etag(data)
        headers = {"etag": etag, "cache-control": "private, no-cache", "vary": "Accept-Encoding"}
        if etag in if_none_match or if_none_match == "*":
            return Response(status_code=304, headers=headers)
        headers["x-as-of"] = moment(found.as_of_ms // 1_000) or ""
        if accepts_gzip(accept_encoding):
            headers["content-encoding"] = GZIP
            data = await kept.zipped(data)
        return Response(data, headers=headers, media_type=JSON)

    async def summary(self, trip_id: TripId, caller: Viewing, ends: AskedEnds, section_id: SectionId = "") -> Response:
        query = SeatMapQuery(trip_id=trip_id, ends=ends, section=section_id)
        summary = await self._inventory.summarize_trip(caller.as_organization(), query)
        parts = await self._summaries.parts(summary)
        seat_map = summary.seat_map
        others = {
            "currency": seat_map.trip.currency,
            "as_of": moment(seat_map.as_of_ms // 1_000),
            "from_segment_index": seat_map.journey.first,
            "to_segment_index": seat_map.journey.last,
        }
        classes = b'{"classes":[' + b",".join(parts) + b"],"
        return Response(b"".join((classes, members(others), b",", sale_of(seat_map), b"}")), media_type=JSON)


def _summed_up(seat_map: SeatMap, section: Section) -> bytes:
    """The classes of a section, each as an object."""
    return b",".join(
        written(
            {
                "section_id": section.id,
                "section_label": section.label,
                "section_kind": section.kind,
                "seat_class": each.seat_class,
                "free": each.free,
                "held": each.held,
                "booked": each.sold,
                "blocked": each.blocked,
                "largest_run": each.largest_run,
                "lowest_price_paisa": each.lowest_price_minor or 0,
            }
        )
        for each in summaries(seat_map)
    )
