"""Reads one hold, a holder's holds, or whose a hold is."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.seats.commands import HoldRef, HoldsQuery
from travio_inventory.seats.hold import Hold, HoldPage
from travio_inventory.seats.ports import Holds


class ReadHolds:
    """The present state of a hold, from the store."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds

    async def one(self, actor: Actor, hold_id: HoldRef) -> Hold:
        """Raises PermissionDenied, HoldNotFound, BackendUnavailable."""
        actor.needs(Scope.HOLDS_READ)
        return await self._holds.find(actor, hold_id)

    async def holder(self, actor: Actor, hold_id: HoldRef) -> str:
        """Whose hold of the actor's organization it is. Raises PermissionDenied, HoldNotFound, BackendUnavailable."""
        actor.needs(Scope.HOLDERS_READ)
        return await self._holds.holder(actor.organization, hold_id)

    async def page(self, actor: Actor, query: HoldsQuery) -> HoldPage:
        """A page of the actor's holds, see `Holds.page`. Raises PermissionDenied, BackendUnavailable."""
        actor.needs(Scope.HOLDS_READ)
        return await self._holds.page(
            actor, trip=query.trip_id, ended=query.include_ended, after=query.after, most=query.most
        )
