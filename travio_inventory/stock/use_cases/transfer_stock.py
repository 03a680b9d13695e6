"""Brings stock from one warehouse to another: drafted, shipped, received in parts, cancelled by an explicit choice."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.stock.records.transfers import TransferPage, Transfers
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.transfer import CancelTransfer, DraftTransfer, ReceiveTransfer, Transfer, TransfersQuery
from travio_inventory.stock.use_cases.steps import Steps


class TransfersStock:
    """Shipped = received + rejected + lost + returned + in transit, at every moment; each step happens once."""

    def __init__(self, transfers: Transfers, warehouses: Warehouses, steps: Steps) -> None:
        self._transfers = transfers
        self._warehouses = warehouses
        self._steps = steps

    async def draft(self, actor: Actor, command: DraftTransfer) -> Transfer:
        """A plan, which moves nothing. Raises PermissionDenied, StockNotFound, IdempotencyKeyReused,
        BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        source = await self._warehouses.find(actor.organization, command.from_warehouse_id, "source warehouse")
        target = await self._warehouses.find(actor.organization, command.to_warehouse_id, "destination warehouse")
        return await self._steps.run(self._transfers.draft(actor, command, source, target))

    async def ship(self, actor: Actor, transfer: str) -> Transfer:
        """All of it leaves the source; a repetition is answered alike. Raises PermissionDenied, StockNotFound,
        TransferEnded, InsufficientStock, Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        return await self._steps.run(self._transfers.ship(actor, transfer))

    async def receive(self, actor: Actor, command: ReceiveTransfer) -> Transfer:
        """A part came, or did not. What the destination refuses stays in transit, and so does what is written off above
        the limit, until another person than the one who asked for the transfer says so. Raises PermissionDenied,
        StockNotFound, TransferEnded, NotInTransit, StockFull, OwnAdjustment, IdempotencyKeyReused, Overloaded,
        BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        return await self._steps.run(self._transfers.receive(actor, command))

    async def cancel(self, actor: Actor, command: CancelTransfer) -> Transfer:
        """What is on the way goes back, or is lost, as the command says; above the limit as another person says. Raises
        PermissionDenied, StockNotFound, TransferEnded, NotInTransit, StockFull, OwnAdjustment, Overloaded,
        BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADJUST)
        return await self._steps.run(self._transfers.cancel(actor, command))

    async def one(self, actor: Actor, transfer: str) -> Transfer:
        """Raises PermissionDenied, StockNotFound, Overloaded, BackendUnavailable, OutcomeUnknown."""
        actor.needs(Scope.STOCK_READ)
        return await self._steps.run(self._transfers.find(actor, transfer))

    async def page(self, actor: Actor, query: TransfersQuery) -> TransferPage:
        """Oldest first; or those of which something is in transit. Raises PermissionDenied, Overloaded,
        BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_READ)
        if query.only_in_transit:
            return await self._steps.run(self._transfers.in_transit(actor.organization, query))
        return await self._steps.run(self._transfers.page(actor, query))
