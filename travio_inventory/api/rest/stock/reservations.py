"""Reservations over HTTP: made for an order, read, committed and cancelled."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from travio_inventory.api.rest.callers import StockReading, StockReserving
from travio_inventory.api.rest.native.idempotency import IdempotencyKey
from travio_inventory.api.rest.paths import part_of_path
from travio_inventory.api.rest.routes import problems_of
from travio_inventory.api.rest.stock import reservation_models as models
from travio_inventory.api.rest.stock.routing import PREFIX, StockRoute
from travio_inventory.stock.reservation import OfReservation
from travio_inventory.stock.use_cases import Stock

ReservationId = Annotated[
    str, Path(alias="reservationId", min_length=1, examples=["cup-blue~64~3190a7a4afb35fe2b8ef0ce463a471db"])
]


class ReservationRoutes:
    """Each is a step of a reservation, which happens once."""

    def __init__(self, stock: Stock) -> None:
        self._reserve = stock.reserve

    def router(self) -> APIRouter:
        router = APIRouter(prefix=f"{PREFIX}/reservations", tags=["stock"], route_class=StockRoute)
        of_one = "/{reservationId:id}"
        router.add_api_route(
            "",
            self.reserve,
            methods=["POST"],
            status_code=201,
            summary="Reserve stock for an order, every item or nothing.",
            responses=problems_of(404, 409),
        )
        router.add_api_route(of_one, self.one, summary="A reservation as it is now.", responses=problems_of(404, 405))
        router.add_api_route(
            "/order/{orderId:id}",
            self.of_order,
            summary="The last reservation of an order.",
            responses=problems_of(404),
        )
        for path, call, summary in (
            (
                "commit",
                self.commit,
                "What was reserved leaves the stock, or some lines of it: the others are given back.",
            ),
            ("cancel", self.cancel, "Give back what was reserved, or some lines of it; return what was committed."),
        ):
            router.add_api_route(
                f"{of_one}/{path}", call, methods=["POST"], summary=summary, responses=problems_of(404, 405, 409)
            )
        return router

    async def reserve(
        self, caller: StockReserving, body: models.ReserveRequest, key: IdempotencyKey, response: Response
    ) -> models.ReservationShown:
        reservation = await self._reserve.reserve(caller.as_member(), body.command(key))
        response.headers["location"] = f"{PREFIX}/reservations/{part_of_path(reservation.id)}"
        return models.reservation_shown(reservation)

    async def one(self, reservation_id: ReservationId, caller: StockReading) -> models.ReservationShown:
        named = OfReservation(reservation_id)
        return models.reservation_shown(await self._reserve.one(caller.as_member(), named.reservation_id))

    async def of_order(
        self, order_id: Annotated[str, Path(alias="orderId", examples=["order-1"])], caller: StockReading
    ) -> models.ReservationShown:
        named = OfReservation(order_id=order_id)
        return models.reservation_shown(await self._reserve.of_order(caller.as_member(), named.order_id))

    async def commit(
        self, reservation_id: ReservationId, caller: StockReserving, body: models.LinesRequest | None = None
    ) -> models.ReservationShown:
        command = OfReservation(reservation_id, inventory_ids=body.inventory_ids if body else ())
        return models.reservation_shown(await self._reserve.commit(caller.as_member(), command))

    async def cancel(
        self, reservation_id: ReservationId, caller: StockReserving, body: models.LinesRequest | None = None
    ) -> models.ReservationShown:
        command = OfReservation(reservation_id, inventory_ids=body.inventory_ids if body else ())
        return models.reservation_shown(await self._reserve.cancel(caller.as_member(), command))
