"""The seats of a trip's former vehicles: their seat groups, places and numbers, vehicle by vehicle."""

import pytest

from travio_inventory.seats.former import FormerSeats, FormerVehicle, split_vehicles
from verification.kit.trips import row_of

CAR = row_of(5)
VAN = row_of(2, seat="B{}")
BUS = row_of(3, seat="C{}")
FORMER = FormerSeats((FormerVehicle(CAR, 2), FormerVehicle(VAN, 4)))


def test_the_seat_groups_of_all_vehicles_are_numbered_one_after_the_other() -> None:
    assert FORMER.groups == [CAR[:2], CAR[2:4], CAR[4:], VAN]
    assert [FORMER.vehicle_of(group) for group in range(4)] == [0, 0, 0, 1]
    assert FORMER.seats == 7


def test_each_seat_has_a_place_among_them() -> None:
    places = [(group, seat) for group, seats in enumerate(FORMER.groups) for seat in seats]
    for place, (group, seat) in enumerate(places):
        assert FORMER.place_of(group, seat.id) == place
        assert FORMER.seat_in(group, seat.id) is seat
        assert FORMER.group_at(place) == group


def test_a_seat_is_only_in_its_own_seat_group() -> None:
    for ask in (FORMER.place_of, FORMER.seat_in):
        with pytest.raises(KeyError):
            ask(1, "A1")


def test_a_trip_that_was_never_swapped_has_none() -> None:
    none = FormerSeats(())
    assert (none.groups, none.seats, none.vehicles) == ([], 0, ())


def test_what_is_stored_is_split_into_the_vehicles() -> None:
    present, former = split_vehicles((*CAR, *VAN, *BUS), [(5, 2), (2, 4)])
    assert (present, former) == (BUS, tuple(FORMER.vehicles))
    assert split_vehicles(BUS, []) == (BUS, ())
