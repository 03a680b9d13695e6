"""That an entry in shards is low, or out of stock, is told once per crossing, whoever dies or fails meanwhile."""

import asyncio
from collections.abc import Sequence

from tests.stock.shop import Shop
from tests.stock.spread import Spread, reserved
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol.batches import (
    Batches,
    Index,
    IndexEntry,
    Kind,
    NotDone,
    Outcome,
    Partition,
    StoreUnavailable,
)
from travio_inventory.stock import sharing
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.shard_marks import AFTER_S, TRIES_MAX
from travio_inventory.stock.records.shards import Shards
from verification.kit.passing import Batch, Passing, Send

LOW, OUT = "inventory.low_stock", "inventory.out_of_stock"


class Way(Passing):
    """A process's way to the store: while it is cut off, the process can as well be dead."""

    def __init__(self, store: Batches) -> None:
        super().__init__(store)
        self.is_cut_off = False
        self.leading: list[IndexEntry] = []

    def may_read(self) -> None:
        """See Passing."""
        if self.is_cut_off:
            raise StoreUnavailable("cut off")

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        """See Passing."""
        if self.is_cut_off:
            return NotDone("cut off")
        self.leading += [each for each in batch.entries if each.of is Index.STOCK_EXPIRY]
        return await send(batch)


async def spread_on(way: Way) -> Spread:
    """Six in three shards, of which four are to be sold before there are few."""
    shop = Shop(way)
    spread = Spread(shop, await shop.entry("cup", 6, reorder_point=2))
    await spread.set(4)
    await spread.lies(2, 2)
    await shop.settled()
    return spread


async def told(spread: Spread) -> list[str]:
    """What was told of it."""
    return sorted(str(row["type"]) for row in await spread.rows(Kind.EVENT) if row["type"] in (LOW, OUT))


async def test_a_crossing_is_told_though_the_process_dies_before_it_tells(store: Batches) -> None:
    way = Way(store)
    dying = await spread_on(way)
    await reserved(dying.shop, "o1", 4)
    way.is_cut_off = True
    other = Spread(Shop(store, dying.shop.actor.organization, seed=8), dying.entry)
    assert await told(other) == []
    for _ in range(2):
        await other.shop.stock.expire(HOUSE)
        await other.shop.settled()
        assert await told(other) == [LOW]


async def test_a_crossing_is_told_after_an_outage_that_lasted_longer_than_the_process_tried(store: Batches) -> None:
    way = Way(store)
    spread = await spread_on(way)
    await reserved(spread.shop, "o1", 6)
    way.is_cut_off = True
    await asyncio.sleep((TRIES_MAX + 1) * AFTER_S)
    await spread.shop.settled()
    way.is_cut_off = False
    assert await told(spread) == []
    await spread.shop.stock.expire(HOUSE)
    assert await told(spread) == [LOW, OUT]


async def test_many_changes_of_an_entry_write_one_index_entry_a_minute_that_leads_to_it(store: Batches) -> None:
    way = Way(store)
    spread = await spread_on(way)
    way.leading.clear()
    for number in range(9):
        await spread.shop.adjust(spread.entry, 1 + number)
    assert len(way.leading) <= 1
    spread.shop.clock.pass_ms(61_000)
    await spread.shop.adjust(spread.entry, 1)
    assert way.leading[-1].entry.endswith(str(spread.home.number))


async def test_units_that_go_about_while_shards_are_read_are_not_missed(store: Batches) -> None:
    """Were a shard read before units came, and the one that gave them after that, none would seem to be left."""
    spread = await spread_on(Way(store))
    await spread.shards.gather(spread.home, 2, 6)

    class Slow(Shards):
        """Reads the second shard before six come there, and the third after they left it."""

        has_moved = False

        async def others(self, home: Partition, first: InventoryEntry) -> Sequence[InventoryEntry | None]:
            """See Shards."""
            before = await super().others(home, first)
            if self.has_moved:
                return before
            self.has_moved = True
            await self.move(home, 2, 1, 6)
            return [before[0], *(await super().others(home, first))[1:]]

    slow = Slow(spread.shop.sender)
    assert sharing.summed(await slow.rows(spread.home)).quantities.available == 0
    slow.has_moved = False
    await slow.move(spread.home, 1, 2, 6)
    await slow.note_marks(spread.home)
    assert await told(spread) == []
