"""What every face says of holds and bookings: their status, tickets and seats, and why there is none."""

from collections.abc import Sequence
from hashlib import blake2b

from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Forgotten,
    Held,
    Hold,
    HoldState,
    Released,
)
from travio_inventory.seats.layout import spoken_label
from travio_inventory.seats.refusals import CONTENTION, HoldLimitReached, SeatContended, SeatHeld, SeatTaken
from travio_inventory.seats.trip import Trip


def ticket_id(booking_id: str, seat: str) -> str:
    """The same for a booking's seat however often the booking is confirmed."""
    return blake2b(f"{booking_id}\x1f{seat}".encode(), digest_size=10).hexdigest().upper()


def expires_at_s(hold: Hold) -> int:
    """When the hold runs out or did, 0 if never. In Unix seconds, rounded down."""
    return hold.state.expires_at_ms // 1_000 if isinstance(hold.state, Held | Expired) else 0


def given_back(hold: Hold, parts: Sequence[str] | None) -> tuple[int, list[str]]:
    """How many seats a release or a cancel gave back, of all or of these; and which the hold still has."""
    left = list(hold.seats) if hold.is_live else []
    return len(hold.seats if parts is None else parts), left


def seat_labels(hold: Hold, trip: Trip) -> list[str]:
    """How people name its seats, which may be of a former vehicle of the trip."""
    sections = {group: {section.id: section for section in trip.sections_of(group)} for group in {*hold.groups}}
    return [
        spoken_label(seat, sections[group].get(seat.section))
        for group, seat in zip(hold.groups, map(trip.seat_in, hold.groups, hold.seats), strict=True)
    ]


def status_of(state: HoldState) -> tuple[str, str]:
    """The name of the state, and the order of a booking."""
    match state:
        case Held():
            return "HELD", ""
        case Confirmed(order=order):
            return "CONFIRMED", order
        case Released():
            return "RELEASED", ""
        case Expired():
            return "EXPIRED", ""
        case Cancelled(order=order):
            return "CANCELLED", order
        case Aborted() | Forgotten():  # nobody is told of a hold, so no other status is true
            return "UNSPECIFIED", ""


def failure_of(refusal: Refusal, seat_ids: Sequence[str]) -> tuple[list[str], str]:
    """The seats that failed, all of them if the refusal names none; and why, in words that old clients compare."""
    match refusal:
        case SeatTaken(cells=cells):
            said = CONTENTION if isinstance(refusal, SeatHeld) else "some seats not available"
            failed = [cell.seat for cell in cells]
        case HoldLimitReached():
            failed, said = [], "maximum concurrent holds exceeded"
        case SeatContended(seats=seats):
            failed, said = list(seats), CONTENTION
        case _:
            failed, said = [], str(refusal)
    return list(dict.fromkeys(failed or seat_ids)), said
