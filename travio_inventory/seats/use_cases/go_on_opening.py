"""Goes on opening large trips, whichever process began."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.opening_ports import TripOpenings
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.visited import Visited


class GoOnOpening:
    """One round over some of the trips that are being opened. Several processes at once do no harm."""

    def __init__(self, openings: TripOpenings) -> None:
        self._openings = openings

    async def __call__(self, actor: Actor) -> Visited[TripKey]:
        """A trip that fails stops no other. Raises PermissionDenied, and BackendUnavailable if the list could not be
        read.
        """
        actor.needs(Scope.HOUSE_WORK)
        begun = await self._openings.begun()
        visited: Visited[TripKey] = Visited(len(begun))
        for listed in begun:
            try:
                await self._openings.visit(listed)
            except Exception as error:  # noqa: BLE001 - one poison trip must not stop the round; it is reported
                visited.failures[listed.key] = error
        return visited
