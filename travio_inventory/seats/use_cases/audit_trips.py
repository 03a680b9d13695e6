"""Audits trips: whether what is recorded of them, and what the edge remembers, is as it must be."""

from collections.abc import Callable, Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.audit.findings import Audited
from travio_inventory.seats.audit.ports import Audits
from travio_inventory.seats.ports import ListedTrip
from travio_inventory.seats.trip import TripKey


class AuditTrips:
    """For the house. It only reads, unless a repair is asked for."""

    def __init__(self, audits: Audits) -> None:
        self._audits = audits

    async def one(
        self, actor: Actor, key: TripKey, *, repair: bool = False, told: Callable[[int, int], None] | None = None
    ) -> Audited:
        """Audit the trip; `told` hears how many of how many seat groups are done. Raises PermissionDenied,
        BackendUnavailable.
        """
        actor.needs(Scope.HOUSE_WORK)
        return await self._audits.trip(key, repair=repair, told=told or _nobody)

    async def due(self, actor: Actor) -> Sequence[TripKey]:
        """The next trips that are to be audited in the round over all of them, which processes share; asking says that
        the last ones were. Raises PermissionDenied, BackendUnavailable.
        """
        actor.needs(Scope.HOUSE_WORK)
        return await self._audits.due()

    async def listed(self, actor: Actor, shard: int, *, after: str, most: int) -> Sequence[tuple[str, ListedTrip]]:
        """The next trips of one shard of the list of all, each with its place in it. Raises PermissionDenied,
        BackendUnavailable.
        """
        actor.needs(Scope.HOUSE_WORK)
        return await self._audits.listed(shard, after=after, most=most)


def _nobody(_done: int, _of: int) -> None:
    """Nobody is told."""
