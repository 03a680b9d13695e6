"""An entry that lies in several shards: what is sold, moved and told of it is of all of them together."""

import asyncio
from collections import Counter
from random import Random

import pytest

from tests.stock.shop import Shop
from tests.stock.spread import Frozen, Spread, reserved
from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Kind
from travio_inventory.stock.approval import ApprovalLimits, DecideAdjustment
from travio_inventory.stock.commands import DeleteEntry
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.shards import Shards
from travio_inventory.stock.refusals import InsufficientStock, StockContended, StockSharded
from travio_inventory.stock.reservation import Item, Planned, Reserve, ReservedLine
from travio_inventory.stock.transfer import DraftTransfer
from travio_inventory.stock.warehouse import warehouse_id


async def test_one_shard_is_what_an_entry_has_and_leaves_no_trace(shop: Shop) -> None:
    spread = await Spread.of(shop, 5, 1)
    assert (await shop.now(spread.entry)).sharing is None
    row = (await shop.store.get(spread.home, [stock_rows.STOCK]))[stock_rows.STOCK]
    assert row.get("definition") is None


@pytest.mark.parametrize("shard", [0, 1, 2, 3])
async def test_the_last_unit_is_found_and_sold_in_whichever_shard_it_is(shop: Shop, shard: int) -> None:
    spread = await Spread.of(shop, 1, 4)
    await spread.lies(*(int(number == shard) for number in (1, 2, 3)))
    assert await spread.available() == [int(number == shard) for number in range(4)]
    await reserved(shop, "o1", 1)
    with pytest.raises(InsufficientStock) as refused:
        await shop.reserve("o2", ("cup", 1))
    assert refused.value.available == 0
    assert await shop.totals(spread.entry) == [(0, 1)]


async def test_what_no_shard_has_alone_is_brought_together_and_sold(shop: Shop) -> None:
    spread = await Spread.of(shop, 4, 4)
    await spread.lies(1, 1, 1)
    reservation = await reserved(shop, "o1", 4)
    assert [line.quantity for line in reservation.lines] == [4]
    assert await shop.totals(spread.entry) == [(0, 4)]
    with pytest.raises(InsufficientStock):
        await shop.reserve("o2", ("cup", 1))


async def test_more_than_all_shards_have_is_refused_with_what_they_have(shop: Shop) -> None:
    spread = await Spread.of(shop, 4, 4)
    await spread.lies(1, 1, 1)
    with pytest.raises(InsufficientStock) as refused:
        await shop.reserve("o1", ("cup", 5))
    assert refused.value.available == 4


async def test_a_crowd_of_processes_sells_every_unit_once(shop: Shop) -> None:
    spread = await Spread.of(shop, 20, 4)
    await spread.lies(5, 5, 5)
    shops = [Shop(shop.store, shop.actor.organization, seed=seed) for seed in range(4)]

    async def buy(number: int) -> bool:
        try:
            await reserved(shops[number % 4], f"o{number}", 1)
        except InsufficientStock:
            return False
        return True

    sold = await asyncio.gather(*(buy(number) for number in range(40)))
    for each in shops:
        await each.settled()
    assert sum(sold) == 20
    assert await shop.totals(spread.entry) == [(0, 20)]


async def test_what_is_given_back_goes_where_it_was_taken(shop: Shop) -> None:
    spread = await Spread.of(shop, 8, 4)
    await spread.lies(2, 2, 2)
    before = await spread.available()
    for number in range(3):
        await reserved(shop, f"o{number}", 2)
    await shop.commit("o0")
    for number in range(3):
        await shop.cancel(f"o{number}")
    assert await shop.totals(spread.entry) == [(8, 0)]
    assert sum(await spread.available()) == sum(before)


async def test_a_shard_that_runs_dry_is_refilled_from_the_fullest(shop: Shop) -> None:
    spread = await Spread.of(shop, 1_000, 16)
    shops = [Shop(shop.store, shop.actor.organization, seed=seed) for seed in range(3)]
    for number in range(6):
        await reserved(shops[number % 3], f"o{number}", 1)
        for each in shops:
            await each.settled()
    assert len([each for each in await spread.available() if each]) > 1
    assert await shop.totals(spread.entry) == [(994, 6)]


