"""A place in a waiting list."""

from dataclasses import dataclass

from travio_inventory.domain.trip import TripKey


@dataclass(frozen=True, slots=True)
class WaitlistEntry:
    """Who waits, for what, since when; `position` counts from 1 and never grows."""

    trip: TripKey
    holder: str
    seat_class: str
    seats: int
    joined_at_ms: int
    position: int
