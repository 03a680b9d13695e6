"""What is low is found among many entries by requests that each read a bounded number of them."""

import asyncio
from collections.abc import Sequence
from random import Random

from tests.stock.shop import Shop
from travio_inventory.protocol.batches import Partition, RowKey, Rows
from travio_inventory.stock.commands import EntriesQuery
from travio_inventory.stock.records.entries import LISTED_MAX
from travio_inventory.store.memory import MemoryBatches
from verification.kit.passing import Passing

BEYOND = 50


class Counted(Passing):
    """A store that counts reads of rows."""

    reads = 0

    async def get(self, partition: Partition, keys: Sequence[RowKey]) -> Rows:
        self.reads += 1
        return await super().get(partition, keys)


async def test_a_page_looks_at_so_many_entries_and_the_next_one_goes_on() -> None:
    store = Counted(MemoryBatches(None, Random(1), asyncio.sleep))
    shop = Shop(store)
    for number in range(LISTED_MAX + BEYOND):
        await shop.entry(f"cup-{number:04d}", 50)
    await shop.entry("jug", 3)
    store.reads = 0
    first = await shop.stock.read.page(shop.actor, EntriesQuery(low_stock=True))
    assert (list(first.entries), store.reads) == ([], LISTED_MAX)
    rest = await shop.stock.read.page(shop.actor, EntriesQuery(low_stock=True, after=first.after))
    assert ([each.sku for each in rest.entries], rest.after) == (["jug"], "")
    assert store.reads == LISTED_MAX + BEYOND + 1
