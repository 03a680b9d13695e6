"""Reads one hold, or a holder's holds."""

from collections.abc import Sequence

from travio_inventory.domain.hold import Caller, Hold
from travio_inventory.engine.ports import Holds


class ReadHolds:
    """What became of a hold, as the store says it now."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds

    async def one(self, caller: Caller, hold_id: str) -> Hold:
        """Raises HoldNotFound, BackendUnavailable."""
        return await self._holds.find(caller, hold_id)

    async def all(self, caller: Caller, *, trip_id: str, include_ended: bool) -> Sequence[Hold]:
        """The caller's holds, newest first; of one trip where `trip_id` names it. Raises BackendUnavailable."""
        holds = await self._holds.all_of(caller)
        return [
            hold for hold in holds if (not trip_id or hold.trip.trip == trip_id) and (include_ended or hold.is_live)
        ]
