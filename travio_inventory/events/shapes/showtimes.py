"""The shape `showtimes`: what was done to seats of a showtime; its types are the routing keys of an exchange."""

from typing import NotRequired, TypedDict

from travio_inventory.events.shapes.equivalents import ShowtimesType, ToldSeats, told_of
from travio_inventory.events.shapes.message import Message, headers_of
from travio_inventory.events.shapes.moments import moment
from travio_inventory.kernel.events import Event
from travio_inventory.kernel.json_text import encode
from travio_inventory.seats.events import (
    BookingCancelled,
    BookingChanged,
    HoldChanged,
    HoldCreated,
    HoldExtended,
    OfHold,
    SeatsPurchased,
)

_HELD = (ShowtimesType.HELD, ShowtimesType.EXTENDED)
_BOUGHT = (ShowtimesType.BOOKED, ShowtimesType.CANCELLED)


class ShowtimeMessage(TypedDict):
    """What was done to seats of the showtime. A repeat has the same `id`. Holds name their user, and until when they
    are; purchases their order. Seats that are off sale belong to no hold.
    """

    id: str
    type: ShowtimesType
    occurredAt: str
    showtimeId: str
    seatIds: list[str]
    holdId: NotRequired[str]
    userId: NotRequired[str]
    expiresAt: NotRequired[str]
    orderId: NotRequired[str]


def of_showtimes(event: Event) -> tuple[Message, ...]:
    """A message for each thing that was done to some of the event's seats."""
    return tuple(
        _message(event, told, told.part.showtimes) for told in told_of(event) if told.part.showtimes is not None
    )


def _message(event: Event, told: ToldSeats, kind: ShowtimesType) -> Message:
    showtime, data = event.partition_key, told.data
    written = ShowtimeMessage(
        id=told.id, type=kind, occurredAt=moment(event.at_ms), showtimeId=showtime, seatIds=[*told.seats]
    )
    if isinstance(data, OfHold):
        written["holdId"], written["userId"] = data.hold_id, data.user_id
    if isinstance(data, HoldCreated | HoldExtended | HoldChanged) and kind in _HELD:
        written["expiresAt"] = moment(data.expires_at_ms)
    if isinstance(data, SeatsPurchased | BookingChanged | BookingCancelled) and kind in _BOUGHT:
        written["orderId"] = data.order
    headers = headers_of(event, kind.value, told.id)
    return Message(id=told.id, type=kind.value, key=showtime, body=encode(written).encode(), headers=headers)
