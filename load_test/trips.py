"""The trips that load tests sell: a coach with a hot seat, and a train."""

from itertools import pairwise

from travio_inventory.seats.layout import Seat
from travio_inventory.seats.route import Segment
from travio_inventory.seats.trip import Journey, Trip, TripKey

ORGANIZATION = "load-test"
STATIONS = ("Alpha", "Bravo", "Charlie", "Delta", "Echo")
WHOLE_JOURNEY = Journey(0, len(STATIONS) - 2)
HOT_SEAT = "seat-A1"
FARE_MINOR = 160_000

COACH_ROWS = 10
TRAIN_CARS = 4
TRAIN_CAR_ROWS = 20
COLUMNS = 4


def coach(trip_id: str) -> Trip:
    """40 seats, seat-A1 to seat-J4, on four segments."""
    return _trip(
        trip_id, [_seat(f"seat-{chr(ord('A') + row)}{{}}", row, column) for row, column in _places(COACH_ROWS)]
    )


def train(trip_id: str) -> Trip:
    """320 seats in four cars, on four segments."""
    places = _places(TRAIN_CARS * TRAIN_CAR_ROWS)
    return _trip(
        trip_id,
        [
            _seat(f"train-{row // TRAIN_CAR_ROWS + 1}-{row % TRAIN_CAR_ROWS + 1}-{{}}", row, column)
            for row, column in places
        ],
    )


def ends(journey: Journey) -> tuple[str, str]:
    """The stations where the journey begins and ends."""
    return STATIONS[journey.first], STATIONS[journey.last + 1]


def _places(rows: int) -> list[tuple[int, int]]:
    return [(row, column) for row in range(rows) for column in range(1, COLUMNS + 1)]


def _seat(name: str, row: int, column: int) -> Seat:
    seat_id = name.format(column)
    number = seat_id.partition("-")[2]
    return Seat(seat_id, number, row=row + 1, column=column, seat_class="economy", price_minor=FARE_MINOR)


def _trip(trip_id: str, seats: list[Seat]) -> Trip:
    return Trip(
        key=TripKey(ORGANIZATION, trip_id),
        segments=tuple(Segment(origin, destination) for origin, destination in pairwise(STATIONS)),
        seats=tuple(seats),
        currency="BDT",
    )
