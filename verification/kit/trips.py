"""Small trips to sell, and what a client sees of their seats."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal, TypeAlias
from uuid import uuid4

from travio_inventory.client import (
    Direction,
    Feature,
    InventoryClient,
    Journey,
    Seat,
    SeatStatus,
    Section,
    Segment,
    StationName,
    Trip,
    TripKey,
)
from travio_inventory.seats.records.listed_trips import shard_of
from verification.kit.service_process import ORGANIZATION

SEATS = 18
FIRST_CLASS_SEATS = 4

Cell: TypeAlias = tuple[str, str, int]
"""A trip, a seat and a segment."""
PerGroup: TypeAlias = int | Literal["all"]


def route(stops: Sequence[str]) -> tuple[Segment, ...]:
    """From stop to stop: of "ABC" from A to B and from B to C."""
    return tuple(Segment(origin, destination) for origin, destination in pairwise(stops))


def row_of(count: int, *, seat: str = "A{}", start: int = 1, seat_class: str = "") -> tuple[Seat, ...]:
    """This number of seats in a row, A1 in front."""
    numbers = range(start, start + count)
    return tuple(Seat(seat.format(n), str(n), row=n, column=0, seat_class=seat_class) for n in numbers)


def two_classes(count: int) -> tuple[Seat, ...]:
    """This number of seats in a row, the first four in first class."""
    in_front = row_of(min(count, FIRST_CLASS_SEATS), seat_class="first")
    return in_front + row_of(count - len(in_front), start=FIRST_CLASS_SEATS + 1, seat_class="second")


def organization_in(shard: int) -> str:
    """A new organization whose trip t1 is in that shard of the list of trips: slow rounds of hasty processes come to
    shard after shard.
    """
    while shard_of(TripKey(name := f"org-{uuid4().hex}", "t1")) != shard:
        pass
    return name


def a_trip(
    name: str = "t1",
    *,
    organization: str = "",
    stops: Sequence[str] = "ABCD",
    seats: int | Sequence[Seat] = SEATS,
    seats_per_group: PerGroup = 16,
    vehicle: str = "",
) -> Trip:
    """A trip of the organization or of a new one, with these seats or this number of seats from `two_classes`."""
    layout = two_classes(seats) if isinstance(seats, int) else tuple(seats)
    return Trip(
        key=TripKey(organization or f"org-{uuid4().hex}", name),
        segments=route(stops),
        seats=layout,
        seats_per_group=len(layout) if seats_per_group == "all" else seats_per_group,
        vehicle=vehicle,
    )


def train(name: str = "train", *, organization: str = "org", stops: Sequence[str] = "ABC", per_group: int = 3) -> Trip:
    """Car 10 before car 9, each with rows 1 and 2 of two seats in first and second class; a toilet in car 9."""
    cars = Section("c10", "Car 10", "car"), Section("c9", "Car 9", "car")
    seats = [
        Seat(
            id=f"{car.id}-{row}{letter}",
            number=letter,
            row=row,
            column=column,
            seat_class="first" if row == 1 else "second",
            seat_type="window",
            price_minor=1_000 * (3 - row),
            section=car.id,
            row_label=str(row),
        )
        for car in cars
        for row in (1, 2)
        for column, letter in enumerate("AB", 1)
    ]
    return Trip(
        key=TripKey(organization, name),
        segments=tuple(replace(each, direction=Direction.LAST_ROW_AHEAD) for each in route(stops)),
        seats=tuple(seats),
        seats_per_group=per_group,
        vehicle_type="train",
        currency="EUR",
        sections=cars,
        features=(Feature("toilet", 3, 1, section="c9", columns=2, label="WC"),),
        time_zone="Europe/Vienna",
        station_names=(StationName("A", "Aachen"), StationName("C", "Celle")),
    )


def trip_of(name: str, *, seats: int, segments: int = 3, seats_per_group: int = 16) -> Trip:
    """A trip of the service's organization from S0 over S1, S2 and so on, with the seats seat-1, seat-2 and so on."""
    stops, layout = [f"S{at}" for at in range(segments + 1)], row_of(seats, seat="seat-{}")
    return a_trip(name, organization=ORGANIZATION, stops=stops, seats=layout, seats_per_group=seats_per_group)


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
