"""Lists the trips of an organization by their departure."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.offer import TripPage
from travio_inventory.seats.ports import Departures
from travio_inventory.seats.queries import TripsQuery


class ListTrips:
    """Trips that are on sale, and those that were and are not forgotten yet."""

    def __init__(self, departures: Departures) -> None:
        self._departures = departures

    async def __call__(self, actor: Actor, query: TripsQuery) -> TripPage:
        """A page, see `Departures.page`. Raises PermissionDenied, BackendUnavailable."""
        actor.needs(Scope.TRIPS_READ)
        return await self._departures.page(
            actor.organization,
            from_s=query.departs_from_s,
            before_s=query.departs_before_s,
            after=query.after,
            most=query.most,
        )
