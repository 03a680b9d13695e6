"""How a trip is opened: at once by the call, or in portions by a background job."""

from dataclasses import dataclass
from typing import NamedTuple

from travio_inventory.seats.trip import Trip


class Opening(NamedTuple):
    """How far a trip is opened: how many of its cells are made. It is on sale once all are."""

    cells_done: int
    cells: int

    @property
    def is_over(self) -> bool:
        """Whether the trip is on sale."""
        return self.cells_done >= self.cells


@dataclass(frozen=True, slots=True)
class Portions:
    """What is done at once, and how large the portions of the rest are."""

    seats_at_once_max: int = 5_000
    """A trip of more has its seats in rows of their own."""
    cells_at_once_max: int = 50_000
    seats_per_part_max: int = 1_000
    groups_max: int = 64
    """Seat groups whose cells are made before that is noted."""

    def has_parts(self, trip: Trip) -> bool:
        """Whether the trip has too many seats for one row."""
        return len(trip.seats_ever) > self.seats_at_once_max

    def is_opened_later(self, trip: Trip) -> bool:
        """Whether a background job opens it."""
        return self.has_parts(trip) or len(trip.seats) * len(trip.segments) > self.cells_at_once_max
