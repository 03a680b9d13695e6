"""Waiting lists over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.rest.callers import Holding, Reading
from travio_inventory.api.rest.json_text import moment
from travio_inventory.api.rest.json_types import AskedInt32
from travio_inventory.api.rest.native import selling_models as models
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.native.trips import TripId
from travio_inventory.api.rest.routes import Route, problems_of
from travio_inventory.seats.commands import WaitlistPlace, WaitsQuery
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.waitlist import WaitlistEntry


class WaitlistRoutes:
    """Join, leave and list."""

    def __init__(self, inventory: Inventory) -> None:
        self._waitlist = inventory.waitlist

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["waiting lists"], route_class=Route)
        of_trip = "/trips/{trip_id:id}/waitlist"
        router.add_api_route(
            of_trip,
            self.join,
            methods=["POST"],
            status_code=201,
            summary="Wait for seats of a class; to join again keeps the place.",
            responses=problems_of(404, 409),
        )
        router.add_api_route(
            of_trip,
            self.leave,
            methods=["DELETE"],
            status_code=204,
            summary="Leave a waiting list.",
            responses=problems_of(404),
        )
        router.add_api_route("/waitlist", self.page, summary="A user's places.", responses=problems_of())
        return router

    async def join(self, trip_id: TripId, caller: Holding, body: models.WaitRequest) -> models.Joined:
        place = WaitlistPlace(trip_id=trip_id, seat_class=body.seat_class, seats=body.requested_seats)
        entry = await self._waitlist.join(caller.as_user(), place)
        return models.Joined(position=entry.position, message=f"you are number {entry.position}")

    async def leave(
        self, trip_id: TripId, caller: Holding, seat_class: Annotated[str, Query(examples=["economy"])] = ""
    ) -> Response:
        await self._waitlist.leave(caller.as_user(), WaitlistPlace(trip_id=trip_id, seat_class=seat_class))
        return Response(status_code=204)

    async def page(self, caller: Reading, page_size: AskedInt32 = 0, page_token: str = "") -> models.WaitPage:
        query = paged(page_token, lambda after: WaitsQuery(after=after, page_size=page_size))
        found = await self._waitlist.page(caller.as_user(), query)
        return models.WaitPage(entries=list(map(_waiting, found.entries)), next_page_token=token_of(found.next))


def _waiting(entry: WaitlistEntry) -> models.Wait:
    return models.Wait(
        trip_id=entry.trip.trip,
        organization_id=entry.trip.organization,
        seat_class=entry.seat_class,
        requested_seats=entry.seats,
        status="waiting",
        created_at=moment(entry.joined_at_ms // 1_000),
        position=entry.position,
    )
