"""Names of seat groups and cells, which every hold needs: each is made once."""

from functools import lru_cache
from typing import Final

from travio_inventory.seats.ports import Cell, SeatGroupKey
from travio_inventory.seats.trip import Journey, TripKey

GROUPS_KNOWN_MAX: Final = 8_192
CELLS_KNOWN_MAX: Final = 16_384
"""Seats on a journey: trips name theirs alike."""


@lru_cache(maxsize=GROUPS_KNOWN_MAX)
def group_named(trip: TripKey, group: int) -> SeatGroupKey:
    """The name of the seat group, which is the same object for all who ask again."""
    return SeatGroupKey(trip, group)


@lru_cache(maxsize=CELLS_KNOWN_MAX)
def cells_on(seat: str, journey: Journey) -> tuple[Cell, ...]:
    """The cells of the seat on the journey."""
    return tuple([Cell(seat, segment) for segment in journey.segments])
