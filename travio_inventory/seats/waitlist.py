"""A place in a waiting list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from travio_inventory.seats.trip import TripKey


@dataclass(frozen=True, slots=True)
class WaitlistEntry:
    """Who waits, for what, since when. `position` is the place in the list, from 1; it may have moved up since."""

    trip: TripKey
    holder: str
    seat_class: str
    seats: int
    joined_at_ms: int
    position: int


class WaitlistPage(NamedTuple):
    """Some of a holder's places, oldest first, and the position of the next page ("" if there is none)."""

    entries: Sequence[WaitlistEntry]
    next: str
