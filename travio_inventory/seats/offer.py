"""A trip as it is offered: its definition, and whether anybody may hold seats of it now."""

from dataclasses import dataclass
from enum import StrEnum

from travio_inventory.seats.refusals import Departed, SalesClosed
from travio_inventory.seats.trip import Journey, Trip


class SalesState(StrEnum):
    """Whether a trip is sold. Only OPEN takes new holds; live holds go on in all but the last two."""

    OPEN = "open"
    CLOSED = "closed"
    FREEZING = "freezing"
    """Closed; the cells are being told."""
    FROZEN = "frozen"
    """Closed for every process, whatever it knows of the trip."""
    CANCELLING = "cancelling"
    """As frozen; holds are being released and bookings cancelled."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Offer:
    """A trip, its state, and the period of its sale: a freeze begins the next one. `version` counts the changes of the
    trip from 1, and `defined` is the one that gave it this definition.
    """

    trip: Trip
    state: SalesState
    period: int
    version: int
    defined: int
    opened_at_ms: int

    def check_sale(self, journey: Journey, now_ms: int, *, sells_departed: bool) -> None:
        """See `check_sale`."""
        check_sale(self.state, self.trip.segments[journey.first].departs_at_s, now_ms, sells_departed=sells_departed)


def check_sale(state: SalesState, departs_at_s: int, now_ms: int, *, sells_departed: bool) -> None:
    """Raises SalesClosed, and Departed once the trip has left the journey's first stop, where its time is known (0 if
    it is not).
    """
    if state is not SalesState.OPEN:
        raise SalesClosed(state.value)
    if departs_at_s and not sells_departed and now_ms >= departs_at_s * 1_000:
        raise Departed(departs_at_s)
