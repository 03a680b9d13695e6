"""What is given back goes exactly where it was taken, on every store, whatever was remapped since."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from tests.stock.shop import Shop
from tests.stock.spread import Spread
from travio_inventory.kernel.actor import HOUSE
from travio_inventory.protocol.batches import Kind
from travio_inventory.stock.commands import ChangeWarehouse
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.records.stock_rows import shard_of
from travio_inventory.stock.refusals import StockNotFound
from travio_inventory.stock.warehouse import Site, warehouse_id


class Remapped(NamedTuple):
    """A shop that has five cups in the north and three in the south; an order has six of them."""

    shop: Shop
    north: InventoryEntry
    south: InventoryEntry

    async def change(self, code: str, **site: object) -> None:
        """The warehouse is another one from now on."""
        named = warehouse_id(self.shop.actor.organization, code)
        seen = await self.shop.stock.warehouses.one(self.shop.actor, named)
        command = ChangeWarehouse(named, Site("Another", **site), seen.version)  # type: ignore[arg-type]
        await self.shop.stock.warehouses.change(self.shop.actor, command)


async def closed(of: Remapped) -> None:
    """Neither serves any order."""
    for code in ("north", "south"):
        await of.change(code, is_active=False)


async def elsewhere(of: Remapped) -> None:
    """Each has the region and the rank of the other one."""
    await of.change("north", region="us", priority=2)
    await of.change("south", region="eu", priority=1)


async def moved(of: Remapped) -> None:
    """There is far more in a warehouse that comes first now, and fewer in the other ones."""
    await of.shop.warehouse("first", region="eu", priority=1)
    await of.change("north", priority=9)
    await of.shop.entry("cup", 50, code="first")
    await of.shop.adjust(of.south, -2)


async def cancelled(of: Remapped) -> None:
    """By who ordered."""
    await of.shop.cancel("o1")


async def expired(of: Remapped) -> None:
    """By nobody."""
    of.shop.clock.pass_ms(1_000_000)
    await of.shop.stock.expire(HOUSE)


async def returned(of: Remapped) -> None:
    """After it was paid for."""
    await of.shop.commit("o1")
    await of.shop.settled()
    await of.shop.cancel("o1")


Step = Callable[[Remapped], Awaitable[None]]


@pytest.mark.parametrize("remapped", [closed, elsewhere, moved])
@pytest.mark.parametrize("ended", [cancelled, expired, returned])
async def test_what_is_given_back_goes_where_it_was_taken(shop: Shop, remapped: Step, ended: Step) -> None:
    await shop.warehouse("north", region="eu", priority=1)
    await shop.warehouse("south", region="us", priority=2)
    of = Remapped(shop, await shop.entry("cup", 5), await shop.entry("cup", 3, code="south"))
    made = await shop.reserve("o1", ("cup", 6))
    assert {line.inventory_id: line.quantity for line in made.lines} == {of.north.id: 5, of.south.id: 1}
    await remapped(of)
    (north, _), (south, _) = await shop.totals(of.north, of.south)
    await ended(of)
    assert await shop.totals(of.north, of.south) == [(north + 5, 0), (south + 1, 0)]


async def test_what_comes_back_to_an_entry_in_shards_comes_to_those_that_it_left(shop: Shop) -> None:
    spread = await Spread.of(shop, 9, 3)
    await spread.lies(3, 3)
    for number in range(3):
        await shop.reserve(f"o{number}", ("cup", 3))
        await shop.commit(f"o{number}")
    await spread.set(1)
    for number in range(3):
        await shop.cancel(f"o{number}")
    await shop.settled()
    for number in range(4):
        rows = (await shop.store.read(shard_of(spread.home, number), Kind.MOVEMENT)).values()
        assert sum(int(row["quantity"] or 0) for row in rows if row["type"] in ("OUTBOUND", "RETURN")) == 0
    assert sum(await spread.available()) == 9


@pytest.mark.parametrize("number", range(3))
async def test_whichever_line_is_given_up_the_others_are_kept(shop: Shop, number: int) -> None:
    entries = [
        await shop.entry(sku, 5, code=code) for sku, code in (("cup", "north"), ("jug", "south"), ("pan", "west"))
    ]
    made = await shop.reserve("o1", ("cup", 1), ("jug", 1), ("pan", 1))
    given_up = next(line for line in made.lines if line.inventory_id == entries[number].id)
    with pytest.raises(StockNotFound):
        await shop.cancel("o1", given_up.inventory_id, "another")
    assert await shop.totals(*entries) == [(4, 1)] * 3, "of lines of which one fails none is lost"
    left = await shop.cancel("o1", given_up.inventory_id)
    assert left.lines == tuple(line for line in made.lines if line != given_up)
    kept = [(5, 0) if each is entries[number] else (4, 1) for each in entries]
    assert await shop.totals(*entries) == kept
    await shop.commit("o1")
    assert await shop.totals(*entries) == [(total, 0) for total, _ in kept]
