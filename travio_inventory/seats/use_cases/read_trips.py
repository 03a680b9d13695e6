"""Reads the definition of a trip."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import TripId
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.offer import Offer
from travio_inventory.seats.opening import Opening
from travio_inventory.seats.ports import Trips
from travio_inventory.seats.refusals import HoldNotFound, TripNotFound
from travio_inventory.seats.trip import Trip, TripKey
from travio_inventory.seats.use_cases.trip_catalog import TripCatalog


class ReadTrips:
    """A trip as it was opened."""

    def __init__(self, trips: TripCatalog, stored: Trips) -> None:
        self._trips = trips
        self._stored = stored

    async def one(self, actor: Actor, trip_id: TripId) -> Offer:
        """The trip as it is offered. Raises PermissionDenied, TripNotFound, TripOpening, BackendUnavailable."""
        actor.needs(Scope.TRIPS_READ)
        return await self._trips.offer(TripKey(actor.organization, trip_id))

    async def opening(self, actor: Actor, trip_id: TripId) -> Opening:
        """How far it is opened. Raises PermissionDenied, TripNotFound, BackendUnavailable."""
        actor.needs(Scope.TRIPS_READ)
        opening = await self._stored.opening(TripKey(actor.organization, trip_id))
        if opening is None:
            raise TripNotFound
        return opening

    async def of_hold(self, actor: Actor, hold: Hold) -> Trip:
        """The trip of one of the actor's holds, whatever its scopes. Raises HoldNotFound, BackendUnavailable."""
        if (hold.trip.organization, hold.holder) != (actor.organization, actor.user):
            raise HoldNotFound
        try:
            return await self._trips.of_hold(hold)
        except TripNotFound:
            raise HoldNotFound from None
