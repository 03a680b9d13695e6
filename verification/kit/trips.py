"""Trips to sell, and what a client sees of their seats."""

from travio_inventory.client import InventoryClient, Journey, Seat, SeatStatus, Segment, Trip, TripKey
from verification.kit.service_process import ORGANIZATION

Cell = tuple[str, str, int]
"""A trip, a seat and a segment."""


def trip_of(name: str, *, seats: int, segments: int = 3, seats_per_group: int = 16) -> Trip:
    """A trip from S0 over S1, S2 and so on, with the seats seat-1, seat-2 and so on."""
    return Trip(
        key=TripKey(ORGANIZATION, name),
        segments=tuple(Segment(f"S{at}", f"S{at + 1}") for at in range(segments)),
        seats=tuple(
            Seat(f"seat-{n}", f"{n}", row=1 + n // 4, column=1 + n % 4, price_minor=100 + n)
            for n in range(1, seats + 1)
        ),
        seats_per_group=seats_per_group,
    )


def ends(journey: Journey) -> tuple[str, str]:
    """The stations of the journey."""
    return f"S{journey.first}", f"S{journey.last + 1}"


def cells(trip: str, seats: tuple[str, ...], journey: Journey) -> list[Cell]:
    """The cells of those seats on the journey."""
    return [(trip, seat, segment) for seat in seats for segment in journey.segments]


async def cells_by_status(client: InventoryClient, trip: Trip) -> dict[SeatStatus, set[Cell]]:
    """Every cell of the trip as the seat maps of its segments show it."""
    found: dict[SeatStatus, set[Cell]] = {status: set() for status in SeatStatus}
    for segment in range(len(trip.segments)):
        seat_map = await client.seat_map(trip.key.trip, *ends(Journey(segment, segment)))
        for shown in seat_map.seats:
            found[shown.status].add((trip.key.trip, shown.seat.id, segment))
    return found
