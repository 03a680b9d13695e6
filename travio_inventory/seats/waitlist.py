"""A place in a waiting list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from travio_inventory.seats.trip import TripKey


@dataclass(frozen=True, slots=True)
class WaitlistEntry:
    """Who waits, for what, since when. So many wait before them, themselves included, as `position` says, or fewer."""

    trip: TripKey
    holder: str
    seat_class: str
    seats: int
    joined_at_ms: int
    position: int


class WaitlistPage(NamedTuple):
    """Some of a holder's places, the oldest first, and what the next page comes after ("" where there is none)."""

    entries: Sequence[WaitlistEntry]
    next: str
