"""That stock is low, or out, is told once per crossing, however many processes cross at once, and begin anew."""

import asyncio
from itertools import count, cycle
from uuid import uuid4

from tests.stock.shop import Shop
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.batches import Batches, Kind
from travio_inventory.stock.records.stock_rows import place

LOW, OUT = "inventory.low_stock", "inventory.out_of_stock"


class Chain:
    """Two processes of one shop, with thirty cups of which ten are few."""

    def __init__(self, store: Batches) -> None:
        self.store = store
        self.organization = f"chain-{uuid4()}"
        self._seeds = count(7)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Other processes, which know nothing but what the store has."""
        self.first, self.second = (Shop(self.store, self.organization, seed=next(self._seeds)) for _ in range(2))

    async def want(self, name: str, orders: int) -> None:
        """So many orders of a cup come at once, to both processes; who is told to ask again does."""

        async def buy(shop: Shop, order: str) -> None:
            for _ in range(200):
                try:
                    await shop.reserve(order, ("cup", 1))
                except Refusal as refusal:
                    if refusal.reason == "INSUFFICIENT_STOCK":
                        return
                    await asyncio.sleep(0.01)
                else:
                    return
            raise AssertionError("told to ask again too often")

        shops = cycle((self.first, self.second))
        await asyncio.gather(*(buy(next(shops), f"{name}{number}") for number in range(orders)))
        await self.settled()

    async def settled(self) -> None:
        for shop in (self.first, self.second):
            await shop.settled()

    async def told(self) -> dict[str, int]:
        """How often each was."""
        rows = await self.store.read(place(self.organization, "cup", 1), Kind.EVENT)
        types = [str(row["type"]) for row in rows.values()]
        return {kind: types.count(kind) for kind in (LOW, OUT)}


async def test_a_crossing_is_told_once_by_two_processes_that_begin_anew(store: Batches) -> None:
    chain = Chain(store)
    cups = await chain.first.entry("cup", 30, reorder_point=10)
    await chain.want("a", 19)
    assert await chain.told() == {LOW: 0, OUT: 0}
    await chain.want("b", 8)
    assert await chain.told() == {LOW: 1, OUT: 0}
    chain.begin_anew()
    await chain.want("c", 12)
    assert await chain.told() == {LOW: 1, OUT: 1}, "three were left"
    cancelled = [chain.second.cancel(f"a{number}") for number in range(5)]
    await asyncio.gather(*cancelled)
    await chain.settled()
    chain.begin_anew()
    await chain.want("d", 9)
    assert await chain.told() == {LOW: 1, OUT: 2}, "it was low all the time, and out again"
    deliveries = [shop.adjust(cups, 6, "INBOUND") for shop in (chain.first, chain.second)]
    await asyncio.gather(*deliveries)
    await chain.want("e", 20)
    assert await chain.told() == {LOW: 2, OUT: 3}
