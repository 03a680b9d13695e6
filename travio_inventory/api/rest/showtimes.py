"""Showtimes over HTTP: hold, release and purchase seats of a trip of one segment."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, assert_never

from fastapi import APIRouter, Header, Query, Response

from travio_inventory.api.field_names import told_as
from travio_inventory.api.holds_told import expires_at_s, failure_of
from travio_inventory.api.reservations import holder_of
from travio_inventory.api.rest import showtime_models as models
from travio_inventory.api.rest.callers import Administering, Confirming, Holding, Viewing
from travio_inventory.api.rest.errors import ErrorProblem, LargeRouteWithError, RouteWithError, refused_with
from travio_inventory.api.rest.halls import open_hall
from travio_inventory.api.rest.json_text import moment, written
from travio_inventory.api.rest.kept_answers import KeptAnswers
from travio_inventory.api.rest.native.idempotency import IdempotencyKey
from travio_inventory.api.rest.routes import problem_of, problems_of
from travio_inventory.seats.commands import (
    ConfirmHoldCommand,
    GiveBackCommand,
    HoldRef,
    HoldSeatsCommand,
    SeatMapQuery,
)
from travio_inventory.seats.hold import base_id
from travio_inventory.seats.refusals import SeatContended, SeatTaken
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.seats.seat_map import SeatMap
from travio_inventory.seats.trip import WHOLE
from travio_inventory.seats.use_cases import Inventory

JSON: Final = "application/json"
UNAVAILABLE: Final = "Seat unavailable"
FIELDS: Final = {
    "trip_id": "showtimeId",
    "seat_ids": "seatIds",
    "order_id": "orderId",
    "user_id": "userId",
    "hold_id": "holdId",
    "idempotency_key": "idempotencyKey",
    "seat_config": "",
    "seat_id": "seatId",
    "section_id": "section",
    "row_label": "row",
    "seat_class": "seatType",
    "price_paisa": "price",
}
"""What this face calls the fields of trips and holds."""


class ShowtimeRoutes:
    """A showtime is a trip, and a purchase is a confirmed hold."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._answers = KeptAnswers(_availability)

    def router(self) -> APIRouter:
        router = APIRouter(tags=["showtimes"], route_class=RouteWithError)
        router.add_api_route(
            "/hold",
            self.hold,
            methods=["POST"],
            status_code=201,
            summary="Hold seats of a showtime, all of them or none.",
            responses={
                201: {"model": models.ShowtimeHeld},
                **_problems(404, 410),
                **problem_of(409, models.SeatsNotHeld),
            },
        )
        router.add_api_route(
            "/release",
            self.release,
            methods=["POST"],
            summary="Release a hold: its seats are free at once.",
            responses={200: {"model": models.Released}, **_problems(404, 409, 410)},
        )
        router.add_api_route(
            "/purchase",
            self.purchase,
            methods=["POST"],
            summary="Purchase the seats of a hold; repeated, the answer is the same.",
            responses={200: {"model": models.Purchased}, **_problems(404, 409, 410)},
        )
        router.add_api_route(
            "/availability",
            self.availability,
            summary="The state of each seat of a showtime.",
            responses={200: {"model": models.ShowtimeAvailability}, **_problems(404)},
        )
        opened = {"model": models.ShowtimeOpened}
        router.add_api_route(
            "/showtimes",
            self.open,
            methods=["POST"],
            status_code=201,
            summary="Open a showtime; the same again as often as wanted.",
            responses={200: opened, 201: opened, **_problems(409)},
            route_class_override=LargeRouteWithError,
        )
        return router

    async def hold(
        self,
        caller: Holding,
        body: models.ShowtimeHoldRequest,
        key: IdempotencyKey,
        old_key: Annotated[str, Header(alias="idempotencyKey", description="As Idempotency-Key.")] = "",
    ) -> Response:
        with told_as(FIELDS):
            command = HoldSeatsCommand(
                trip_id=body.showtime_id,
                ends=WHOLE,
                seat_ids=tuple(body.seat_ids),
                key=key or old_key or body.idempotency_key or None,
            )
            try:
                hold = await self._inventory.hold_seats(body.of(caller).as_user(), command)
            except (SeatTaken, SeatContended) as refusal:
                failed, _ = failure_of(refusal, command.seat_ids)
                return refused_with(UNAVAILABLE, refusal, seatIds=failed)
        held = {"holdId": base_id(hold.id), "expiresAt": moment(expires_at_s(hold)), "seatIds": hold.seats}
        return _answer(held, 201)

    async def release(self, caller: Holding, body: models.ReleaseRequest) -> Response:
        with told_as(FIELDS):
            command = GiveBackCommand(hold_id=body.hold_id)
            actor = await holder_of(self._inventory, body.of(caller), HoldRef(command.hold_id))
            hold = await self._inventory.release_hold(actor, command)
        return _answer({"holdId": base_id(hold.id), "released": True})

    async def purchase(self, caller: Confirming, body: models.PurchaseRequest) -> Response:
        with told_as(FIELDS):
            command = ConfirmHoldCommand(hold_id=body.hold_id, order_id=body.order_id)
            actor = await holder_of(self._inventory, body.of(caller), HoldRef(command.hold_id))
            hold = await self._inventory.confirm_hold(actor, command)
        return _answer({"holdId": base_id(hold.id), "orderId": body.order_id, "seatIds": hold.seats})

    async def availability(
        self, caller: Viewing, showtime: Annotated[str, Query(alias="showtimeId", examples=["friday-20h"])]
    ) -> Response:
        with told_as(FIELDS):
            query = SeatMapQuery(trip_id=showtime, ends=WHOLE)
            seat_map = await self._inventory.read_seat_map(caller.as_organization(), query)
        return Response(await self._answers.of(seat_map), media_type=JSON)

    async def open(self, caller: Administering, body: models.ShowtimeRequest) -> Response:
        with told_as(FIELDS):
            actor = body.of(caller).as_member()
            trip = await body.trip(actor.organization)
            status, opening = await open_hall(self._inventory, actor, trip)
        opened = {"showtimeId": body.showtime_id, "seatCount": len(trip.seats), "isOnSale": opening.is_over}
        return _answer(opened, status)


def _availability(seat_map: SeatMap) -> bytes:
    showtime = seat_map.trip.key.trip
    states = [{"seatId": seat.id, **_state(state)} for seat, state in seat_map.seats()]
    return written({"showtimeId": showtime, "availability": states})


def _state(state: SeatState) -> dict[str, object]:
    match state:
        case Available():
            return {"state": "available"}
        case HeldUntil(until_ms=until_ms):
            return {"state": "held", "holdExpiresAt": moment(until_ms // 1_000)}
        case Sold():
            return {"state": "purchased"}
        case Blocked():
            return {"state": "blocked"}
        case _:
            assert_never(state)


def _answer(body: Mapping[str, object], status: int = 200) -> Response:
    return Response(written(body), status, media_type=JSON)


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return problems_of(*statuses, model=ErrorProblem)
