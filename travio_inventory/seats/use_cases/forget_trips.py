"""Forgets trips that are over for long: nothing that ends is kept for ever."""

from dataclasses import dataclass, field

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.ports import TripEnds
from travio_inventory.seats.trip import TripKey


@dataclass(slots=True)
class Visited:
    """What one round did: how many trips it visited, and the error of each that it could not bring on."""

    trips: int
    failures: dict[TripKey, Exception] = field(default_factory=dict)


class ForgetTrips:
    """One round over some of the trips that are over. Several processes at once do no harm."""

    def __init__(self, ends: TripEnds) -> None:
        self._ends = ends

    async def __call__(self, actor: Actor) -> Visited:
        """A trip that fails stops no other; it is visited again in about an hour.

        Raises PermissionDenied, and BackendUnavailable if the list of trips could not be read.
        """
        actor.needs(Scope.HOUSE_WORK)
        due = await self._ends.due()
        visited = Visited(len(due))
        for trip in due:
            try:
                await self._ends.visit(trip)
            except Exception as error:  # noqa: BLE001 - one poison trip must not stop the round; it is reported
                visited.failures[trip.key] = error
        return visited
