"""The seats of a trip's former vehicles: their seat groups, places and numbers, vehicle by vehicle."""

import pytest

from travio_inventory.seats.former import FormerSeats, FormerVehicle, split_vehicles, write_vehicles
from travio_inventory.seats.layout import Section
from verification.kit.trips import row_of

CAR = row_of(5)
VAN = row_of(2, seat="B{}")
BUS = row_of(3, seat="C{}")
VEHICLES = FormerVehicle(CAR, 2, (Section("car", "Car 7"),)), FormerVehicle(VAN, 4)


@pytest.fixture
def former() -> FormerSeats:
    return FormerSeats(VEHICLES)


def test_the_seat_groups_of_all_vehicles_are_numbered_one_after_the_other(former: FormerSeats) -> None:
    assert former.groups == [CAR[:2], CAR[2:4], CAR[4:], VAN]
    assert [former.vehicle_of(group) for group in range(4)] == [0, 0, 0, 1]
    assert former.seats == 7
    assert [former.sections_of(group) for group in (2, 3)] == [(Section("car", "Car 7"),), ()]


def test_each_seat_has_a_place_among_them(former: FormerSeats) -> None:
    places = [(group, seat) for group, seats in enumerate(former.groups) for seat in seats]
    for place, (group, seat) in enumerate(places):
        assert former.place_of(group, seat.id) == place
        assert former.seat_in(group, seat.id) is seat
        assert former.group_at(place) == group


def test_a_seat_is_only_in_its_own_seat_group(former: FormerSeats) -> None:
    for ask in (former.place_of, former.seat_in):
        with pytest.raises(KeyError):
            ask(1, "A1")


def test_a_trip_that_was_never_swapped_has_none() -> None:
    none = FormerSeats(())
    assert (none.groups, none.seats, none.vehicles) == ([], 0, ())


def test_what_is_stored_is_split_into_the_vehicles() -> None:
    present, former = split_vehicles((*CAR, *VAN, *BUS), write_vehicles(VEHICLES))
    assert (present, former) == (BUS, VEHICLES)
    assert split_vehicles(BUS, []) == (BUS, ())


def test_seats_are_known_of_the_last_vehicle_that_has_them(former: FormerSeats) -> None:
    again = FormerSeats((*VEHICLES, FormerVehicle(CAR[:1], 1)))
    assert [former.last_with(seats) for seats in (["A1"], ["B1", "B2"], ["A1", "B1"])] == [0, 1, None]
    assert [again.last_with(seats) for seats in (["A1"], ["A1", "A2"])] == [2, 0]
    assert [former.last_group_of(seat) for seat in ("A1", "A5", "B1", "C1")] == [0, 2, 3, None]
    assert again.last_group_of("A1") == 4
