"""Reads one hold, or a holder's holds."""

from travio_inventory.seats.hold import Caller, Hold, HoldPage
from travio_inventory.seats.ports import Holds


class ReadHolds:
    """What became of a hold, as the store says it now."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds

    async def one(self, caller: Caller, hold_id: str) -> Hold:
        """Raises HoldNotFound, BackendUnavailable."""
        return await self._holds.find(caller, hold_id)

    async def page(
        self, caller: Caller, *, trip_id: str = "", include_ended: bool = False, after: str = "", most: int
    ) -> HoldPage:
        """At most so many of the caller's holds, see `Holds.page`. Raises BackendUnavailable."""
        return await self._holds.page(caller, trip=trip_id, ended=include_ended, after=after, most=most)
