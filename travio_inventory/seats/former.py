"""The seats of vehicles that a trip had before it was swapped: who has none in the new one still has these."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate, chain
from typing import Any, NamedTuple

from travio_inventory.seats.definition import write_each
from travio_inventory.seats.layout import Seat, Section

VEHICLES_MAX = 8
"""So often the vehicle of a trip is swapped: each one stays in the trip's definition."""


class FormerVehicle(NamedTuple):
    """The seats that a trip had, in layout order, how many were in a seat group, and its sections."""

    seats: tuple[Seat, ...]
    seats_per_group: int
    sections: tuple[Section, ...] = ()


class FormerSeats:
    """The seat groups of all former vehicles. They are numbered before those of the present one, which never change.

    All that is asked of them is made with it, which is in a thread where there are many.
    """

    def __init__(self, vehicles: Sequence[FormerVehicle]) -> None:
        self.vehicles = vehicles
        by_vehicle = list(map(_groups, vehicles))
        self.groups = list(chain.from_iterable(by_vehicle))
        self._ends = list(accumulate(map(len, self.groups)))
        self._vehicle_ends = list(accumulate(map(len, by_vehicle)))
        self._ids = [frozenset(seat.id for seat in vehicle.seats) for vehicle in vehicles]
        self._last_groups = {seat.id: number for number, group in enumerate(self.groups) for seat in group}
        self._places: dict[tuple[int, str], int] = {}
        for number, group in enumerate(self.groups):
            start = self._ends[number] - len(group)
            self._places |= {(number, seat.id): start + at for at, seat in enumerate(group)}

    @property
    def seats(self) -> int:
        """How many there are of all former vehicles together."""
        return self._ends[-1] if self._ends else 0

    def last_with(self, seat_ids: Collection[str]) -> int | None:
        """The last of the vehicles that has all these seats, from 0; None if none has."""
        return next((at for at in reversed(range(len(self.vehicles))) if self._ids[at].issuperset(seat_ids)), None)

    def last_group_of(self, seat_id: str) -> int | None:
        """The seat group that the last of the vehicles with a seat of that id had it in; None if none has."""
        return self._last_groups.get(seat_id)

    def place_of(self, group: int, seat_id: str) -> int:
        """The seat's place among them, from 0. Raises KeyError."""
        return self._places[group, seat_id]

    def seat_in(self, group: int, seat_id: str) -> Seat:
        """The seat of that id in the seat group. Raises KeyError."""
        place = self._places[group, seat_id]
        return self.groups[group][place - self._ends[group] + len(self.groups[group])]

    def group_at(self, place: int) -> int:
        """The seat group that has the seat at this place."""
        return bisect_right(self._ends, place)

    def sections_of(self, group: int) -> tuple[Section, ...]:
        """The sections of the vehicle that the seat group was of."""
        return self.vehicles[self.vehicle_of(group)].sections

    def vehicle_of(self, group: int) -> int:
        """Which of the vehicles the seat group was of, from 0."""
        return bisect_right(self._vehicle_ends, group)


def write_vehicles(vehicles: Sequence[FormerVehicle]) -> list[tuple[int, int, list[list[object]]]]:
    """What is written of them beside their seats: how many there are, in how large seat groups, and the sections."""
    return [(len(seats), seats_per_group, write_each(sections)) for seats, seats_per_group, sections in vehicles]


def split_vehicles(
    seats: tuple[Seat, ...], written: Sequence[Sequence[Any]]
) -> tuple[tuple[Seat, ...], tuple[FormerVehicle, ...]]:
    """The seats of the present vehicle, and the former ones, as `write_vehicles` wrote them."""
    former, start = [], 0
    for count, seats_per_group, sections in written:
        own = seats[start : start + count]
        former.append(FormerVehicle(own, seats_per_group, tuple(Section(*section) for section in sections)))
        start += count
    return seats[start:], tuple(former)


def _groups(vehicle: FormerVehicle) -> list[tuple[Seat, ...]]:
    size = vehicle.seats_per_group
    return [vehicle.seats[start : start + size] for start in range(0, len(vehicle.seats), size)]
