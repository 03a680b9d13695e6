"""Says how many of a stock keeping unit can be had, and in which warehouses."""

import asyncio
from collections.abc import Iterator, Sequence

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.stock.availability import StockAnswer, StockQuestion, answered
from travio_inventory.stock.commands import EntriesQuery
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.records.known_warehouses import KnownWarehouses
from travio_inventory.stock.records.warehouses import Warehouses

READ_AT_ONCE_MAX = 8


class CheckStock:
    """What is shown may be gone a moment later: a reservation decides."""

    def __init__(self, entries: Entries, warehouses: Warehouses, known: KnownWarehouses) -> None:
        self._entries = entries
        self._warehouses = warehouses
        self._known = known

    async def __call__(self, actor: Actor, questions: Sequence[StockQuestion]) -> Sequence[StockAnswer]:
        """An answer to each. Raises PermissionDenied, BackendUnavailable."""
        actor.needs(Scope.STOCK_READ)
        warehouses = (await self._known.of(actor.organization, self._warehouses.all)).warehouses
        found: dict[str, Sequence[InventoryEntry]] = {}
        asked = iter(dict.fromkeys(each.sku for each in questions))
        await asyncio.gather(*(self._read(actor.organization, asked, found) for _ in range(READ_AT_ONCE_MAX)))
        return [answered(each, found[each.sku], warehouses) for each in questions]

    async def _read(self, organization: str, skus: Iterator[str], found: dict[str, Sequence[InventoryEntry]]) -> None:
        for sku in skus:
            found[sku] = await self._of(organization, sku)

    async def _of(self, organization: str, sku: str) -> Sequence[InventoryEntry]:
        entries: list[InventoryEntry] = []
        after, is_more = "", True
        while is_more:
            page = await self._entries.page(organization, EntriesQuery(sku=sku, after=after))
            entries += page.entries
            after, is_more = page.after, bool(page.after)
        return entries
