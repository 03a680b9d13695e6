"""What was added with a key is told as it stands now to whoever repeats the request, whatever became of it."""

import asyncio

import pytest

from tests.stock.shop import Shop
from tests.stock.spread import Spread
from travio_inventory.kernel.refusals import IdempotencyKeyReused, InvalidRequest
from travio_inventory.stock.commands import AddEntry, AddWarehouse, ChangeWarehouse, DeleteEntry
from travio_inventory.stock.purchase import Ordered, PlaceOrder
from travio_inventory.stock.refusals import StockExists
from travio_inventory.stock.supplier import AddSupplier, ChangeSupplier, Contact, DeleteSupplier
from travio_inventory.stock.transfer import DraftTransfer
from travio_inventory.stock.warehouse import Site

NORTH, ACME = AddWarehouse("north", Site("North"), "k"), AddSupplier("acme", Contact("Acme"), "k")


async def test_a_warehouse_is_told_as_it_was_changed_since(shop: Shop) -> None:
    keep, by = shop.stock.warehouses, shop.actor
    made = await keep.add(by, NORTH)
    changed = await keep.change(by, ChangeWarehouse(made.id, Site("South"), 1))
    assert await keep.add(by, NORTH) == changed
    for other in (AddWarehouse("north", Site("South"), "k"), AddWarehouse("west", Site("North"), "k")):
        with pytest.raises(IdempotencyKeyReused):
            await keep.add(by, other)
    for other in (AddWarehouse("north", Site("North")), AddWarehouse("north", Site("North"), "l")):
        with pytest.raises(StockExists):
            await keep.add(by, other)
    assert [each.code for each in await keep.all(by)] == ["north"]


async def test_a_supplier_is_told_as_it_was_changed_or_deleted_since(shop: Shop) -> None:
    keep, by = shop.stock.suppliers, shop.actor
    made = await keep.add(by, ACME)
    changed = await keep.change(by, ChangeSupplier(made.id, Contact("Acme Ltd"), 1))
    assert await keep.add(by, ACME) == changed
    deleted = await keep.delete(by, DeleteSupplier(made.id, 2))
    assert await keep.add(by, ACME) == deleted
    assert await keep.all(by) == []
    with pytest.raises(IdempotencyKeyReused):
        await keep.add(by, AddSupplier("acme", Contact("Other"), "k"))
    again = await keep.add(by, AddSupplier("acme", Contact("Acme"), "l"))
    assert (again.is_deleted, again.version) == (False, 4)


async def test_a_key_that_added_nothing_is_known_by_what_was_there(shop: Shop) -> None:
    """The same was added before, without a key; it is changed between two requests with one."""
    warehouses, suppliers, by = shop.stock.warehouses, shop.stock.suppliers, shop.actor
    north = await warehouses.add(by, AddWarehouse("north", Site("North")))
    acme = await suppliers.add(by, AddSupplier("acme", Contact("Acme")))
    assert await warehouses.add(by, NORTH) == north
    assert await suppliers.add(by, ACME) == acme
    changed = await warehouses.change(by, ChangeWarehouse(north.id, Site("South"), 1))
    deleted = await suppliers.delete(by, DeleteSupplier(acme.id, 1))
    assert await warehouses.add(by, NORTH) == changed
    assert await suppliers.add(by, ACME) == deleted


async def test_requests_with_one_key_at_once_add_one_thing(shop: Shop) -> None:
    by = shop.actor
    codes = ["a", "a", "b", "b"]
    told = await asyncio.gather(
        *(shop.stock.warehouses.add(by, AddWarehouse(code, Site(code), "k")) for code in codes), return_exceptions=True
    )
    (made,) = await shop.stock.warehouses.all(by)
    assert [each == made or type(each) for each in told] == [
        True if code == made.code else IdempotencyKeyReused for code in codes
    ]


async def test_a_key_is_known_as_long_as_keys_are(shop: Shop) -> None:
    made = await shop.stock.warehouses.add(shop.actor, NORTH)
    await shop.stock.warehouses.change(shop.actor, ChangeWarehouse(made.id, Site("South"), 1))
    other = Shop(shop.store)
    assert (await other.stock.warehouses.add(other.actor, NORTH)).version == 1
    with pytest.raises(InvalidRequest, match="key"):
        AddWarehouse("north", Site("North"), "k" * 300)


async def test_an_entry_a_transfer_and_an_order_are_told_as_they_stand(shop: Shop) -> None:
    by, stock = shop.actor, shop.stock
    north, south = await shop.warehouse("north"), await shop.warehouse("south")
    adding = AddEntry("cup", north.id, "p", 9, cause="k")
    entry = await stock.keep.add(by, adding)
    drafting = DraftTransfer("cup", north.id, south.id, 4, key="k")
    shipped = await stock.transfers.ship(by, (await stock.transfers.draft(by, drafting)).id)
    assert await stock.transfers.draft(by, drafting) == shipped
    acme = await stock.suppliers.add(by, ACME)
    placing = PlaceOrder(acme.id, [Ordered("cup", north.id, 2)], key="k")
    cancelled = await stock.purchases.cancel(by, (await stock.purchases.place(by, placing)).id)
    await stock.suppliers.delete(by, DeleteSupplier(acme.id, 1))
    assert await stock.purchases.place(by, placing) == cancelled
    assert await stock.keep.add(by, adding) == await shop.now(entry)
    await shop.adjust(entry, -5)
    deleted = await stock.keep.delete(by, DeleteEntry(entry.id, (await shop.now(entry)).version))
    assert await stock.keep.add(by, adding) == deleted


async def test_what_lies_in_shards_is_told_whole(shop: Shop) -> None:
    north = await shop.warehouse("north")
    adding = AddEntry("cup", north.id, "p", 9, cause="k")
    spread = Spread(shop, await shop.stock.keep.add(shop.actor, adding))
    await spread.set(3)
    await spread.lies(2, 4)
    assert (await shop.stock.keep.add(shop.actor, adding)).quantities == (9, 0)
    for _ in range(2):
        assert (await shop.adjust(spread.entry, 1, cause="a")).entry.quantities == (10, 0)
