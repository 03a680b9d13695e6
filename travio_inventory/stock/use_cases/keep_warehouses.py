"""Adds, changes and reads the warehouses of an organization."""

from collections.abc import Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.stock.commands import AddWarehouse, ChangeWarehouse
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.warehouse import Warehouse


class KeepWarehouses:
    """A warehouse is never deleted: it is set inactive. Its code never changes."""

    def __init__(self, warehouses: Warehouses) -> None:
        self._warehouses = warehouses

    async def add(self, actor: Actor, command: AddWarehouse) -> Warehouse:
        """The new one; a repetition is answered alike. Raises PermissionDenied, StockExists, InvalidRequest,
        Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADMIN)
        return await self._warehouses.add(actor.organization, command)

    async def change(self, actor: Actor, command: ChangeWarehouse) -> Warehouse:
        """What it is now. Raises PermissionDenied, StockNotFound, VersionConflict, BackendUnavailable,
        OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADMIN)
        return await self._warehouses.change(actor.organization, command)

    async def one(self, actor: Actor, warehouse: str) -> Warehouse:
        """Raises PermissionDenied, StockNotFound, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        return await self._warehouses.find(actor.organization, warehouse)

    async def all(self, actor: Actor) -> Sequence[Warehouse]:
        """By priority, then code. Raises PermissionDenied, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        return await self._warehouses.all(actor.organization)
