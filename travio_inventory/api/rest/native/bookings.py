"""Bookings over HTTP: read, cancelled, listed for an order."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from travio_inventory.api.holds_told import given_back
from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.rest.callers import Administering, Confirming, Reading
from travio_inventory.api.rest.json_types import AskedInt32
from travio_inventory.api.rest.native import hold_answers as answers
from travio_inventory.api.rest.native import hold_models as models
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.routes import Route, problems_of
from travio_inventory.seats.commands import GiveBackCommand, hold_ref
from travio_inventory.seats.queries import OrderQuery
from travio_inventory.seats.use_cases import Inventory

BookingId = Annotated[str, Path(description="The id of a booking.", examples=["dhaka-chattogram-0605~0~5f0c2a"])]
OrderId = Annotated[str, Path(examples=["order-1"])]


class BookingRoutes:
    """Each is a use case of a booking."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["bookings"], route_class=Route)
        of_booking = "/bookings/{booking_id:id}"
        router.add_api_route(of_booking, self.one, summary="A booking as it is now.", responses=problems_of(404))
        router.add_api_route(
            of_booking,
            self.delete,
            methods=["DELETE"],
            status_code=204,
            summary="Cancel a booking: its seats are on sale again.",
            responses=problems_of(404, 409, 410),
        )
        router.add_api_route(
            f"{of_booking}/cancel",
            self.cancel,
            methods=["POST"],
            summary="Cancel a booking, or some of its seats.",
            responses=problems_of(404, 409, 410),
        )
        router.add_api_route(
            f"{of_booking}/passengers",
            self.erase_passengers,
            methods=["DELETE"],
            status_code=204,
            summary="Erase the passengers of a booking, which keeps its seats.",
            responses=problems_of(404, 409, 410),
        )
        router.add_api_route(
            "/orders/{order_id:id}/bookings",
            self.of_order,
            summary="The bookings of an order, whoever made them.",
            responses=problems_of(),
        )
        return router

    async def one(self, booking_id: BookingId, caller: Reading) -> models.Hold:
        actor = caller.as_user()
        hold = await self._inventory.read_holds.one(actor, hold_ref(booking_id, "booking_id"))
        return answers.described(hold, await self._inventory.read_trips.of_hold(actor, hold))

    async def delete(self, booking_id: BookingId, caller: Confirming) -> Response:
        await self._inventory.cancel_booking(caller.as_user(), GiveBackCommand(hold_id=booking_id, field="booking_id"))
        return Response(status_code=204)

    async def cancel(self, booking_id: BookingId, caller: Confirming, body: models.SeatsRequest) -> models.GivenBack:
        command = GiveBackCommand(hold_id=booking_id, seat_ids=tuple(body.seat_ids), field="booking_id")
        count, left = given_back(await self._inventory.cancel_booking(caller.as_user(), command), command.parts)
        return models.GivenBack(given_back_count=count, remaining_seat_ids=left)

    async def erase_passengers(self, booking_id: BookingId, caller: Confirming) -> Response:
        await self._inventory.erase_passengers(caller.as_user(), hold_ref(booking_id, "booking_id"))
        return Response(status_code=204)

    async def of_order(
        self,
        order_id: OrderId,
        caller: Administering,
        include_cancelled: bool = False,
        include_national_ids: bool = False,
        page_size: AskedInt32 = 0,
        page_token: str = "",
    ) -> models.HoldPage:
        query = paged(
            page_token,
            lambda after: OrderQuery(
                order_id=order_id,
                include_cancelled=include_cancelled,
                with_national_ids=include_national_ids,
                after=after,
                page_size=page_size,
            ),
        )
        found = await self._inventory.read_order(caller.as_organization(), query)
        holds = [answers.described(hold, trip) for hold, trip in found.bookings]
        return models.HoldPage(holds=holds, next_page_token=token_of(found.next))
