"""The limit of a total is that of all shards of an entry together, whatever adds units."""

import pytest

from tests.stock.carrying import Carrying
from tests.stock.purchasing import Purchasing
from tests.stock.shop import Shop
from tests.stock.spread import Spread, reserved
from travio_inventory.kernel.actor import Actor
from travio_inventory.stock.approval import ApprovalLimits, DecideAdjustment
from travio_inventory.stock.bulk import LineState, StockLine, UpdateMany
from travio_inventory.stock.entry import QUANTITY_MAX, InventoryEntry
from travio_inventory.stock.refusals import StockFull
from travio_inventory.stock.transfer import OnTheWay


async def full(shop: Shop, entry: InventoryEntry, *, warehouse: int = 1) -> Spread:
    """The entry in shards, with as many units as it may have, some of them in the others."""
    spread = Spread(shop, entry, warehouse=warehouse)
    await spread.set(4)
    await shop.adjust(entry, QUANTITY_MAX - (await shop.now(entry)).quantities.total)
    await spread.lies(10, 20)
    return spread


async def test_by_hand_and_in_bulk_no_more_is_added_than_all_shards_may_have(shop: Shop) -> None:
    spread = await full(shop, await shop.entry("cup", 0))
    with pytest.raises(StockFull) as refused:
        await shop.adjust(spread.entry, 1)
    assert refused.value.room == 0
    line = StockLine(sku="cup", warehouse_code="north", quantity=1, type="INBOUND", reason="found")
    (outcome,) = await shop.stock.update_many(shop.actor, UpdateMany([line], "k"), within_s=60)
    assert (outcome.state, outcome.reason) == (LineState.REFUSED, "STOCK_FULL")
    await shop.adjust(spread.entry, -5)
    with pytest.raises(StockFull) as refused:
        await shop.adjust(spread.entry, 6)
    assert refused.value.room == 5
    await shop.adjust(spread.entry, 5)
    assert await shop.totals(spread.entry) == [(QUANTITY_MAX, 0)]


async def test_what_was_sold_in_other_shards_makes_room(shop: Shop) -> None:
    spread = await full(shop, await shop.entry("cup", 0))
    await spread.shards.gather(spread.home, 3, 20)
    for number in range(3):
        await reserved(shop, f"o{number}", 4)
        await shop.commit(f"o{number}")
    with pytest.raises(StockFull) as refused:
        await shop.adjust(spread.entry, 13)
    assert refused.value.room == 12
    await shop.adjust(spread.entry, 12)
    await spread.set(1)
    assert await shop.totals(spread.entry) == [(QUANTITY_MAX, 0)]
    assert (await spread.available())[0] == QUANTITY_MAX
    seen = await shop.now(spread.entry)
    await shop.count(spread.entry, QUANTITY_MAX - 1, version=seen.version)
    await shop.adjust(spread.entry, 1)
    with pytest.raises(StockFull):
        await shop.adjust(spread.entry, 1)


async def test_no_transfer_brings_more_than_all_shards_may_have(shop: Shop) -> None:
    way = await Carrying.begun(shop)
    transfer = await way.ship(await way.draft(4))
    await full(shop, way.south, warehouse=2)
    await full(shop, way.north)
    with pytest.raises(StockFull):
        await way.receive(transfer, 1, key="r")
    with pytest.raises(StockFull):
        await way.cancel(transfer, OnTheWay.BACK)
    assert (await way.listed())[0].counts.in_transit == 4
    await shop.adjust(way.south, -1)
    await shop.adjust(way.north, -3)
    await way.receive(transfer, 1, key="r")
    await way.cancel(transfer, OnTheWay.BACK)
    assert await shop.totals(way.north, way.south) == [(QUANTITY_MAX, 0), (QUANTITY_MAX, 0)]


async def test_no_purchase_brings_more_than_all_shards_may_have(shop: Shop) -> None:
    buying = await Purchasing.begun(shop)
    order = await buying.place(cups=5)
    await full(shop, buying.cups)
    with pytest.raises(StockFull):
        await buying.receive(order, cups=1)
    await shop.adjust(buying.cups, -1)
    await buying.receive(order, cups=1)
    assert await shop.totals(buying.cups) == [(QUANTITY_MAX, 0)]


async def test_nothing_is_approved_that_all_shards_may_not_have(shop: Shop) -> None:
    spread = await full(shop, await shop.entry("cup", 0))
    await shop.adjust(spread.entry, -3)
    careful = Shop(shop.store, shop.actor.organization, limits=ApprovalLimits(2), seed=8)
    asked = await careful.adjust(spread.entry, 3)
    assert asked.waits is not None
    await shop.adjust(spread.entry, 1)
    decision = DecideAdjustment(asked.waits.id, True)
    with pytest.raises(StockFull) as refused:
        await careful.stock.approvals.decide(Actor(shop.actor.organization, "bob"), decision)
    assert refused.value.room == 2
    with pytest.raises(StockFull):
        await careful.adjust(spread.entry, 4)
    await careful.settled()


async def test_what_is_above_the_limit_by_a_return_may_be_taken_away(shop: Shop) -> None:
    entry = await shop.entry("cup", QUANTITY_MAX)
    await shop.reserve("o1", ("cup", 2))
    await shop.commit("o1")
    await shop.adjust(entry, 2)
    await shop.cancel("o1")
    assert await shop.totals(entry) == [(QUANTITY_MAX + 2, 0)]
    await shop.adjust(entry, -1)
    with pytest.raises(StockFull) as refused:
        await shop.adjust(entry, 1)
    assert refused.value.room == 0
