"""Seats that the house takes off sale: a hold by the house for each, without expiry, and all with one home."""

from collections.abc import Callable, Iterable, Mapping

from travio_inventory.domain.errors import TakenCell
from travio_inventory.domain.hold import NEVER_MS, Held, Hold, HoldId
from travio_inventory.domain.taken import refusal_of
from travio_inventory.domain.trip import Journey, Trip


def house_holds(trip: Trip, reasons: Mapping[str, str], *, now_ms: int, new_digest: Callable[[], str]) -> list[Hold]:
    """A hold for each of these seats, in layout order, from the first stop to the last and for good.

    The home of all of them is the block of the first, so that one batch there commits them.
    """
    seats = [seat.id for seat in trip.seats if seat.id in reasons]
    home = trip.block_of(seats[0])

    def hold(seat: str) -> Hold:
        hold_id = str(HoldId(trip.key.trip, home, new_digest(), is_late=False))
        block, reason = trip.block_of(seat), reasons[seat]
        state = Held(NEVER_MS)
        return Hold(hold_id, trip.key, "", (seat,), (block,), whole_journey(trip), now_ms, "", state, reason=reason)

    return list(map(hold, seats))


def whole_journey(trip: Trip) -> Journey:
    """From the first stop to the last."""
    return Journey(0, len(trip.segments) - 1)


def seats_blocked(cells: Iterable[TakenCell], *, segments: int) -> set[str]:
    """The seats that the house has already, where nobody else is in the way. Raises SeatTaken."""
    if others := [cell for cell in cells if cell.status != "blocked"]:
        raise refusal_of(others, "")
    found = [cell.seat for cell in cells]
    return {seat for seat in found if found.count(seat) == segments}
