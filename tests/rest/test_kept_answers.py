"""An answer is written again when a seat or the sale has changed, and only then."""

from dataclasses import replace

from travio_inventory.api.rest.kept_answers import KeptAnswers
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.route import Segment
from travio_inventory.seats.seat import AVAILABLE, SOLD
from travio_inventory.seats.seat_map import SeatMap, encode_states
from travio_inventory.seats.trip import Journey, Trip, TripKey

TRIP = Trip(TripKey("org", "s"), (Segment("start", "end"),), (Seat("A1", "", 1, 1), Seat("A2", "", 1, 2)))
FREE = SeatMap(TRIP, Journey(0, 0), (encode_states([AVAILABLE, AVAILABLE]),))


async def test_what_has_not_changed_is_not_written_again() -> None:
    written: list[SeatMap] = []

    def write(seat_map: SeatMap) -> bytes:
        written.append(seat_map)
        return str(len(written)).encode()

    answers = KeptAnswers(write)
    sold = replace(FREE, groups=(encode_states([SOLD, AVAILABLE]),))
    changes = [
        sold,
        replace(sold, has_departed=True),
        replace(sold, state=SalesState.CLOSED),
        replace(sold, trip=replace(TRIP, vehicle="other")),
        replace(sold, trip=replace(TRIP, key=TripKey("org", "other"))),
    ]
    for number, seat_map in enumerate([FREE, *changes], start=1):
        later = replace(seat_map, groups=tuple(bytes(bytearray(group)) for group in seat_map.groups), as_of_ms=number)
        assert [await answers.of(seat_map), await answers.of(later)] == [str(number).encode()] * 2
