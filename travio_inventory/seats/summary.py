"""How many seats of each section and class are free, held, sold and off sale for a journey, and how cheap they are."""

from dataclasses import dataclass
from typing import assert_never

from travio_inventory.seats.layout import Seat
from travio_inventory.seats.seat import Available, Blocked, HeldUntil, Sold
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
    before: Seat | None = None
    run = 0
    for seat, state in seat_map.seats():
        key = seat.section, seat.seat_class
        summary = found.get(key) or found.setdefault(key, ClassSummary(*key))
        if isinstance(state, Available):
            run = run + 1 if before is not None and _are_neighbours(before, seat) else 1
            before = seat
            _count_free(summary, seat.price_minor, run)
        else:
            before = None
            _count_taken(summary, state)
    return tuple(found.values())


def _are_neighbours(left: Seat, right: Seat) -> bool:
    return (
        left.column + 1 == right.column
        and left.row == right.row
        and left.section == right.section
        and left.seat_class == right.seat_class
    )


def _count_free(summary: ClassSummary, price_minor: int, run: int) -> None:
    summary.free += 1
    summary.largest_run = max(summary.largest_run, run)
    lowest = summary.lowest_price_minor
    if lowest is None or price_minor < lowest:
        summary.lowest_price_minor = price_minor


def _count_taken(summary: ClassSummary, state: HeldUntil | Sold | Blocked) -> None:
    match state:
        case HeldUntil():
            summary.held += 1
        case Sold():
            summary.sold += 1
        case Blocked():
            summary.blocked += 1
        case _:
            assert_never(state)