async def test_moves_between_shards_are_movements_that_come_to_nothing_and_are_not_told(shop: Shop) -> None:
    spread = await Spread.of(shop, 10, 4)
    told = Counter(row["type"] for row in await spread.rows(Kind.EVENT))
    await spread.lies(3, 3)
    moved = [each for each in await shop.movements(spread.entry) if each.type == "TRANSFER"]
    assert sum(each.quantity for each in moved) == 0
    assert sorted(each.quantity for each in moved) == [-3, -3, 3, 3]
    assert len({each.movement_id for each in await shop.movements(spread.entry)}) == 5
    assert sum(each.quantity for each in await shop.movements(spread.entry)) == 10
    assert Counter(row["type"] for row in await spread.rows(Kind.EVENT)) == told


async def test_low_and_out_of_stock_are_told_once_of_all_shards_together(shop: Shop) -> None:
    spread = Spread(shop, await shop.entry("cup", 6, reorder_point=2))
    await spread.set(4)
    await spread.lies(2, 2)

    async def told() -> list[str]:
        await shop.settled()
        types = [row["type"] for row in await spread.rows(Kind.EVENT)]
        return sorted(str(each) for each in types if each in ("inventory.low_stock", "inventory.out_of_stock"))

    await reserved(shop, "o1", 2)
    await reserved(shop, "o2", 1)
    assert await told() == []
    await reserved(shop, "o3", 1)
    assert await told() == ["inventory.low_stock"]
    await reserved(shop, "o4", 2)
    assert await told() == ["inventory.low_stock", "inventory.out_of_stock"]
    await shop.cancel("o1")
    await shop.cancel("o3")
    await told()
    await reserved(shop, "o5", 1)
    assert await told() == ["inventory.low_stock", "inventory.low_stock", "inventory.out_of_stock"]


async def test_what_takes_units_away_by_hand_finds_those_of_other_shards(shop: Shop) -> None:
    spread = await Spread.of(shop, 6, 4)
    await spread.lies(2, 3)
    await shop.adjust(spread.entry, -5)
    assert await shop.totals(spread.entry) == [(1, 0)]
    with pytest.raises(InsufficientStock) as refused:
        await shop.adjust(spread.entry, -2)
    assert refused.value.available == 1


async def test_who_takes_units_by_hand_beside_others_is_not_told_to_ask_again(shop: Shop) -> None:
    spread = await Spread.of(shop, 12, 4)
    await spread.lies(4, 4, 4)
    shops = [Shop(shop.store, shop.actor.organization, seed=seed) for seed in range(4)]
    await asyncio.gather(*(each.adjust(spread.entry, -3) for each in shops))
    for each in shops:
        await each.settled()
    assert await shop.totals(spread.entry) == [(0, 0)]


async def test_units_are_brought_though_others_bring_them_elsewhere_at_the_same_time(shop: Shop) -> None:
    spread = await Spread.of(shop, 9, 4)
    await spread.lies(3, 3, 3)
    shops = [Shop(shop.store, shop.actor.organization, seed=seed) for seed in range(3)]
    await asyncio.gather(*(Shards(each.sender).gather(spread.home, number, 9) for number, each in enumerate(shops)))
    for each in shops:
        await each.settled()
    assert sum(await spread.available()) == 9


async def test_a_count_needs_the_entry_in_one_shard(shop: Shop) -> None:
    spread = await Spread.of(shop, 6, 4)
    await spread.lies(2, 3)
    seen = await shop.now(spread.entry)
    with pytest.raises(StockSharded) as refused:
        await shop.count(spread.entry, 7, version=seen.version)
    assert refused.value.shards == 4
    await spread.set(1)
    assert (await spread.available())[0] == 6
    seen = await shop.now(spread.entry)
    await shop.count(spread.entry, 7, version=seen.version)
    assert await shop.totals(spread.entry) == [(7, 0)]


