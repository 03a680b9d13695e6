"""What happened to a hold, as it is told to others."""

from dataclasses import dataclass
from enum import StrEnum

from travio_inventory.seats.trip import Journey, TripKey


class EventType(StrEnum):
    """The steps that are told."""

    HOLD_CREATED = "hold.created"
    HOLD_EXTENDED = "hold.extended"
    SEATS_PURCHASED = "seats.purchased"
    HOLD_RELEASED = "hold.released"
    HOLD_EXPIRED = "hold.expired"
    BOOKING_CANCELLED = "booking.cancelled"


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one hold. `id` is the same however often the event is told; times in Unix milliseconds.

    `ordinal` counts the hold's events from 0, its late booking's included.
    """

    id: str
    type: EventType
    at_ms: int
    trip: TripKey
    hold_id: str
    holder: str
    seats: tuple[str, ...]
    journey: Journey
    expires_at_ms: int
    order: str
    ordinal: int
