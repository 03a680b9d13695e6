"""Reads one hold, or a holder's holds."""

from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.hold import Hold, HoldPage
from travio_inventory.seats.ports import Holds


class ReadHolds:
    """What became of a hold, as the store says it now."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds

    async def one(self, actor: Actor, hold_id: str) -> Hold:
        """Raises HoldNotFound, BackendUnavailable."""
        return await self._holds.find(actor, hold_id)

    async def page(
        self, actor: Actor, *, trip_id: str = "", include_ended: bool = False, after: str = "", most: int
    ) -> HoldPage:
        """At most so many of the caller's holds, see `Holds.page`. Raises BackendUnavailable."""
        return await self._holds.page(actor, trip=trip_id, ended=include_ended, after=after, most=most)
