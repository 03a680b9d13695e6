"""Entries, warehouses and movements, on every store."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.stock.shop import Shop
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import IdempotencyKeyReused, InvalidRequest, PermissionDenied
from travio_inventory.protocol.batches import Kind
from travio_inventory.stock.availability import StockQuestion
from travio_inventory.stock.commands import (
    AddEntry,
    AddWarehouse,
    AdjustStock,
    ChangeEntry,
    ChangeWarehouse,
    DeleteEntry,
    EntriesQuery,
    Why,
)
from travio_inventory.stock.entry import QUANTITY_MAX, InventoryEntry
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.refusals import (
    InsufficientStock,
    StockExists,
    StockFull,
    StockLeft,
    StockNotFound,
    VersionConflict,
)
from travio_inventory.stock.warehouse import Site


async def told(shop: Shop, entry: InventoryEntry) -> list[tuple[str, dict[str, object]]]:
    """The events of an entry in the north, as they are recorded."""
    found = await shop.store.read(stock_rows.place(entry.organization, entry.sku, 1), Kind.EVENT)
    rows = sorted(found.values(), key=lambda row: int(row["ordinal"] or 0))
    assert [row.get("ordinal") for row in rows] == list(range(len(rows)))
    return [(str(row["type"]).removeprefix("inventory."), json.loads(str(row["data"]))) for row in rows]


async def test_every_change_of_a_total_is_a_movement_and_an_event(shop: Shop) -> None:
    entry = await shop.entry(quantity=5)
    await shop.adjust(entry, 20, "INBOUND", reason="delivery")
    await shop.adjust(entry, -3, "DAMAGE")
    counted = await shop.count(entry, 21, version=3)
    now = await shop.now(entry)
    assert now == counted.entry
    assert (now.quantities, now.version) == ((21, 0), 4)
    movements = await shop.movements(entry)
    assert [(each.type, each.quantity, each.balance_after, each.version) for each in movements] == [
        ("INBOUND", 5, 5, 1), ("INBOUND", 20, 25, 2), ("DAMAGE", -3, 22, 3), ("ADJUSTMENT", -1, 21, 4),
    ]  # fmt: skip
    assert [each.performed_by for each in movements] == ["ann"] * 4
    assert movements[1].reason == "delivery"
    changes = [(kind, data["oldStock"], data["newStock"]) for kind, data in await told(shop, entry)]
    assert changes == [("stock_updated", *each) for each in ((0, 5), (5, 25), (25, 22), (22, 21))]


async def test_a_repetition_with_the_same_cause_is_the_same_movement(shop: Shop) -> None:
    entry = await shop.entry(quantity=5)
    first = await shop.adjust(entry, 2, cause="delivery-1")
    await shop.adjust(entry, 1)
    again = await shop.adjust(entry, 2, cause="delivery-1")
    assert again.movement == first.movement
    assert again.entry.quantities.total == 8
    with pytest.raises(IdempotencyKeyReused):
        await shop.adjust(entry, 3, cause="delivery-1")
    assert len(await shop.movements(entry)) == 3
    assert (await shop.now(entry)).quantities.total == 8


async def test_changes_at_the_same_moment_all_count(shop: Shop) -> None:
    entry = await shop.entry(quantity=10)
    await asyncio.gather(*(shop.adjust(entry, -1, cause=f"c{number % 5}") for number in range(10)))
    now, movements = await shop.now(entry), await shop.movements(entry)
    assert now.quantities.total == 5, "ten calls with five causes"
    assert sum(each.quantity for each in movements) == 5
    assert [each.version for each in movements] == [*range(1, 7)]


async def test_a_race_for_the_last_ones_leaves_none_and_never_less(shop: Shop) -> None:
    entry = await shop.entry(quantity=4)
    outcomes = await asyncio.gather(*(shop.adjust(entry, -1) for _ in range(9)), return_exceptions=True)
    assert sum(isinstance(each, InsufficientStock) for each in outcomes) == 5
    assert (await shop.now(entry)).quantities.total == 0
    assert min(each.balance_after for each in await shop.movements(entry)) == 0


async def test_a_refused_change_says_why_and_leaves_no_trace(shop: Shop) -> None:
    entry = await shop.entry(quantity=4)
    with pytest.raises(InsufficientStock) as few:
        await shop.adjust(entry, -5)
    with pytest.raises(VersionConflict) as old:
        await shop.count(entry, 9, version=7)
    with pytest.raises(StockFull) as full:
        await shop.adjust(entry, QUANTITY_MAX)
    assert (few.value.available, old.value.version, full.value.room) == (4, 1, QUANTITY_MAX - 4)
    assert await shop.now(entry) == entry
    assert len(await shop.movements(entry)) == len(await told(shop, entry)) == 1


async def test_low_stock_is_told_once_per_crossing(shop: Shop) -> None:
    entry = await shop.entry(quantity=5, reorder_point=3)
    for change in (-2, -1, -2, 9, -6, -3):
        await shop.adjust(entry, change)
    marks = [(kind, data["currentStock"]) for kind, data in await told(shop, entry) if kind != "stock_updated"]
    assert marks == [("low_stock", 3), ("out_of_stock", 0), ("low_stock", 3), ("out_of_stock", 0)]


async def test_stock_is_low_when_the_mark_is_raised_above_it(shop: Shop) -> None:
    entry = await shop.entry(quantity=20, reorder_point=10)
    for point in (30, 25, 10, 20):
        entry = await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, point, 40, entry.version))
    marks = [data["reorderPoint"] for kind, data in await told(shop, entry) if kind == "low_stock"]
    assert marks == [30, 20]


async def test_one_entry_for_each_stock_keeping_unit_and_warehouse(shop: Shop) -> None:
    await shop.entry("cup", 1)
    with pytest.raises(StockExists):
        await shop.entry("cup", 2)
    await shop.entry("cup", 3, code="south")
    with pytest.raises(StockNotFound):
        await shop.stock.keep.add(shop.actor, AddEntry("cup", "nowhere", "p"))
    assert await shop.listed() == ["cup 1", "cup 3"]


async def test_a_deleted_entry_is_shown_to_who_asks_for_it_and_its_versions_go_on(shop: Shop) -> None:
    entry = await shop.entry("cup", 2)
    with pytest.raises(StockLeft) as left:
        await shop.stock.keep.delete(shop.actor, DeleteEntry(entry.id, 1))
    assert left.value.total == 2
    await shop.adjust(entry, -2, "OUTBOUND")
    await shop.stock.keep.delete(shop.actor, DeleteEntry(entry.id, 2))
    assert await shop.listed() == []
    assert (await shop.now(entry)).is_deleted
    with pytest.raises(StockNotFound):
        await shop.adjust(entry, 1)
    again = await shop.entry("cup", 7)
    assert (again.id, again.version, again.created_at_ms) == (entry.id, 4, entry.created_at_ms)
    assert [each.balance_after for each in await shop.movements(entry)] == [2, 0, 7]
    assert await shop.listed() == ["cup 7"]


async def test_an_entry_is_redefined_at_the_version_that_was_seen(shop: Shop) -> None:
    entry = await shop.entry(quantity=2)
    changed = await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, 4, 40, 1))
    assert (changed.reorder_point, changed.reorder_quantity, changed.version) == (4, 40, 2)
    with pytest.raises(VersionConflict):
        await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, 5, 50, 1))
    assert await shop.now(entry) == changed


async def test_a_change_and_a_deletion_that_are_repeated_are_answered_alike(shop: Shop) -> None:
    entry = await shop.entry(quantity=0)
    change = ChangeEntry(entry.id, 4, None, 1, shards=2)
    changed = await shop.stock.keep.change(shop.actor, change)
    assert await shop.stock.keep.change(shop.actor, change) == changed == await shop.now(entry)
    for other in (ChangeEntry(entry.id, 5, None, 1), ChangeEntry(entry.id, 4, 9, 1), ChangeEntry(entry.id, 4, None, 9)):
        with pytest.raises(VersionConflict):
            await shop.stock.keep.change(shop.actor, other)
    whole = await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, None, None, changed.version, shards=1))
    delete = DeleteEntry(entry.id, whole.version)
    deleted = await shop.stock.keep.delete(shop.actor, delete)
    assert await shop.stock.keep.delete(shop.actor, delete) == deleted == await shop.now(entry)
    for command in (DeleteEntry(entry.id, 1), DeleteEntry(entry.id, deleted.version)):
        with pytest.raises(StockNotFound):
            await shop.stock.keep.delete(shop.actor, command)
    with pytest.raises(StockNotFound):
        await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, 4, None, whole.version))


async def test_lists_are_by_stock_keeping_unit_by_product_and_by_warehouse_page_by_page(shop: Shop) -> None:
    for sku, quantity, code in (("cup", 1, "north"), ("cup", 2, "south"), ("jug", 3, "north"), ("pan", 4, "north")):
        await shop.entry(sku, quantity, code=code)
    north = await shop.warehouse("north")
    assert await shop.listed() == ["cup 1", "cup 2", "jug 3", "pan 4"]
    assert await shop.listed(sku="cup") == ["cup 1", "cup 2"]
    assert await shop.listed(product_id="p-jug") == ["jug 3"]
    assert await shop.listed(warehouse_id=north.id) == ["cup 1", "jug 3", "pan 4"]
    assert await Shop(shop.store).listed() == []


async def test_a_list_is_of_what_fits_all_that_is_asked_for(shop: Shop) -> None:
    await shop.warehouse("south", region="us")
    for number in range(5):
        await shop.entry(f"cup{number}", number, code="north" if number % 2 else "south", reorder_point=2)
    north = await shop.warehouse("north")
    assert await shop.listed(region="us") == ["cup0 0", "cup2 2", "cup4 4"]
    assert await shop.listed(low_stock=True) == ["cup0 0", "cup1 1", "cup2 2"]
    assert await shop.listed(region="us", low_stock=True) == ["cup0 0", "cup2 2"]
    assert await shop.listed(sku="cup1", warehouse_id=north.id) == ["cup1 1"]
    assert await shop.listed(sku="cup2", product_id="p-cup2", warehouse_id=north.id) == []
    assert await shop.listed(region="nowhere") == []


async def test_an_entry_that_is_added_again_for_the_same_cause_is_the_same_entry(shop: Shop) -> None:
    north = await shop.warehouse("north")
    command = AddEntry("cup", north.id, "p", 5, cause="key-1")
    first = await shop.stock.keep.add(shop.actor, command)
    await shop.adjust(first, -2)
    again = await shop.stock.keep.add(shop.actor, command)
    assert (again.id, again.quantities.total) == (first.id, 3)
    assert len(await shop.movements(first)) == 2
    with pytest.raises(IdempotencyKeyReused):
        await shop.stock.keep.add(shop.actor, replace(command, quantity=6))
    with pytest.raises(StockExists):
        await shop.stock.keep.add(shop.actor, replace(command, cause="key-2"))


async def test_what_can_be_had_is_what_open_warehouses_have(shop: Shop) -> None:
    for code, quantity, region, active in (("a", 3, "eu", True), ("b", 4, "us", True), ("c", 9, "eu", False)):
        await shop.warehouse(code, region=region, is_active=active)
        await shop.entry("cup", quantity, code=code)
    questions = [StockQuestion("cup", 7), StockQuestion("cup", 4, "eu"), StockQuestion("jug", 1)]
    answers = await shop.stock.check(shop.actor, questions)
    assert [(each.available, each.is_available) for each in answers] == [(7, True), (3, False), (0, False)]
    assert [each.available for each in answers[0].warehouses] == [3, 4]


async def test_a_warehouse_has_a_code_of_its_own(shop: Shop) -> None:
    north = await shop.warehouse("north", region="eu", priority=2)
    assert await shop.warehouse("north", region="eu", priority=2) == north
    with pytest.raises(StockExists):
        await shop.warehouse("north", region="us")
    others = await asyncio.gather(*(shop.warehouse(f"w{number}") for number in range(4)))
    assert {each.number for each in others} == {2, 3, 4, 5}
    assert [each.code for each in await shop.stock.warehouses.all(shop.actor)] == ["w0", "w1", "w2", "w3", "north"]


async def test_a_warehouse_is_changed_at_the_version_that_was_seen(shop: Shop) -> None:
    north = await shop.warehouse("north")
    change = ChangeWarehouse(north.id, Site("North", is_active=False, latitude=48.1, longitude=11.6), 1)
    changed = await shop.stock.warehouses.change(shop.actor, change)
    assert await shop.stock.warehouses.change(shop.actor, change) == changed
    assert (changed.version, changed.number, changed.site.latitude) == (2, 1, 48.1)
    assert await shop.stock.warehouses.one(shop.actor, north.id) == changed
    with pytest.raises(VersionConflict):
        await shop.stock.warehouses.change(shop.actor, ChangeWarehouse(north.id, Site("South"), 1))


async def test_stock_of_another_organization_is_not_there(shop: Shop) -> None:
    entry, other = await shop.entry(quantity=3), Shop(shop.store)
    for attempt in (other.now(entry), other.adjust(entry, 1), other.movements(entry)):
        with pytest.raises(StockNotFound):
            await attempt
    same = await other.entry(quantity=4)
    assert same.id != entry.id
    assert (await shop.now(entry)).quantities.total == 3


async def test_whoever_may_read_may_not_change(shop: Shop) -> None:
    entry = await shop.entry(quantity=3)
    reader = Actor(shop.actor.organization, "bob", frozenset({Scope.STOCK_READ}))
    writer = Actor(shop.actor.organization, "bob", frozenset({Scope.STOCK_ADJUST}))
    assert await shop.stock.read.one(reader, entry.id) == entry
    change = AdjustStock(entry.id, 1, MovementType.INBOUND, Why("x"))
    refused = (
        shop.stock.adjust.by(reader, change),
        shop.stock.keep.delete(reader, DeleteEntry(entry.id, 1)),
        shop.stock.warehouses.add(reader, AddWarehouse("w", Site("W"))),
        shop.stock.read.one(writer, entry.id),
        shop.stock.read.page(writer, EntriesQuery()),
        shop.stock.check(writer, [StockQuestion("cup", 1)]),
        shop.stock.keep.delete(writer, DeleteEntry(entry.id, 1)),
    )
    for attempt in refused:
        with pytest.raises(PermissionDenied):
            await attempt
    await shop.stock.adjust.by(writer, change)


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (lambda: AdjustStock("i", 0, MovementType.INBOUND, Why("x")), ["quantity"]),
        (lambda: AdjustStock("i", -1, MovementType.INBOUND, Why("x")), ["type"]),
        (lambda: AdjustStock("i", 1, MovementType.TRANSFER, Why("x")), ["type"]),
        (lambda: AddEntry("", "w\n", "p", -1), ["sku", "warehouse_id", "quantity"]),
        (lambda: Why(" ", cause=" x"), ["reason", "idempotency_key"]),
        (lambda: EntriesQuery(sku="a", product_id="b\n", page_size=0), ["product_id", "page_size"]),
        (lambda: Site("", priority=0, latitude=91, longitude=None), ["name", "priority", "latitude", "latitude"]),
        (lambda: ChangeEntry("i", -1, 1, 0), ["reorder_point", "version"]),
    ],
)
def test_what_is_wrong_is_named_field_by_field(make: Callable[[], object], fields: list[str]) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        make()
    assert [each.field for each in wrong.value.violations] == fields
