"""An entry in several shards, and words for what lies where."""

import asyncio
from collections.abc import Sequence

from tests.stock.shop import Shop
from travio_inventory.protocol.batches import (
    Kind,
    NotDone,
    Outcome,
    Partition,
    Row,
    RowKey,
    Rows,
    StoreUnavailable,
)
from travio_inventory.stock.commands import ChangeEntry
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.refusals import StockContended
from travio_inventory.stock.reservation import Reservation
from verification.kit.passing import Batch, PassingMemory, Send


class Spread:
    """An entry in so many shards, and words for what lies where."""

    def __init__(self, shop: Shop, entry: InventoryEntry, *, warehouse: int = 1) -> None:
        self.shop = shop
        self.entry = entry
        self.home = stock_rows.place(entry.organization, entry.sku, warehouse)
        self.shards = Shards(shop.sender)

    @classmethod
    async def of(cls, shop: Shop, quantity: int, shards: int, *, sku: str = "cup") -> "Spread":
        """A new one, all of it in the first shard."""
        spread = cls(shop, await shop.entry(sku, quantity, reorder_point=0))
        await spread.set(shards)
        return spread

    async def set(self, shards: int) -> InventoryEntry:
        """So many take orders from now on."""
        seen = await self.shop.now(self.entry)
        command = ChangeEntry(self.entry.id, None, None, seen.version, shards)
        return await self.shop.stock.keep.change(self.shop.actor, command)

    async def lies(self, *units: int) -> None:
        """Bring so many units to each shard from the second on."""
        for number, count in enumerate(units, 1):
            if count:
                await self.shards.move(self.home, 0, number, count)

    async def available(self) -> list[int]:
        await self.shop.settled()
        return list((await self.shards.still(self.home)).by_shard)

    async def rows(self, kind: Kind) -> list[Row]:
        """All rows of that kind, in every shard."""
        found: list[Row] = []
        for number in range(8):
            at = stock_rows.shard_of(self.home, number)
            found += (await self.shop.store.read(at, kind)).values()
        return found


async def reserved(shop: Shop, order: str, count: int) -> Reservation:
    """Reserve, again as long as others are at it."""
    for _ in range(50):
        try:
            return await shop.reserve(order, ("cup", count))
        except StockContended:
            await asyncio.sleep(0.01)
    raise AssertionError("told to ask again too often")


class Frozen(PassingMemory):
    """A store that, of an entry in shards, takes no batch but those of the first one while it is frozen, and has only
    that one read while it is unread.
    """

    is_frozen = is_unread = False

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        """See Batches."""
        if self.is_unread and stock_rows.number_of_shard(partition):
            raise StoreUnavailable("unread")
        return await super().get(partition, keys)

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See PassingMemory."""
        if self.is_frozen and stock_rows.number_of_shard(batch.partition):
            return NotDone("frozen")
        return await send(batch)
