"""Adds, changes and deletes entries: that a stock keeping unit is kept in a warehouse, and when to order more."""

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.stock.commands import AddEntry, ChangeEntry, DeleteEntry
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.refusals import StockExists
from travio_inventory.stock.use_cases.steps import Steps


class KeepStock:
    """One entry for each stock keeping unit and warehouse."""

    def __init__(self, entries: Entries, warehouses: Warehouses, steps: Steps) -> None:
        self._entries = entries
        self._warehouses = warehouses
        self._steps = steps

    async def add(self, actor: Actor, command: AddEntry) -> InventoryEntry:
        """The new entry, its opening stock a movement. Raises PermissionDenied, StockNotFound, StockExists,
        Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADMIN)
        warehouse = await self._warehouses.find(actor.organization, command.warehouse_id)
        return (await self._steps.run(self._entries.add(actor, command, warehouse))).entry

    async def add_everywhere(self, actor: Actor, sku: str, product: str) -> int:
        """An empty entry in each active warehouse that has none; how many were added. Raises as `add`, InvalidRequest
        too.
        """
        actor.needs(Scope.STOCK_ADMIN)
        added = 0
        for warehouse in await self._warehouses.all(actor.organization):
            if warehouse.site.is_active:
                try:
                    await self.add(actor, AddEntry(sku, warehouse.id, product))
                except StockExists:
                    continue
                added += 1
        return added

    async def change(self, actor: Actor, command: ChangeEntry) -> InventoryEntry:
        """What it is now. Raises PermissionDenied, StockNotFound, VersionConflict, Overloaded, BackendUnavailable,
        OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADMIN)
        return await self._steps.run(self._entries.redefine(actor, command))

    async def delete(self, actor: Actor, command: DeleteEntry) -> InventoryEntry:
        """The entry that is kept no more. Raises PermissionDenied, StockNotFound, VersionConflict, StockLeft,
        Overloaded, BackendUnavailable, OutcomeUnknown.
        """
        actor.needs(Scope.STOCK_ADMIN)
        return await self._steps.run(self._entries.delete(actor, command))
