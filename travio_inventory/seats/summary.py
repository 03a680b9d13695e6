"""How many seats of each section and class are free, held, sold and off sale for a journey, and how cheap they are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from travio_inventory.seats.layout import Seat
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.seats.seat_map import SeatMap


@dataclass(slots=True)
class ClassSummary:
    """The seats of one class in one section. The largest run is the most free seats in a row without a gap; there is no
    lowest price where none is free.
    """

    section: str
    seat_class: str
    free: int = 0
    held: int = 0
    sold: int = 0
    blocked: int = 0
    largest_run: int = 0
    lowest_price_minor: int | None = None


def summaries(seat_map: SeatMap) -> tuple[ClassSummary, ...]:
    """A summary for each section and class, in layout order."""
    found: dict[tuple[str, str], ClassSummary] = {}
    for seat, state in seat_map.seats():
        key = seat.section, seat.seat_class
        if key not in found:
            found[key] = ClassSummary(*key)
        _count(found[key], seat, state)
    for key, length in _runs_of_free_seats(seat_map.seats()):
        found[key].largest_run = max(found[key].largest_run, length)
    return tuple(found.values())


def _count(summary: ClassSummary, seat: Seat, state: SeatState) -> None:
    match state:
        case Available():
            summary.free += 1
            lowest = summary.lowest_price_minor
            summary.lowest_price_minor = seat.price_minor if lowest is None else min(lowest, seat.price_minor)
        case HeldUntil():
            summary.held += 1
        case Sold():
            summary.sold += 1
        case Blocked():
            summary.blocked += 1
        case _:
            assert_never(state)


def _runs_of_free_seats(seats: Iterable[tuple[Seat, SeatState]]) -> Iterator[tuple[tuple[str, str], int]]:
    """The length that each run of free neighbours of one class has at each of its seats, with section and class."""
    before: Seat | None = None
    length = 0
    for seat, state in seats:
        if not isinstance(state, Available):
            before = None
            continue
        length = length + 1 if before is not None and _are_neighbours(before, seat) else 1
        yield (seat.section, seat.seat_class), length
        before = seat


def _are_neighbours(left: Seat, right: Seat) -> bool:
    return (left.section, left.row, left.column + 1, left.seat_class) == (
        right.section,
        right.row,
        right.column,
        right.seat_class,
    )
