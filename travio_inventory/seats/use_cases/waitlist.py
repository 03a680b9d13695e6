"""Waiting lists: a place per trip, holder and class, in the order of joining."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.answer_deadline import only_reading
from travio_inventory.kernel.refusals import InvalidRequest, Violation
from travio_inventory.seats.commands import WaitlistPlace, WaitsQuery
from travio_inventory.seats.limits import SeatLimits
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.ports import Waitlists
from travio_inventory.seats.refusals import TripCancelled
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog
from travio_inventory.seats.waitlist import WaitlistEntry, WaitlistPage


class Waitlist:
    """Join, leave and list."""

    def __init__(self, trips: TripCatalog, waitlists: Waitlists, steps: StepRunner, limits: SeatLimits) -> None:
        self._trips = trips
        self._waitlists = waitlists
        self._steps = steps
        self._limits = limits

    async def join(self, actor: Actor, place: WaitlistPlace) -> WaitlistEntry:
        """The actor's place; joining again keeps it. Raises PermissionDenied, TripNotFound, TripCancelled,
        InvalidRequest, BackendUnavailable.
        """
        actor.needs(Scope.WAITLISTS_JOIN)
        self._limits.check_wait(place.seats)
        with only_reading:
            offer = await self._trips.offer(TripKey(actor.organization, place.trip_id))
        if offer.state in (SalesState.CANCELLING, SalesState.CANCELLED):
            raise TripCancelled
        trip = offer.trip
        if place.seat_class and place.seat_class not in trip.seat_classes:
            said = f"this trip has the classes {', '.join(sorted(trip.seat_classes))}, not {place.seat_class!r}"
            raise InvalidRequest([Violation("seat_class", said)])
        return await self._steps.run(self._waitlists.join(actor, trip.key, place.seat_class, place.seats))

    async def leave(self, actor: Actor, place: WaitlistPlace) -> None:
        """Leave the list. Raises PermissionDenied, NotOnWaitlist, BackendUnavailable."""
        actor.needs(Scope.WAITLISTS_JOIN)
        key = TripKey(actor.organization, place.trip_id)
        await self._steps.run(self._waitlists.leave(actor, key, place.seat_class))

    async def page(self, actor: Actor, query: WaitsQuery) -> WaitlistPage:
        """The actor's places, in its organization or in every one. Raises PermissionDenied, BackendUnavailable."""
        actor.needs(Scope.WAITLISTS_READ)
        return await self._waitlists.page(
            actor.user, organization=actor.organization, after=query.after, most=query.most
        )
