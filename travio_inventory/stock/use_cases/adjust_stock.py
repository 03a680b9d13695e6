"""Changes how many there are: by so many, or to as many as were counted."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.stock.commands import AdjustStock, SetStock
from travio_inventory.stock.records.changing import Changed
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.use_cases.steps import Steps


class AdjustsStock:
    """Each change is one movement, whoever repeats it with the same cause."""

    def __init__(self, entries: Entries, steps: Steps) -> None:
        self._entries = entries
        self._steps = steps

    async def by(self, actor: Actor, command: AdjustStock) -> Changed:
        """The entry and the movement. Raises PermissionDenied, StockNotFound, InsufficientStock, StockFull,
        IdempotencyKeyReused, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        return await self._steps.run(self._entries.adjust(actor, command))

    async def to(self, actor: Actor, command: SetStock) -> Changed:
        """The entry and the movement, none if it was as many. Raises PermissionDenied, StockNotFound, VersionConflict,
        BelowReserved, IdempotencyKeyReused, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        return await self._steps.run(self._entries.set(actor, command))
