"""The trips that benches sell: made here, so that a bench needs no file and never runs out of seats."""

from dataclasses import replace
from itertools import pairwise
from secrets import token_hex
from string import ascii_lowercase

from travio_inventory.bench.calls import ORGANIZATION
from travio_inventory.seats.layout import Seat, Section
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import OUR_CHOICE, Trip, TripKey

COACH_ROWS = "ABCDEFGHIJ"
COACH_COLUMNS = "1234"
TRAIN_CARS = 13
TRAIN_ROWS = 20
TRAIN_COLUMNS = "ABCDE"
SECTION_SEATS, ROW_SEATS = 1_000, 40
FARE_MINOR = 160_000


def coach(*, seats: tuple[str, ...] = ()) -> Trip:
    """A coach of 40 seats, seat-A1 to seat-J4, on two segments; a requested seat that it lacks is added."""
    names = [f"seat-{row}{column}" for row in COACH_ROWS for column in COACH_COLUMNS]
    names += [name for name in seats if name not in names]
    return _trip("coach", [_seat(name, at, len(COACH_COLUMNS)) for at, name in enumerate(names)], stops="abc")


def wide(seats: int, *, segments: int = 2, seats_per_group: int = OUR_CHOICE) -> Trip:
    """So many seats on so many segments, 25 at most."""
    stops = ascii_lowercase[: segments + 1]
    return _trip(
        "wide",
        [_seat(f"s{at}", at, len(COACH_COLUMNS)) for at in range(seats)],
        stops=stops,
        seats_per_group=seats_per_group,
    )


def train() -> Trip:
    """A train of 1,300 seats on five segments."""
    seats = [
        _seat(f"train-{car}-{row}-{column}", place, len(TRAIN_COLUMNS))
        for place, (car, row, column) in enumerate(
            (car, row, column)
            for car in range(1, TRAIN_CARS + 1)
            for row in range(1, TRAIN_ROWS + 1)
            for column in TRAIN_COLUMNS
        )
    ]
    return _trip("train", seats, stops="abcdef")


def venue(seats: int) -> Trip:
    """A hall on one segment, in sections of a thousand seats."""
    layout = [
        replace(_seat(f"{at // SECTION_SEATS}-{at}", at % SECTION_SEATS, ROW_SEATS), section=str(at // SECTION_SEATS))
        for at in range(seats)
    ]
    sections = tuple(Section(str(number)) for number in range(-(-seats // SECTION_SEATS)))
    return _trip("venue", layout, stops="ab", sections=sections)


def _seat(name: str, at: int, columns: int) -> Seat:
    return Seat(
        id=name,
        number=name.partition("-")[2] or name,
        row=at // columns + 1,
        column=at % columns + 1,
        seat_class="economy",
        price_minor=FARE_MINOR,
    )


def _trip(
    kind: str,
    seats: list[Seat],
    *,
    stops: str,
    seats_per_group: int = OUR_CHOICE,
    sections: tuple[Section, ...] = (),
) -> Trip:
    """A new trip each time: a bench finds nothing that an earlier one left."""
    segments = tuple(Segment(origin, destination) for origin, destination in pairwise(stops))
    return Trip(
        key=TripKey(ORGANIZATION, f"bench-{kind}-{token_hex(6)}"),
        segments=segments,
        seats=tuple(seats),
        seats_per_group=seats_per_group,
        sections=sections,
        vehicle_type=kind,
        currency="BDT",
    )
