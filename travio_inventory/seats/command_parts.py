"""What many requests to use cases have, and how it is checked: the ends of a journey, the seats of a hold."""

from travio_inventory.kernel import limits
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.ids import is_plain
from travio_inventory.seats.layout import first_repeated
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.trip import WHOLE, Ends


def check_parts(found: Faults, seat_ids: tuple[str, ...]) -> None:
    """Seats of a hold, none for all of them."""
    if found.count("seat_ids", seat_ids, 0, limits.SEATS_PER_HOLD_MAX, InvalidSeats):
        found.ids("seat_ids", seat_ids)
        if repeated := first_repeated(seat_ids):
            found.wrong("seat_ids", f"seat {repeated!r} is named twice", InvalidSeats)


def are_usual(trip_id: str, ends: Ends) -> bool:
    """Whether nothing can be wrong with the trip and the ends of a journey on it, as is seen at once of most."""
    origin, destination, first, last = ends
    return first is last is None and all(map(is_plain, (trip_id, origin, destination)))


def check_ends(found: Faults, ends: Ends) -> None:
    """Those of a journey; a trip of one segment needs none."""
    if ends == WHOLE:
        return
    found.id("from_station_id", ends.origin)
    found.id("to_station_id", ends.destination)
    if ends.first is not None:
        found.number("from_segment_index", ends.first, 0, limits.SEGMENTS_MAX - 1)
    if ends.last is not None:
        found.number("to_segment_index", ends.last, 0, limits.SEGMENTS_MAX - 1)
