"""Words for transfers between two warehouses of a shop, and the sum that must stay the same."""

from tests.stock.shop import Shop
from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Kind, RowKey
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.transfer_rows import marked, read_transfer
from travio_inventory.stock.transfer import (
    CancelTransfer,
    DraftTransfer,
    OnTheWay,
    ReceiveTransfer,
    Transfer,
    TransfersQuery,
)

OPENING = 10


class Carrying:
    """A shop with cups in the north and in the south, and transfers from north to south."""

    def __init__(self, shop: Shop, north: InventoryEntry, south: InventoryEntry) -> None:
        self.shop = shop
        self.north = north
        self.south = south

    @classmethod
    async def begun(cls, shop: Shop) -> "Carrying":
        return cls(shop, await shop.entry("cup", OPENING), await shop.entry("cup", 0, code="south"))

    async def draft(self, quantity: int, key: str = "") -> Transfer:
        command = DraftTransfer("cup", self.north.warehouse_id, self.south.warehouse_id, quantity, key=key)
        return await self.shop.stock.transfers.draft(self.shop.actor, command)

    async def ship(self, transfer: Transfer) -> Transfer:
        return await self.shop.stock.transfers.ship(self.shop.actor, transfer.id)

    async def receive(
        self,
        transfer: Transfer,
        received: int,
        *,
        rejected: int = 0,
        lost: int = 0,
        key: str = "",
        by: Actor | None = None,
    ) -> Transfer:
        command = ReceiveTransfer(transfer.id, received, rejected, lost, key)
        return await self.shop.stock.transfers.receive(by or self.shop.actor, command)

    async def cancel(self, transfer: Transfer, choice: OnTheWay | None = None, *, by: Actor | None = None) -> Transfer:
        return await self.shop.stock.transfers.cancel(by or self.shop.actor, CancelTransfer(transfer.id, choice))

    async def listed(self) -> list[Transfer]:
        """All transfers, in pages of two."""
        found: list[Transfer] = []
        after, is_more = "", True
        while is_more:
            query = TransfersQuery("cup", after, 2)
            page = await self.shop.stock.transfers.page(self.shop.actor, query)
            found += page.transfers
            after, is_more = page.after, bool(page.after)
        return found

    async def in_transit(self, most: int = 2) -> list[Transfer]:
        """Those on the way, in pages of so many."""
        found: list[Transfer] = []
        after, is_more = "", True
        while is_more:
            query = TransfersQuery("cup", after, most, only_in_transit=True)
            page = await self.shop.stock.transfers.page(self.shop.actor, query)
            found += page.transfers
            after, is_more = page.after, bool(page.after)
        return found

    async def totals(self) -> tuple[int, int]:
        north, south = await self.shop.now(self.north), await self.shop.now(self.south)
        return north.quantities.total, south.quantities.total

    async def everything(self) -> int:
        """What lies somewhere, is on the way, or is gone for a reason: as the rows say, none of which is touched."""
        store, organization = self.shop.store, self.shop.actor.organization
        north, south = (stock_rows.place(organization, "cup", number) for number in (1, 2))
        found = sum(await self.totals())
        for key, row in (await store.read(north, Kind.TRANSFER)).items():
            if marked(key):
                continue
            transfer = read_transfer(organization, key, row)
            counts = transfer.counts
            assert min(counts.in_transit, *counts) >= 0
            found += counts.in_transit + counts.rejected + counts.lost
            if transfer.pending is not None:
                cause = RowKey(Kind.CAUSE, f"transfer {transfer.id} {transfer.pending.number}")
                took = (await store.get(south, [cause])).get(cause, {}).get("movement")
                found -= transfer.pending.received if took else 0
        return found
