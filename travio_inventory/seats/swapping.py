"""What becomes of seats when a trip gets another vehicle: which seat of the new one stands for each of the old one.

A seat keeps its id if the new vehicle has a seat with that id; else it is found by section, row, number and class. Its
class never changes, and no two seats become one. What is left has no seat, and whoever booked it is to be asked.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from travio_inventory.seats.layout import Seat


class Why(StrEnum):
    """Why a seat has none in the new vehicle."""

    NOT_THERE = "not there"
    OTHER_CLASS = "of another class"
    SEVERAL = "there more than once"


@dataclass(frozen=True, slots=True)
class SeatMatches:
    """The new seat of each old one, by their ids, and why the others have none. `unused` are new seats that stand for
    no old one.
    """

    matched: Mapping[str, str]
    left: Mapping[str, Why]
    unused: tuple[str, ...]


class Swapped(NamedTuple):
    """What becomes of a hold or a booking: its new seats in the order of the old ones, or why some have none."""

    seats: tuple[str, ...]
    left: Mapping[str, Why]

    @property
    def is_possible(self) -> bool:
        """Whether it can be moved: a hold is moved with all its seats or not at all."""
        return not self.left


_Place: TypeAlias = tuple[str, str, str, str]


def match_seats(old: Sequence[Seat], new: Sequence[Seat]) -> SeatMatches:
    """The same whatever the order of the seats."""
    by_id = {seat.id: seat for seat in new}
    matched = {
        seat.id: seat.id for seat in old if (other := by_id.get(seat.id)) and other.seat_class == seat.seat_class
    }
    searched = [seat for seat in old if seat.id not in matched]
    free = [seat for seat in new if seat.id not in matched]
    at, searched_at = _by_place(free), Counter(map(_place, searched))
    left = {}
    for seat in searched:
        found = at.get(_place(seat), [])
        if len(found) == searched_at[_place(seat)] == 1:
            matched[seat.id] = found[0].id
        else:
            left[seat.id] = _why(seat, found, by_id, free)
    used = set(matched.values())
    return SeatMatches(matched, left, tuple(seat.id for seat in new if seat.id not in used))


def swapped(seats: Sequence[str], matches: SeatMatches) -> Swapped:
    """What becomes of a hold of these seats; of one that the old vehicle did not have, that it is not there."""
    left = {seat: matches.left.get(seat, Why.NOT_THERE) for seat in seats if seat not in matches.matched}
    return Swapped(tuple(matches.matched[seat] for seat in seats) if not left else (), left)


def _place(seat: Seat) -> _Place:
    return seat.section, seat.row_label or str(seat.row), seat.number, seat.seat_class


def _by_place(seats: Iterable[Seat]) -> dict[_Place, list[Seat]]:
    found: dict[_Place, list[Seat]] = {}
    for seat in seats:
        found.setdefault(_place(seat), []).append(seat)
    return found


def _why(seat: Seat, found: Sequence[Seat], by_id: Mapping[str, Seat], free: Iterable[Seat]) -> Why:
    if found:
        return Why.SEVERAL
    is_there = seat.id in by_id or any(_place(seat)[:-1] == _place(other)[:-1] for other in free)
    return Why.OTHER_CLASS if is_there else Why.NOT_THERE
