"""Says which warehouses would serve an order, and why; reserves nothing."""

from collections.abc import Sequence
from dataclasses import replace

from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.stock.allocation import Allocation, Asked, Rule, Rules, allocated
from travio_inventory.stock.allocation_reasons import reasons
from travio_inventory.stock.commands import EntriesQuery
from travio_inventory.stock.planning import not_kept
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.records.warehouses import Warehouses


class PreviewAllocation:
    """By what is seen: a moment later it may be otherwise."""

    def __init__(self, entries: Entries, warehouses: Warehouses, rules: Rules) -> None:
        self._entries = entries
        self._warehouses = warehouses
        self._rules = rules

    async def __call__(
        self, actor: Actor, asked: Asked, *, order: Sequence[Rule] = ()
    ) -> tuple[Allocation, Sequence[str]]:
        """What comes from where, and why: by the rules that orders are served by, or by these in this order. Raises
        PermissionDenied, InvalidRequest, StockNotFound, InsufficientStock, BackendUnavailable.
        """
        actor.needs(Scope.STOCK_READ)
        asked = replace(asked, rules=self._rules.by(order))
        warehouses = await self._warehouses.all(actor.organization)
        shelves = {item.sku: await self._shelf(actor.organization, item.sku) for item in asked.merged}
        active = {each.id for each in warehouses if each.site.is_active}
        for item in asked.merged:
            if not active & shelves[item.sku].keys() & ({item.warehouse_id} if item.warehouse_id else active):
                raise not_kept(item.sku, item.warehouse_id)
        allocation = allocated(asked, shelves, warehouses)
        return allocation, list(reasons(asked, allocation, shelves, warehouses))

    async def _shelf(self, organization: str, sku: str) -> dict[str, int]:
        """How many are available, by warehouse."""
        found: dict[str, int] = {}
        after, is_more = "", True
        while is_more:
            page = await self._entries.page(organization, EntriesQuery(sku=sku, after=after))
            found |= {each.warehouse_id: each.quantities.available for each in page.entries}
            after, is_more = page.after, bool(page.after)
        return found
