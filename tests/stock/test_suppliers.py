"""Suppliers on every store: unique codes, versions, and a soft end."""

import asyncio

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import InvalidRequest, PermissionDenied
from travio_inventory.stock.records import suppliers as records
from travio_inventory.stock.refusals import StockExists, StockNotFound, VersionConflict
from travio_inventory.stock.supplier import AddSupplier, ChangeSupplier, Contact, DeleteSupplier, Supplier

ACME = Contact("Acme", "sales@acme.example", "+49 30 1", "Street 1", 7)


async def add(shop: Shop, code: str = "acme", contact: Contact = ACME) -> Supplier:
    return await shop.stock.suppliers.add(shop.actor, AddSupplier(code, contact))


async def codes(shop: Shop) -> list[str]:
    return [each.code for each in await shop.stock.suppliers.all(shop.actor)]


async def test_a_code_is_of_one_supplier_whoever_comes_first(shop: Shop) -> None:
    told = await asyncio.gather(*(add(shop, contact=Contact(name)) for name in "ABC"), return_exceptions=True)
    (made,) = [each for each in told if isinstance(each, Supplier)]
    assert [type(each) for each in told if each is not made] == [StockExists] * 2
    assert await add(shop, contact=made.contact) == made
    await add(shop, "aaa")
    assert await codes(shop) == ["aaa", "acme"]
    assert await codes(Shop(shop.store)) == []


async def test_a_change_needs_the_version_that_was_seen_and_a_repetition_is_answered_alike(shop: Shop) -> None:
    made = await add(shop)
    change = ChangeSupplier(made.id, Contact("Acme Ltd"), made.version)
    changed = await shop.stock.suppliers.change(shop.actor, change)
    assert (changed.contact.name, changed.version) == ("Acme Ltd", 2)
    assert await shop.stock.suppliers.change(shop.actor, change) == changed
    with pytest.raises(VersionConflict) as refused:
        await shop.stock.suppliers.change(shop.actor, ChangeSupplier(made.id, Contact("Other"), 1))
    assert refused.value.version == 2
    with pytest.raises(VersionConflict):
        await shop.stock.suppliers.delete(shop.actor, DeleteSupplier(made.id, 1))


async def test_a_deleted_supplier_is_in_no_list_and_its_code_begins_again_at_a_later_version(shop: Shop) -> None:
    made = await add(shop)
    deleted = await shop.stock.suppliers.delete(shop.actor, DeleteSupplier(made.id, 1))
    assert deleted.is_deleted
    assert await shop.stock.suppliers.delete(shop.actor, DeleteSupplier(made.id, 1)) == deleted
    assert await codes(shop) == []
    assert await shop.stock.suppliers.one(shop.actor, made.id) == deleted
    with pytest.raises(StockNotFound, match="supplier"):
        await shop.stock.suppliers.change(shop.actor, ChangeSupplier(made.id, ACME, 2))
    again = await add(shop, contact=Contact("New"))
    assert (again.id, again.version, again.is_deleted) == (made.id, 3, False)
    assert await codes(shop) == ["acme"]


async def test_there_is_a_limit_of_suppliers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SUPPLIERS_MAX", 2)
    await add(shop, "a")
    await add(shop, "b")
    with pytest.raises(InvalidRequest, match="2 suppliers"):
        await add(shop, "c")


async def test_others_do_not_see_it_and_each_verb_needs_its_scope(shop: Shop) -> None:
    made = await add(shop)
    with pytest.raises(StockNotFound):
        await shop.stock.suppliers.one(Shop(shop.store).actor, made.id)
    suppliers, change = shop.stock.suppliers, ChangeSupplier(made.id, ACME, 1)
    reads = Actor(shop.actor.organization, "ann", frozenset({Scope.STOCK_READ, Scope.STOCK_ADJUST}))
    for step in (
        suppliers.add(reads, AddSupplier("b", ACME)),
        suppliers.change(reads, change),
        suppliers.delete(reads, DeleteSupplier(made.id, 1)),
        suppliers.all(Actor(shop.actor.organization, "ann", frozenset({Scope.STOCK_ADMIN}))),
        suppliers.one(Actor(shop.actor.organization, "ann", frozenset({Scope.STOCK_ADMIN})), made.id),
    ):
        with pytest.raises(PermissionDenied):
            await step


@pytest.mark.parametrize(
    ("said", "field"),
    [({"name": ""}, "name"), ({"email": "x\n"}, "email"), ({"lead_days": -1}, "lead_days")],
)
def test_what_is_wrong_with_a_supplier_is_named(said: dict[str, str | int], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Contact(**{"name": "Acme", **said})  # type: ignore[arg-type]
    assert [each.field for each in refused.value.violations] == [field]
