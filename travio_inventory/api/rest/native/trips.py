"""Trips over HTTP: opened, read, listed, changed, closed and opened again, cancelled, given another vehicle."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query

from travio_inventory.api.page_tokens import place, token_of
from travio_inventory.api.rest.callers import Administering, Reading
from travio_inventory.api.rest.json_types import AskedInt32, Moment
from travio_inventory.api.rest.native import trip_answers as answers
from travio_inventory.api.rest.native import trip_models as models
from travio_inventory.api.rest.native import trip_requests as requests
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.routes import LargeBodyRoute, problems_of
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.seats.commands import ControlSalesCommand, SalesAction, trip_id
from travio_inventory.seats.queries import TripsQuery
from travio_inventory.seats.refusals import TripOpening
from travio_inventory.seats.use_cases import Inventory

TripId = Annotated[str, Path(examples=["dhaka-chattogram-0605"])]
SEATS_PER_PAGE = 2_000
AS_MUCH_AS = 25
"""A seat is written in the time that much else takes."""


class TripRoutes:
    """Each is a use case of a trip."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/trips", tags=["trips"], route_class=LargeBodyRoute)
        of_trip = "/{trip_id:id}"
        router.add_api_route(
            "",
            self.open,
            methods=["POST"],
            status_code=201,
            summary="Open a trip for sale.",
            responses=problems_of(404, 409),
        )
        router.add_api_route("", self.page, summary="Trips by departure.", responses=problems_of())
        router.add_api_route(of_trip, self.one, summary="A trip as it was opened.", responses=problems_of(404))
        router.add_api_route(f"{of_trip}/seats", self.seats, summary="The seats.", responses=problems_of(404))
        router.add_api_route(
            of_trip, self.change, methods=["PATCH"], summary="Change prices and times.", responses=problems_of(404, 409)
        )
        for action, summary in (
            (SalesAction.CLOSE, "Take no new holds, in every process within seconds."),
            (SalesAction.REOPEN, "Take new holds again."),
            (SalesAction.FREEZE, "Take no new holds, in any process, from the answer on."),
            (SalesAction.UNFREEZE, "End a freeze."),
        ):
            router.add_api_route(
                f"{of_trip}/{action}",
                self._control(action),
                methods=["POST"],
                summary=summary,
                operation_id=f"{action}_trip",
                responses=problems_of(404, 409),
            )
        router.add_api_route(
            f"{of_trip}/cancel",
            self.cancel,
            methods=["POST"],
            summary="Cancel a trip, with its holds and bookings.",
            responses=problems_of(404, 409),
        )
        router.add_api_route(
            f"{of_trip}/swap",
            self.swap,
            methods=["POST"],
            summary="Give a trip another vehicle, and move its holds and bookings there.",
            responses=problems_of(404, 409),
        )
        return router

    async def open(self, caller: Administering, body: models.TripRequest) -> models.Opened:
        actor = caller.as_member()
        trip = await requests.trip(actor.organization, body)
        return answers.opened(body.trip_id, len(trip.segments), await self._inventory.open_trip(actor, trip))

    async def page(
        self,
        caller: Reading,
        departs_from: Annotated[Moment | None, Query(description="Without both: trips without times.")] = None,
        departs_before: Annotated[Moment | None, Query()] = None,
        page_size: AskedInt32 = 0,
        page_token: str = "",
    ) -> models.TripPage:
        query = paged(
            page_token,
            lambda after: TripsQuery(
                departs_from_s=departs_from or 0,
                departs_before_s=departs_before or 0,
                after=after,
                page_size=page_size,
            ),
        )
        found = await self._inventory.list_trips(caller.as_organization(), query)
        return models.TripPage(trips=list(map(answers.listed, found.lines)), next_page_token=token_of(found.next))

    async def one(self, trip_id: TripId, caller: Reading) -> models.Trip:
        actor, named = caller.as_organization(), checked(trip_id)
        try:
            offer = await self._inventory.read_trips.one(actor, named)
        except TripOpening:
            opening = await self._inventory.read_trips.opening(actor, named)
            organization = actor.organization
            return models.Trip(trip_id=trip_id, organization_id=organization, opening=answers.progress(opening))
        return await off_loop(len(offer.trip.seats) * AS_MUCH_AS, answers.defined, offer)

    async def seats(self, trip_id: TripId, caller: Reading, page_token: str = "") -> models.SeatPage:
        found = Faults()
        start = place(found, page_token)
        found.finish()
        trip = (await self._inventory.read_trips.one(caller.as_organization(), checked(trip_id))).trip
        end = start + SEATS_PER_PAGE
        seats = await off_loop(SEATS_PER_PAGE * AS_MUCH_AS, list, map(answers.seat_shown, trip.seats[start:end]))
        return models.SeatPage(seats=seats, next_page_token=token_of(str(end)) if end < len(trip.seats) else "")

    async def change(self, trip_id: TripId, caller: Administering, body: models.ChangeRequest) -> models.Changed:
        changed = await self._inventory.change_trip(caller.as_member(), await requests.change(trip_id, body))
        return models.Changed(version=changed.version)

    def _control(self, action: SalesAction) -> Callable[[str, Administering], Awaitable[models.Sales]]:
        async def control(trip_id: TripId, caller: Administering) -> models.Sales:
            command = ControlSalesCommand(trip_id=trip_id, action=action.name)
            offer = await self._inventory.control_sales(caller.as_member(), command)
            return models.Sales.model_construct(state=answers.state_of(offer), version=offer.version)

        return control

    async def cancel(self, trip_id: TripId, caller: Administering) -> models.Cancelled:
        return answers.cancelled(await self._inventory.cancel_trip(caller.as_member(), checked(trip_id)))

    async def swap(self, trip_id: TripId, caller: Administering, body: models.SwapRequest) -> models.Swapped:
        command = await requests.swap(trip_id, body)
        return answers.swapped(await self._inventory.swap_vehicle(caller.as_member(), command))


checked = trip_id
"""The id of a trip, checked; by another name, since parameters are called as in the path."""
