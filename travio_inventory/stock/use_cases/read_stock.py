"""Reads entries and their movements."""

from collections.abc import Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.stock.commands import EntriesQuery, MovementsQuery
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.movement import Movement
from travio_inventory.stock.records.entries import Entries, EntryPage
from travio_inventory.stock.records.shard_stock import ShardStock
from travio_inventory.stock.records.warehouses import Warehouses


class ReadStock:
    """Of the actor's organization."""

    def __init__(self, entries: Entries, warehouses: Warehouses) -> None:
        self._entries = entries
        self._warehouses = warehouses

    async def one(self, actor: Actor, inventory: str) -> InventoryEntry:
        """A deleted one too. Raises PermissionDenied, StockNotFound, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        return await self._entries.find(actor.organization, inventory)

    async def in_shards(self, actor: Actor, inventory: str) -> tuple[InventoryEntry, Sequence[ShardStock]]:
        """The same, and what each shard of the entry has, and what is on its way there. Raises as `one`."""
        actor.needs(Scope.STOCK_READ)
        return await self._entries.in_shards(actor.organization, inventory)

    async def page(self, actor: Actor, query: EntriesQuery) -> EntryPage:
        """A page may have fewer entries than were asked for, or none, and be followed by others. Raises
        PermissionDenied, BackendUnavailable.
        """
        actor.needs(Scope.STOCK_READ)
        if not query.region:
            return await self._entries.page(actor.organization, query)
        warehouses = await self._warehouses.all(actor.organization)
        numbers = {each.number for each in warehouses if each.site.region == query.region}
        return await self._entries.page(actor.organization, query, numbers=numbers)

    async def movements(self, actor: Actor, query: MovementsQuery) -> Sequence[Movement]:
        """The movements that are kept, oldest first. Raises PermissionDenied, StockNotFound, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        return await self._entries.movements(actor.organization, query)
