"""Explains a seat: who has it, who had it, and who was refused it, as far as that is kept."""

from typing import NamedTuple

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import Violation
from travio_inventory.seats.explanation import SeatExplanation, in_order
from travio_inventory.seats.ports import Explanations
from travio_inventory.seats.queries import SeatQuery
from travio_inventory.seats.refusals import InvalidSeats
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class Kept(NamedTuple):
    """For how many seconds what has ended is kept."""

    holds_s: int
    events_s: int

    def __str__(self) -> str:
        holds, events = _spoken(self.holds_s), _spoken(self.events_s)
        return (
            "A plain lost race leaves no trace: only a refusal that is final for its idempotency key does. "
            f"Holds and refusals are kept for {holds} from their end, events for {events}."
        )


def _spoken(seconds: int) -> str:
    """As people say it: "24 h 2 min", and "45 s" only below a minute."""
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join(f"{much} {unit}" for much, unit in ((hours, "h"), (minutes, "min")) if much)


class ExplainSeat:
    """What is kept about a seat, from the store; never its passengers."""

    def __init__(self, trips: TripCatalog, explanations: Explanations, kept: Kept) -> None:
        self._trips = trips
        self._explanations = explanations
        self._left_out = str(kept)

    async def __call__(self, actor: Actor, query: SeatQuery) -> SeatExplanation:
        """A page, see `Explanations`, of a seat that the trip has or had with an earlier vehicle. Raises
        PermissionDenied, TripNotFound, InvalidSeats for any other, BackendUnavailable.
        """
        actor.needs(Scope.SEATS_EXPLAIN)
        trip = (await self._trips.check(TripKey(actor.organization, query.trip_id))).trip
        if not trip.has_seat(query.seat_id) and trip.before.last_group_of(query.seat_id) is None:
            raise InvalidSeats([Violation("seat_id", f"this trip has no seat {query.seat_id!r}")])
        cells = await self._explanations.cells(trip, query.seat_id) if not query.after else ()
        traces, following = await self._explanations.traces(trip, query.seat_id, query.place, rows_max=query.rows_max)
        following_page = str(following) if following else ""
        return SeatExplanation(trip, query.seat_id, cells, in_order(traces), following_page, self._left_out)
