"""Events and reservations over HTTP: each seat of a POST has a reservation, and all of them are one hold."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response

from travio_inventory.api.events import (
    EventSeat,
    Reservation,
    ReservationRef,
    price_of,
    reservation_ref,
)
from travio_inventory.api.field_names import told_as
from travio_inventory.api.reservations import Reservations, cancelling, reserving, seats_query
from travio_inventory.api.rest import event_models as models
from travio_inventory.api.rest.callers import Administering, Confirming, Holding, Reading, Viewing
from travio_inventory.api.rest.errors import ErrorProblem, LargeRouteWithError, RouteWithError
from travio_inventory.api.rest.halls import open_hall
from travio_inventory.api.rest.json_text import moment, written
from travio_inventory.api.rest.json_types import InDigits
from travio_inventory.api.rest.native.idempotency import IdempotencyKey
from travio_inventory.api.rest.routes import Problem, problem_of, problems_of
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, Unauthenticated
from travio_inventory.seats.commands import ConfirmHoldCommand, HoldRef, trip_id
from travio_inventory.seats.use_cases import Inventory

JSON: Final = "application/json"
PREFIX: Final = "/api/inventory"
FIELDS: Final = {
    "trip_id": "eventId",
    "seat_ids": "seatNumbers",
    "order_id": "bookingId",
    "user_id": "userId",
    "hold_id": "reservationId",
    "seat_config": "",
    "seat_id": "seatNumber",
    "section_id": "section",
    "row_label": "rowNumber",
    "seat_class": "seatType",
    "price_paisa": "price",
}
"""What this face calls the fields of trips and holds."""
EventId = Annotated[models.EventId, InDigits, Path(alias="eventId", examples=[7])]
ReservationId = Annotated[str, Path(alias="reservationId", examples=["event-7~0~5f0c2a.QTE"])]

NO_USER: Final = "this call needs a user: name one, as X-User-Id does, or show the token of one"
NO_ID: Final = problem_of(405, Problem)
"""What a path without an id is answered: it is another path."""


class EventRoute(RouteWithError):
    """Its clients know 400 for a request that is wrong."""

    invalid = 400


class LargeEventRoute(LargeRouteWithError):
    """The same."""

    invalid = 400


class EventRoutes:
    """Reservations are holds of seats of an event's trip."""

    def __init__(self, inventory: Inventory, reservations: Reservations, *, is_ready: Callable[[], bool]) -> None:
        self._inventory = inventory
        self._reservations = reservations
        self._is_ready = is_ready

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PREFIX, tags=["events"], route_class=EventRoute)
        router.add_api_route(
            "/events/{eventId}/seats/available",
            self.free_seats,
            summary="The free seats of an event.",
            responses={200: {"model": models.Seats}, **_problems(404)},
        )
        router.add_api_route(
            "/reservations",
            self.reserve,
            methods=["POST"],
            status_code=201,
            summary="Reserve seats of an event, all of them or none.",
            responses={201: {"model": models.Reserved}, **_problems(404, 409, 410)},
        )
        of_one = "/reservations/{reservationId}"
        answer = {200: {"model": models.Reservation}, **_problems(404, 409, 410), **NO_ID}
        router.add_api_route(of_one, self.find, summary="A reservation as it is now.", responses=answer)
        confirms = "Book a reservation, with all others of its POST that were not cancelled."
        router.add_api_route(f"{of_one}/confirm", self.confirm, methods=["POST"], summary=confirms, responses=answer)
        cancels = "Give up a reservation, or cancel what was booked."
        router.add_api_route(f"{of_one}/cancel", self.cancel, methods=["POST"], summary=cancels, responses=answer)
        router.add_api_route(
            "/events",
            self.open,
            methods=["POST"],
            status_code=201,
            summary="Open an event; the same again as often as wanted.",
            responses={200: {"model": models.EventOpened}, 201: {"model": models.EventOpened}, **_problems(409)},
            route_class_override=LargeEventRoute,
        )
        router.add_api_route(
            "/health",
            self.health,
            summary="Whether the service is ready.",
            responses={200: {"model": models.Health}, **problem_of(503, ErrorProblem)},
        )
        return router

    async def free_seats(self, event: EventId, caller: Viewing) -> Response:
        with told_as(FIELDS):
            actor, query = caller.as_organization(), seats_query(event)
            offer = await self._inventory.read_trips.one(actor, trip_id(query.trip_id))
            free = await self._reservations.free_seats(actor, query)
        opened_at = moment(offer.opened_at_ms // 1_000)
        return Response(await off_loop(len(free), _seats, free, opened_at), media_type=JSON)

    async def reserve(self, caller: Holding, body: models.ReserveRequest, key: IdempotencyKey) -> Response:
        """Raises Unauthenticated for a caller who is no user and names none."""
        with told_as(FIELDS):
            command = reserving(body.event_id, body.seat_numbers, key or None)
            caller = body.of(caller)
            if not (caller.user or caller.identity.user):
                raise Unauthenticated(said=NO_USER)
            made = await self._reservations.reserve(caller.as_user(), command)
        each = [_told(made, ReservationRef(made.hold.id, seat.seat.id)) for seat in made.seats]
        return _answer({"reservations": each, "expiresAt": moment(made.expires_at_ms // 1_000)}, 201)

    async def find(self, reservation_id: ReservationId, caller: Reading) -> Response:
        ref = reservation_ref(reservation_id)
        return _answer(_told(await self._reservations.find(caller, HoldRef(ref.hold)), ref))

    async def confirm(
        self, reservation_id: ReservationId, caller: Confirming, body: models.ReservationConfirmRequest
    ) -> Response:
        caller = body.of(caller)
        ref = reservation_ref(reservation_id)
        with told_as(FIELDS):
            command = ConfirmHoldCommand(hold_id=ref.hold, order_id=body.booking_id)
            return _answer(_told(await self._reservations.confirm_all(caller, ref, command), ref))

    async def cancel(self, reservation_id: ReservationId, caller: Holding) -> Response:
        ref = reservation_ref(reservation_id)
        with told_as(FIELDS):
            (command,) = cancelling([ref])
            return _answer(_told(await self._reservations.cancel(caller, command), ref))

    async def open(self, caller: Administering, body: models.EventRequest) -> Response:
        with told_as(FIELDS):
            actor = body.of(caller).as_member()
            trip = await body.trip(actor.organization)
            status, opening = await open_hall(self._inventory, actor, trip)
        opened = {"eventId": body.event_id, "seatCount": len(trip.seats), "isOnSale": opening.is_over}
        return _answer(opened, status)

    async def health(self) -> Response:
        """Raises BackendUnavailable while the service is not ready."""
        if not self._is_ready():
            raise BackendUnavailable("the service is not ready")
        return _answer({"status": "healthy"})


def _told(reservation: Reservation, ref: ReservationRef) -> dict[str, object]:
    """The reservation of one seat; of all its seats where the id names none."""
    hold = reservation.hold
    whose = {"seatId": ref.seat} if ref.seat else {"seatIds": list(hold.seats)}
    return {
        "reservationId": str(ref),
        **whose,
        "eventId": reservation.event,
        "userId": hold.holder,
        "expiresAt": moment(reservation.expires_at_ms // 1_000),
        "status": reservation.status_of(ref.seat) if ref.seat else reservation.status,
        "createdAt": moment(hold.created_at_ms // 1_000),
    }


def _seats(free: Sequence[EventSeat], opened_at: str | None) -> bytes:
    return written({"seats": [_seat(seat, opened_at) for seat in free]})


def _seat(found: EventSeat, opened_at: str | None) -> dict[str, object]:
    seat = found.seat
    return {
        "seatId": seat.id,
        "eventId": found.event,
        "seatNumber": seat.id,
        "section": seat.section,
        "rowNumber": found.row,
        "seatType": found.type,
        "price": price_of(seat.price_minor),
        "status": found.status,
        "version": found.version,
        "createdAt": opened_at,
    }


def _answer(body: Mapping[str, object], status: int = 200) -> Response:
    return Response(written(body), status, media_type=JSON)


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return problems_of(*statuses, model=ErrorProblem)
