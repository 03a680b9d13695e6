"""The calls about events: their free seats, and reservations of them."""

from collections.abc import Iterable, Mapping
from typing import Final

from google.protobuf.message import Message
from grpclib.health.check import CheckBase

from travio_inventory.api.auth.caller import Caller
from travio_inventory.api.auth.identity import Grant, Identity
from travio_inventory.api.events import EventSeat, Reservation, price_of
from travio_inventory.api.field_names import told_as
from travio_inventory.api.grpc import event_messages
from travio_inventory.api.grpc.messages import Fields
from travio_inventory.api.grpc.methods import UnaryMethod
from travio_inventory.api.map_sizes import REPLY_BYTES_MAX, too_many_of_event
from travio_inventory.api.reservations import FIELDS, Reservations
from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.wire.inventory import v1

HEALTHY: Final = "healthy"


class EventMethods:
    """A caller who is in no organization is in the default one: no message of these names any."""

    def __init__(
        self, reservations: Reservations, *, organization: str = "default", readiness: CheckBase | None = None
    ) -> None:
        self._reservations = reservations
        self._organization = organization
        self._readiness = readiness

    def methods(self) -> Mapping[str, UnaryMethod]:
        """Each by its name in the contract."""
        return {
            "GetAvailableSeats": (Grant.VIEW, self.get_available_seats),
            "ReserveSeats": (Grant.HOLD, self.reserve_seats),
            "GetReservation": (Grant.READ, self.get_reservation),
            "ConfirmReservations": (Grant.CONFIRM, self.confirm_reservations),
            "CancelReservations": (Grant.HOLD, self.cancel_reservations),
            "HealthCheck": (Grant.HEALTH, self.health_check),
        }

    async def get_available_seats(self, caller: Identity, message: Message) -> bytes:
        actor, query = event_messages.event_named(self._placed(caller), message)
        free = await self._reservations.free_seats(actor, query)
        return await off_loop(len(free), _available, free)

    async def reserve_seats(self, caller: Identity, message: Message) -> v1.ReserveSeatsResponse:
        actor, command = event_messages.reserve_asked(self._placed(caller), message)
        with told_as(FIELDS):
            made = await self._reservations.reserve(actor, command)
        return v1.ReserveSeatsResponse(reservation=_told(made))

    async def get_reservation(self, caller: Identity, message: Message) -> v1.GetReservationResponse:
        found = await self._reservations.find(Caller(self._placed(caller)), event_messages.reservation_named(message))
        return v1.GetReservationResponse(reservation=_told(found))

    async def confirm_reservations(self, caller: Identity, message: Fields) -> v1.ConfirmReservationsResponse:
        """One after the other; the first refusal ends it."""
        acting, told = Caller(self._placed(caller), user=message.user_id), []
        for command in event_messages.confirm_asked(message):
            with told_as(FIELDS):
                told.append(_told(await self._reservations.confirm(acting, command)))
        return v1.ConfirmReservationsResponse(reservations=told)

    async def cancel_reservations(self, caller: Identity, message: Fields) -> v1.CancelReservationsResponse:
        """One after the other; the first refusal ends it."""
        acting, told = Caller(self._placed(caller), user=message.user_id), []
        for command in event_messages.cancel_asked(message):
            with told_as(FIELDS):
                told.append(_told(await self._reservations.cancel(acting, command)))
        return v1.CancelReservationsResponse(reservations=told)

    def _placed(self, caller: Identity) -> Identity:
        return caller.placed_in(self._organization)

    async def health_check(self, _caller: Identity, _message: Message) -> v1.HealthCheckResponse:
        """Raises BackendUnavailable while the service is not ready."""
        if self._readiness is not None and not self._readiness.__status__():
            raise BackendUnavailable("the service is not ready")
        return v1.HealthCheckResponse(status=HEALTHY)


def _available(seats: Iterable[EventSeat]) -> bytes:
    """GetAvailableSeatsResponse. Raises ReplyTooLarge."""
    reply = bytes(v1.GetAvailableSeatsResponse(seats=list(map(_seat, seats))))
    if len(reply) > REPLY_BYTES_MAX:
        raise too_many_of_event(REPLY_BYTES_MAX)
    return reply


def _told(reservation: Reservation) -> v1.Reservation:
    hold = reservation.hold
    return v1.Reservation(
        reservation_id=str(reservation.id),
        event_id=reservation.event,
        user_id=hold.holder,
        seats=list(map(_seat, reservation.seats)),
        expires_at=reservation.expires_at_ms // 1_000,
        status=reservation.status,
        created_at=hold.created_at_ms // 1_000,
    )


def _seat(found: EventSeat) -> v1.Seat:
    seat = found.seat
    return v1.Seat(
        event_id=found.event,
        seat_number=seat.id,
        section=seat.section,
        row_number=found.row,
        seat_type=found.type,
        price=price_of(seat.price_minor),
        status=found.status,
        version=found.version,
        reserved_by=found.reserved_by,
        reserved_until=found.reserved_until_ms // 1_000,
    )
