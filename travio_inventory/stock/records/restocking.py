"""What is to be ordered: entries that are low, less what is on order for them and on the way to them."""

import asyncio
from collections import Counter
from collections.abc import Container, Sequence
from typing import Final, NamedTuple

from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Batches, Index, StoreUnavailable
from travio_inventory.stock.commands import EntriesQuery
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.entries import ORGANIZATIONS, Entries
from travio_inventory.stock.records.purchase_rows import ON_ORDER, OnOrder, read_on_order
from travio_inventory.stock.records.transfers import Transfers
from travio_inventory.stock.restocking import Suggestion, SuggestionsQuery, to_order
from travio_inventory.stock.transfer import TransfersQuery
from travio_inventory.stock.warehouse import SHARDS_MAX

READS_AT_ONCE: Final = 16
ORGANIZATIONS_AT_ONCE: Final = 100


class Wanted(NamedTuple):
    """What is to be ordered, the number of the warehouse, and what is on order there."""

    suggestion: Suggestion
    warehouse_number: int
    on_order: OnOrder


class WantedPage(NamedTuple):
    """Some of what is to be ordered; `after` leads to more, "" if there is none."""

    wanted: Sequence[Wanted]
    after: str


class Restocking:
    """What is to be ordered in every organization."""

    def __init__(self, batches: Batches, entries: Entries, transfers: Transfers) -> None:
        self._batches = batches
        self._entries = entries
        self._transfers = transfers

    async def organizations(self, after: str = "") -> Sequence[str]:
        """Some of those that have stock, after that one. Raises BackendUnavailable."""
        try:
            return await self._batches.read_index(Index.STOCK, ORGANIZATIONS, after=after, most=ORGANIZATIONS_AT_ONCE)
        except StoreUnavailable:
            raise BackendUnavailable from None

    async def in_transit(self, organization: str, sku: str = "") -> Counter[tuple[str, str]]:
        """How many are on the way, by stock keeping unit and warehouse. Raises BackendUnavailable."""
        found: Counter[tuple[str, str]] = Counter()
        after, is_more = "", True
        while is_more:
            page = await self._transfers.in_transit(organization, TransfersQuery(sku, after))
            for transfer in page.transfers:
                found[transfer.sku, transfer.to_warehouse_id] += transfer.counts.in_transit
            after, is_more = page.after, bool(page.after)
        return found

    async def page(
        self,
        organization: str,
        query: SuggestionsQuery,
        coming: Counter[tuple[str, str]],
        now_ms: int,
        *,
        numbers: Container[int] | None = None,
    ) -> WantedPage:
        """Of entries in the order of stock keeping unit and warehouse; fewer than a page where more were looked at.
        Raises BackendUnavailable.
        """
        asked = EntriesQuery(
            sku=query.sku, warehouse_id=query.warehouse_id, low_stock=True, after=query.after, page_size=query.page_size
        )
        page = await self._entries.page(organization, asked, numbers=numbers)
        found: list[Wanted] = []
        for start in range(0, len(page.entries), READS_AT_ONCE):
            some = page.entries[start : start + READS_AT_ONCE]
            found += filter(None, await asyncio.gather(*(self._wanted(each, coming, now_ms) for each in some)))
        return WantedPage(found, page.after)

    async def _wanted(self, entry: InventoryEntry, coming: Counter[tuple[str, str]], now_ms: int) -> Wanted | None:
        """None where enough is on order or on the way."""
        at = await self._entries.place(entry.organization, entry.id)
        try:
            found = await self._batches.get(at, [ON_ORDER])
        except StoreUnavailable:
            raise BackendUnavailable from None
        on_order = read_on_order(found.get(ON_ORDER))
        outstanding, in_transit = on_order.outstanding(now_ms), coming[entry.sku, entry.warehouse_id]
        quantity = to_order(entry, on_order=outstanding, in_transit=in_transit)
        if not quantity:
            return None
        suggestion = Suggestion(entry, outstanding, in_transit, quantity, on_order.supplier_id)
        return Wanted(suggestion, at.number // SHARDS_MAX, on_order)
