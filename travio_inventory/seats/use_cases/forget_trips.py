"""Forgets trips that ended long ago: nothing that ends is kept for ever."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.ports import TripEnds
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.visited import Visited


class ForgetTrips:
    """One round over some of the trips that are over. Several processes at once do no harm."""

    def __init__(self, ends: TripEnds) -> None:
        self._ends = ends

    async def __call__(self, actor: Actor) -> Visited[TripKey]:
        """A trip that fails stops no other; it is visited again in about an hour.

        Raises PermissionDenied, and BackendUnavailable if the list of trips could not be read.
        """
        actor.needs(Scope.HOUSE_WORK)
        due = await self._ends.due()
        visited: Visited[TripKey] = Visited(len(due))
        for trip in due:
            try:
                visited.over += await self._ends.visit(trip)
            except Exception as error:  # noqa: BLE001 - one poison trip must not stop the round; it is reported
                visited.failures[trip.key] = error
        return visited
