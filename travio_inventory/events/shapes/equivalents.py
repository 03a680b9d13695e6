"""What each of our types is in the older shapes, which know seats and no journeys: one table."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from travio_inventory.kernel.events import Event
from travio_inventory.seats.events import (
    BookingChanged,
    Data,
    EventType,
    HoldChanged,
    RefundRequired,
    SeatsPurchased,
    TripCancelled,
    VehicleSwapped,
    data_of,
)

OF_STOCK: Final = "inventory."
"""How the types of events of stock begin: they tell nothing of seats."""

Seats: TypeAlias = tuple[str, ...]


class TripsType(StrEnum):
    """The types of the shape `trips`."""

    HELD = "inventory.seats_held"
    RELEASED = "inventory.seats_released"
    BOOKED = "inventory.seats_booked"


class ShowtimesType(StrEnum):
    """The types of the shape `showtimes`."""

    HELD = "hold.created"
    EXTENDED = "hold.extended"
    RELEASED = "hold.released"
    EXPIRED = "hold.expired"
    BOOKED = "seats.purchased"
    CANCELLED = "purchase.cancelled"
    BLOCKED = "seats.blocked"
    UNBLOCKED = "seats.unblocked"


def _all(data: Data) -> Seats:
    return () if isinstance(data, RefundRequired | TripCancelled | VehicleSwapped) else data.seats


def _gone(data: Data) -> Seats:
    """The seats that it had before and has no more."""
    match data:
        case HoldChanged() | BookingChanged():
            return tuple(seat for seat in data.seats_before if seat not in data.seats)
        case SeatsPurchased():
            return data.given_back
        case _:
            return ()


def _new(data: Data) -> Seats:
    """The seats that it had not before."""
    match data:
        case HoldChanged() | BookingChanged():
            return tuple(seat for seat in data.seats if seat not in data.seats_before)
        case _:
            return ()


class Part(NamedTuple):
    """Some of the event's seats, and what is told of them; None: nothing."""

    seats: Callable[[Data], Seats]
    trips: TripsType | None
    showtimes: ShowtimesType | None


EQUIVALENTS: Final[Mapping[EventType, tuple[Part, ...]]] = MappingProxyType(
    {
        EventType.HOLD_CREATED: (Part(_all, TripsType.HELD, ShowtimesType.HELD),),
        EventType.HOLD_EXTENDED: (Part(_all, None, ShowtimesType.EXTENDED),),
        EventType.HOLD_CHANGED: (
            Part(_gone, TripsType.RELEASED, ShowtimesType.RELEASED),
            Part(_new, TripsType.HELD, ShowtimesType.HELD),
        ),
        EventType.SEATS_PURCHASED: (
            Part(_all, TripsType.BOOKED, ShowtimesType.BOOKED),
            Part(_gone, TripsType.RELEASED, ShowtimesType.RELEASED),
        ),
        EventType.HOLD_RELEASED: (Part(_all, TripsType.RELEASED, ShowtimesType.RELEASED),),
        EventType.HOLD_EXPIRED: (Part(_all, TripsType.RELEASED, ShowtimesType.EXPIRED),),
        EventType.BOOKING_CHANGED: (
            Part(_gone, TripsType.RELEASED, ShowtimesType.CANCELLED),
            Part(_new, TripsType.BOOKED, ShowtimesType.BOOKED),
        ),
        EventType.BOOKING_CANCELLED: (Part(_all, TripsType.RELEASED, ShowtimesType.CANCELLED),),
        EventType.PASSENGERS_ERASED: (),
        EventType.SEATS_BLOCKED: (Part(_all, None, ShowtimesType.BLOCKED),),
        EventType.SEATS_UNBLOCKED: (Part(_all, None, ShowtimesType.UNBLOCKED),),
        EventType.TRIP_CANCELLED: (),
        EventType.VEHICLE_SWAPPED: (),
        EventType.REFUND_REQUIRED: (),
    }
)


class ToldSeats(NamedTuple):
    """One message about some seats. The first part of an event has its id, the second its id with `~2`."""

    id: str
    part: Part
    seats: Seats
    data: Data


def told_of(event: Event) -> Iterator[ToldSeats]:
    """The parts of the event with at least one seat. An event of stock has none. Raises ValueError for a type or
    version that is not known here.
    """
    if event.type.startswith(OF_STOCK):
        return
    data = data_of(event)
    for number, part in enumerate(EQUIVALENTS[data.type], 1):
        if seats := part.seats(data):
            yield ToldSeats(event.id if number == 1 else f"{event.id}~{number}", part, seats, data)
