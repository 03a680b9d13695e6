"""Waiting lists: a place per trip, holder and class, in the order of joining."""

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.ports import Waitlists
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog
from travio_inventory.seats.waitlist import WaitlistEntry, WaitlistPage


class Waitlist:
    """Join, leave and list."""

    def __init__(self, trips: TripCatalog, waitlists: Waitlists, steps: StepRunner) -> None:
        self._trips = trips
        self._waitlists = waitlists
        self._steps = steps

    async def join(self, actor: Actor, trip_id: str, seat_class: str, seats: int) -> WaitlistEntry:
        """The caller's place; joining again keeps it. Raises TripNotFound, InvalidRequest, BackendUnavailable."""
        trip = await self._trips.get(TripKey(actor.organization, trip_id))
        if seat_class and seat_class not in trip.seat_classes:
            said = f"this trip has the classes {', '.join(sorted(trip.seat_classes))}, not {seat_class!r}"
            raise InvalidRequest([Violation("seat_class", said)])
        return await self._steps.run(self._waitlists.join(actor, trip.key, seat_class, seats))

    async def leave(self, actor: Actor, trip_id: str, seat_class: str) -> None:
        """Give the place up. Raises NotOnWaitlist, BackendUnavailable."""
        key = TripKey(actor.organization, trip_id)
        await self._steps.run(self._waitlists.leave(actor, key, seat_class))

    async def page(self, holder: str, *, organization: str = "", after: str = "", most: int) -> WaitlistPage:
        """What the holder waits for, of one organization where it is named. Raises BackendUnavailable."""
        return await self._waitlists.page(holder, organization=organization, after=after, most=most)
