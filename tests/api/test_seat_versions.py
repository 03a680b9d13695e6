"""Versions of seats: they grow with every change, and of those that do not change they stay."""

from dataclasses import replace

from travio_inventory.api.seat_versions import SeatVersions
from travio_inventory.kernel.clock import Clock
from travio_inventory.seats.layout import Seat
from travio_inventory.seats.route import Segment
from travio_inventory.seats.seat import AVAILABLE, SOLD, HeldUntil, SeatState
from travio_inventory.seats.seat_map import SeatMap, encode_states
from travio_inventory.seats.trip import Journey, Trip, TripKey

SEATS = tuple(Seat(f"A{number}", "", 1, number) for number in range(1, 6))
TRIP = Trip(TripKey("org", "event-1"), (Segment("start", "end"),), SEATS, seats_per_group=2)


class At(Clock):
    """A clock that a test sets."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def elapsed_ms(self) -> int:
        return self.ms


def seat_map(**states: SeatState) -> SeatMap:
    """The map with these states, every other seat free."""
    now = [states.get(seat.id, AVAILABLE) for seat in SEATS]
    return SeatMap(TRIP, Journey(0, 0), tuple(encode_states(now[at : at + 2]) for at in (0, 2, 4)))


def test_only_what_changes_gets_another_version() -> None:
    clock = At(100)
    versions = SeatVersions(clock)
    assert [*versions.of(seat_map())] == [100] * 5
    clock.ms = 200
    assert [*versions.of(seat_map())] == [100] * 5
    assert [*versions.of(seat_map(A2=SOLD, A5=HeldUntil(9)))] == [100, 200, 100, 100, 200]
    clock.ms = 300
    assert [*versions.of(seat_map(A2=SOLD, A5=HeldUntil(10)))] == [100, 200, 100, 100, 300]


def test_it_grows_though_the_clock_went_back_or_stood_still() -> None:
    clock = At(100)
    versions = SeatVersions(clock)
    versions.of(seat_map())
    clock.ms = 50
    assert versions.of(seat_map(A1=SOLD))[0] == 101
    assert versions.of(seat_map())[0] == 102


def test_what_somebody_was_told_is_passed_though_no_map_shows_the_change() -> None:
    clock = At(100)
    versions = SeatVersions(clock)
    versions.of(seat_map())
    versions.told(TRIP, ["A3", "gone"], 150)
    versions.told(TRIP, ["A3"], 140)
    versions.told(TRIP, ["A4"], 100)
    assert [*versions.of(seat_map())] == [100, 100, 151, 100, 100]
    assert [*versions.of(seat_map())] == [100, 100, 151, 100, 100]


def test_a_trip_that_was_changed_or_forgotten_begins_later_than_it_ended() -> None:
    clock = At(100)
    versions = SeatVersions(clock, entries_max=1)
    versions.of(seat_map())
    clock.ms = 200
    assert [*versions.of(replace(seat_map(), trip=replace(TRIP, vehicle="other")))] == [200] * 5
    other = replace(TRIP, key=TripKey("org", "event-2"))
    versions.of(replace(seat_map(), trip=other))
    clock.ms = 300
    assert [*versions.of(seat_map())] == [300] * 5
