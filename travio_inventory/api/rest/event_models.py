"""Requests and answers about events and reservations."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, SkipValidation

from travio_inventory.api.events import ReservationStatus, SeatStatus, SeatType, SoldSeat, hall, trip_of
from travio_inventory.api.rest.camel import CamelAnswer, CamelBody, CamelNamingBody
from travio_inventory.api.rest.halls import AS_MUCH_AS, SEATS_MAX, Price, Row, minor
from travio_inventory.api.rest.json_types import Int64, Shown
from travio_inventory.api.rest.large_forms import read_forms
from travio_inventory.kernel.answer_deadline import read_off_loop
from travio_inventory.seats.trip import Trip, TripKey

EventId = Annotated[Int64, Field(examples=[7])]
SeatNumber = Annotated[str, Field(examples=["A1"])]


class ReserveRequest(CamelNamingBody):
    """Seats to reserve, all of them or none."""

    event_id: EventId
    seat_numbers: Annotated[list[str], Field(min_length=1, max_length=10, examples=[["A1", "A2"]])]


class ReservationConfirmRequest(CamelNamingBody):
    """The booking that reservations become."""

    booking_id: Annotated[str, Field(examples=["booking-1"])]


class EventSeatRequest(CamelBody):
    """A seat to put on sale."""

    seat_number: SeatNumber
    section: Annotated[str, Field(examples=["stalls"])] = ""
    row_number: Row = ""
    seat_type: Literal["REGULAR", "VIP", "PREMIUM"] = "REGULAR"
    price: Price = Decimal(0)

    def sold(self) -> SoldSeat:
        """As it is put on sale."""
        row = str(self.row_number)
        return SoldSeat(self.seat_number, self.section, row, self.seat_type, minor(self.price))


class EventRequest(CamelNamingBody):
    """An event to open."""

    event_id: EventId
    seats: Annotated[list[SkipValidation[EventSeatRequest]], Field(max_length=SEATS_MAX)]

    async def trip(self, organization: str) -> Trip:
        """The trip that the event is. Raises RequestValidationError, InvalidRequest."""
        seats = await read_forms(EventSeatRequest, self.seats, EventSeatRequest.sold, "seats")
        return await read_off_loop(len(seats) * AS_MUCH_AS, hall, TripKey(organization, trip_of(self.event_id)), seats)


class EventOpened(CamelAnswer):
    """The event, and whether it is on sale yet: a large one is put on sale in the background."""

    event_id: int
    seat_count: int
    is_on_sale: bool


class Seat(CamelAnswer):
    """A seat of an event. `version` grows with every change of it."""

    seat_id: str
    event_id: int
    seat_number: str
    section: str
    row_number: str
    seat_type: SeatType
    price: float
    status: SeatStatus
    version: int
    created_at: Shown


class Seats(CamelAnswer):
    """The free seats, in layout order."""

    seats: list[Seat]


class Reservation(CamelAnswer):
    """A seat that is kept for a user, or all seats of a call of gRPC. Once it is booked it does not expire."""

    reservation_id: str
    seat_id: str = ""
    seat_ids: list[str] = Field(default_factory=list, description="Instead of `seatId`, where the id names all seats.")
    event_id: int
    user_id: str
    expires_at: Shown | None
    status: ReservationStatus
    created_at: Shown


class Reserved(CamelAnswer):
    """A reservation for each seat; they expire together."""

    reservations: list[Reservation]
    expires_at: Shown | None


class Health(CamelAnswer):
    """The service is ready."""

    status: Literal["healthy"]