async def test_a_count_waits_for_reservations_in_other_shards(shop: Shop) -> None:
    spread = await Spread.of(shop, 6, 2)
    await spread.lies(6)
    await reserved(shop, "o1", 1)
    await spread.set(1)
    seen = await shop.now(spread.entry)
    with pytest.raises(StockSharded) as refused:
        await shop.count(spread.entry, 7, version=seen.version)
    assert refused.value.shards == 1
    await shop.commit("o1")
    seen = await shop.now(spread.entry)
    await shop.count(spread.entry, 7, version=seen.version)
    assert await shop.totals(spread.entry) == [(7, 0)]


async def test_who_planned_before_an_entry_lay_in_shards_is_not_told_that_it_is_sold_out(shop: Shop) -> None:
    spread = await Spread.of(shop, 3, 4)
    await spread.lies(3)
    entry, command = spread.entry, Reserve("o1", [Item("cup", 2)])
    line = ReservedLine(entry.id, entry.sku, entry.warehouse_id, spread.home.number, 2)
    with pytest.raises(StockContended):
        await shop.reservations.reserve(Planned(entry.organization, command, (line,), "ann", is_planned=False))
    made = await reserved(shop, "o1", 2)
    assert [each.quantity for each in made.lines] == [2]


async def test_that_an_entry_is_in_one_shard_is_not_refused_because_units_cannot_come_home_now() -> None:
    store = Frozen(None, Random(1), asyncio.sleep)
    spread = await Spread.of(Shop(store), 6, 2)
    await spread.lies(4)
    store.is_frozen = True
    changed = await spread.set(1)
    assert (changed.shards, changed.by_shard) == (1, (2, 4))
    store.is_frozen = False
    await spread.set(1)
    assert await spread.available() == [6, 0]


async def test_a_transfer_takes_units_of_every_shard(shop: Shop) -> None:
    spread = await Spread.of(shop, 6, 4)
    await spread.lies(2, 3)
    await shop.entry("cup", 0, code="south")
    north, south = (warehouse_id(shop.actor.organization, code) for code in ("north", "south"))
    for quantity, is_there in ((5, True), (2, False)):
        drafted = await shop.stock.transfers.draft(shop.actor, DraftTransfer("cup", north, south, quantity))
        if is_there:
            shipped = await shop.stock.transfers.ship(shop.actor, drafted.id)
            assert shipped.counts.shipped == quantity
        else:
            with pytest.raises(InsufficientStock) as refused:
                await shop.stock.transfers.ship(shop.actor, drafted.id)
            assert refused.value.available == 1
    assert await shop.totals(spread.entry) == [(1, 0)]


async def test_what_was_approved_takes_units_of_every_shard(shop: Shop) -> None:
    spread = await Spread.of(Shop(shop.store, limits=ApprovalLimits(2)), 6, 4)
    await spread.lies(2, 3)
    asked = await spread.shop.adjust(spread.entry, -5)
    assert asked.waits is not None
    decision = DecideAdjustment(asked.waits.id, True)
    await spread.shop.stock.approvals.decide(Actor(spread.shop.actor.organization, "bob"), decision)
    assert await spread.shop.totals(spread.entry) == [(1, 0)]


async def test_an_entry_in_shards_is_deleted_in_one_shard_only(shop: Shop) -> None:
    spread = await Spread.of(shop, 3, 2)
    await spread.lies(3)
    await shop.adjust(spread.entry, -3)
    await shop.settled()  # telling that it is out of stock is a version too
    seen = await shop.now(spread.entry)
    with pytest.raises(StockSharded):
        await shop.stock.keep.delete(shop.actor, DeleteEntry(spread.entry.id, seen.version))
    seen = await spread.set(1)
    deleted = await shop.stock.keep.delete(shop.actor, DeleteEntry(spread.entry.id, seen.version))
    assert deleted.is_deleted
