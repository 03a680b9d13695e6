"""Automatic orders on every store: one at a time for an entry, however many processes make it."""

import asyncio

import pytest

from tests.stock.purchasing import Purchasing
from tests.stock.shop import Shop
from travio_inventory.kernel.actor import HOUSE, Actor
from travio_inventory.kernel.refusals import BackendUnavailable, PermissionDenied
from travio_inventory.protocol.batches import Batches
from travio_inventory.stock.commands import ChangeEntry
from travio_inventory.stock.counts import FAILED, PLACED
from travio_inventory.stock.purchase import PurchaseOrder
from travio_inventory.stock.records import purchases as records
from travio_inventory.stock.supplier import DeleteSupplier


@pytest.fixture
async def buying(store: Batches) -> Purchasing:
    """A shop that ordered ten cups once, and has sold them; below ten it is to order ten more."""
    buying = await Purchasing.begun(Shop(store))
    entry = await buying.shop.now(buying.cups)
    await buying.shop.stock.keep.change(buying.shop.actor, ChangeEntry(entry.id, 9, 10, entry.version))
    await buying.receive(await buying.place(10), 10)
    await Shop(store).stock.reorder(HOUSE)  # what others keep on the same store is ordered, and is not counted below
    await buying.shop.adjust(buying.cups, -10, "OUTBOUND")
    return buying


async def automatic(buying: Purchasing) -> list[PurchaseOrder]:
    return [order for order in await buying.listed() if order.automatic]


async def round_of(shop: Shop) -> None:
    done = await shop.stock.reorder(HOUSE)
    assert not done.failures


async def test_what_is_low_is_ordered_once_from_its_last_supplier_whoever_looks(buying: Purchasing) -> None:
    shops = [Shop(buying.shop.store, buying.shop.actor.organization, seed=seed) for seed in range(4)]
    await asyncio.gather(*map(round_of, shops))
    await round_of(shops[0])
    assert sum(shop.stock.counts.automatic_orders[PLACED] for shop in shops) == 1, "by one of the processes"
    (order,) = await automatic(buying)
    assert (order.supplier_id, order.ordered_by, order.status) == (buying.supplier.id, "", "ORDERED")
    assert [(line.sku, line.quantity) for line in order.lines] == [("cup", 10)]
    assert {each.entry.sku for each in await buying.suggested()} == {"plate"}, "it was never ordered from anybody"


async def test_the_next_order_comes_when_the_last_one_is_there_and_it_is_low_again(buying: Purchasing) -> None:
    await round_of(buying.shop)
    (first,) = await automatic(buying)
    await buying.receive(first, 10)
    await round_of(buying.shop)
    assert len(await automatic(buying)) == 1, "it is above its point"
    await buying.shop.adjust(buying.cups, -1, "OUTBOUND")
    await round_of(buying.shop)
    assert {order.automatic for order in await automatic(buying)} == {1, 2}
    await buying.check()


async def test_an_order_that_is_not_enough_any_more_is_not_joined_by_another(buying: Purchasing) -> None:
    await round_of(buying.shop)
    entry = await buying.shop.now(buying.cups)
    await buying.shop.stock.keep.change(buying.shop.actor, ChangeEntry(entry.id, 90, 10, entry.version))
    await round_of(buying.shop)
    assert len(await automatic(buying)) == 1
    assert [each.quantity for each in await buying.suggested(sku="cup")] == [90]


async def test_who_cancels_an_automatic_order_is_not_overruled(buying: Purchasing) -> None:
    await round_of(buying.shop)
    (order,) = await automatic(buying)
    await buying.cancel(order)
    await round_of(buying.shop)
    assert await automatic(buying) == [await buying.now(order)]
    await buying.receive(await buying.place(1), 1)
    await round_of(buying.shop)
    assert {each.automatic for each in await automatic(buying)} == {1, 2}, "somebody ordered by hand since then"


async def test_nothing_is_ordered_from_a_supplier_that_is_deleted(buying: Purchasing) -> None:
    await buying.shop.stock.suppliers.delete(buying.shop.actor, DeleteSupplier(buying.supplier.id, 1))
    await round_of(buying.shop)
    assert await automatic(buying) == []


async def test_an_order_whose_process_stopped_before_its_line_is_the_same_for_the_next_one(
    buying: Purchasing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stopping:

        async def stopped(*_: object) -> None:
            raise BackendUnavailable

        stopping.setattr(records.Purchases, "_place_line", stopped)
        done = await buying.shop.stock.reorder(HOUSE)
        assert [type(each) for each in done.failures.values()] == [BackendUnavailable]
        assert buying.shop.stock.counts.automatic_orders[FAILED] == 1
    await round_of(buying.shop)
    (order,) = await automatic(buying)
    assert order.lines[0].outstanding == 10
    await buying.check()


async def test_only_the_house_orders_by_itself(buying: Purchasing) -> None:
    with pytest.raises(PermissionDenied):
        await buying.shop.stock.reorder(Actor(buying.shop.actor.organization, "ann"))
