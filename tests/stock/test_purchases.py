"""Purchase orders on every store: placed, received in parts, cancelled; and what is to be ordered."""

import asyncio
import json

import pytest

from tests.stock.purchasing import Purchasing
from tests.stock.shop import Shop
from travio_inventory.kernel.actor import Actor, Scope
from travio_inventory.kernel.refusals import IdempotencyKeyReused, InvalidRequest, PermissionDenied, Refusal
from travio_inventory.protocol.batches import Kind
from travio_inventory.stock.commands import ChangeEntry, DeleteEntry
from travio_inventory.stock.purchase import OPEN_MS, Ordered, PlaceOrder, PurchaseOrder, ReceiveOrder
from travio_inventory.stock.records import purchases as records
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.refusals import (
    OverReceived,
    PurchaseEnded,
    StockNotFound,
    TooManyOrders,
)
from travio_inventory.stock.restocking import to_order
from travio_inventory.stock.supplier import DeleteSupplier


@pytest.fixture
async def buying(shop: Shop) -> Purchasing:
    """A shop that buys."""
    return await Purchasing.begun(shop)


def counts(order: PurchaseOrder) -> list[tuple[int, int]]:
    return [(line.received, line.outstanding) for line in order.lines]


async def test_an_order_is_received_in_parts_each_with_its_movement(buying: Purchasing) -> None:
    order = await buying.place(6, 4)
    assert (order.status, counts(order), await buying.totals()) == ("ORDERED", [(0, 6), (0, 4)], (0, 0))
    order = await buying.receive(order, 2)
    assert (order.status, counts(order), await buying.totals()) == ("PARTLY_RECEIVED", [(2, 4), (0, 4)], (2, 0))
    order = await buying.receive(order, 4, 4, key="the rest")
    assert (order.status, counts(order), await buying.totals()) == ("RECEIVED", [(6, 0), (4, 0)], (6, 4))
    moved = (await buying.shop.movements(buying.cups))[-1]
    assert (moved.type, moved.quantity, moved.reference, moved.performed_by) == ("INBOUND", 4, order.id, "ann")
    await buying.check()


async def test_more_than_is_outstanding_is_refused_and_nothing_of_the_receipt_is_done(buying: Purchasing) -> None:
    order = await buying.receive(await buying.place(6, 4), 2)
    with pytest.raises(OverReceived) as refused:
        await buying.receive(order, 5)
    assert refused.value.outstanding == 4
    with pytest.raises(OverReceived) as refused:
        await buying.receive(order, 4, 5, key="k")
    assert refused.value.outstanding == 4
    assert (await buying.totals(), counts(await buying.now(order))) == ((2, 0), [(2, 4), (0, 4)])
    order = await buying.receive(order, 4)
    with pytest.raises(OverReceived):
        await buying.receive(order, 1)
    await buying.check()


async def test_a_receipt_that_is_repeated_brings_nothing_twice(buying: Purchasing) -> None:
    order = await buying.place(6, 4)
    for _ in range(3):
        order = await buying.receive(order, 6, 3, key="k")
    assert (await buying.totals(), counts(order)) == ((6, 3), [(6, 0), (3, 1)])
    with pytest.raises(IdempotencyKeyReused):
        await buying.receive(order, 5, 3, key="k")
    cancelled = await buying.cancel(order)
    assert await buying.receive(order, 6, 3, key="k") == cancelled
    counted = buying.shop.stock.counts
    assert (counted.receipts, counted.units_received) == (2, 9), "of each line, once"
    await buying.check()


async def test_a_cancellation_closes_what_has_not_come_and_happens_once(buying: Purchasing) -> None:
    order = await buying.receive(await buying.place(6, 4), 2)
    order = await buying.cancel(order)
    assert (order.status, counts(order), order.cancelled_by) == ("CANCELLED", [(2, 0), (0, 0)], "ann")
    assert await buying.cancel(order) == order
    with pytest.raises(PurchaseEnded) as refused:
        await buying.receive(order, 1)
    assert (refused.value.status, await buying.totals()) == ("CANCELLED", (2, 0))
    whole = await buying.receive(await buying.place(1), 1)
    with pytest.raises(PurchaseEnded) as refused:
        await buying.cancel(whole)
    assert refused.value.status == "RECEIVED"
    await buying.check()


async def test_a_repeated_order_is_the_same_and_another_one_with_its_key_is_refused(buying: Purchasing) -> None:
    order = await buying.place(6, key="k")
    await buying.shop.stock.suppliers.delete(buying.shop.actor, DeleteSupplier(buying.supplier.id, 1))
    assert await buying.place(6, key="k") == order
    with pytest.raises(IdempotencyKeyReused):
        await buying.place(7, key="k")
    with pytest.raises(StockNotFound, match="supplier"):
        await buying.place(6)
    assert await buying.listed() == [order]


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ([], "lines"),
        ([Ordered("cup", "w", 0)], "lines[0].quantity"),
        ([Ordered("", "w", 1)], "lines[0].sku"),
        ([Ordered("cup", "w", 1), Ordered("cup", "", 1)], "lines[1].warehouse_id"),
        ([Ordered("cup", "w", 1), Ordered("cup", "w", 2)], "lines[1].sku"),
        ([Ordered(f"{n}", "w", 1) for n in range(101)], "lines"),
    ],
)
def test_what_is_wrong_with_lines_is_named(lines: list[Ordered], field: str) -> None:
    for command in (lambda: PlaceOrder("s", lines), lambda: ReceiveOrder("o", lines, "k")):
        with pytest.raises(InvalidRequest) as refused:
            command()
        assert [each.field for each in refused.value.violations] == [field]


async def test_a_receipt_of_several_lines_needs_a_key_and_only_lines_of_the_order_are_received(
    buying: Purchasing,
) -> None:
    order = await buying.place(6)
    with pytest.raises(InvalidRequest) as refused:
        await buying.receive(order, 1, 1)
    assert refused.value.violations[0].field == "idempotency_key"
    with pytest.raises(InvalidRequest) as refused:
        await buying.receive(order, 1, 1, key="k")
    assert (refused.value.violations[0].field, await buying.totals()) == ("lines[1].sku", (0, 0))


async def test_an_order_is_for_entries_that_are_there_and_an_entry_has_a_limit_of_open_ones(
    buying: Purchasing, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = buying.shop
    other = PlaceOrder(buying.supplier.id, [Ordered("cup", buying.plates.warehouse_id, 1)])
    with pytest.raises(StockNotFound, match="cup"):
        await shop.stock.purchases.place(shop.actor, other)
    monkeypatch.setattr(records, "OPEN_ORDERS_MAX", 2)
    orders = [await buying.place(1) for _ in range(2)]
    with pytest.raises(TooManyOrders) as refused:
        await buying.place(1)
    assert refused.value.orders == 2
    await buying.receive(orders[0], 1)
    orders.append(await buying.place(1))
    entry = await shop.now(buying.plates)
    await shop.stock.keep.delete(shop.actor, DeleteEntry(entry.id, entry.version))
    with pytest.raises(StockNotFound, match="plate"):
        await buying.place(plates=1)
    assert len(await buying.listed()) == 3


async def test_an_order_takes_receipts_for_a_limited_time(buying: Purchasing) -> None:
    order = await buying.place(6)
    buying.shop.clock.pass_s(OPEN_MS // 1_000)
    order = await buying.now(order)
    assert (order.status, order.is_open) == ("EXPIRED", False)
    for step in (buying.receive(order, 1), buying.cancel(order)):
        with pytest.raises(PurchaseEnded) as refused:
            await step
        assert refused.value.status == "EXPIRED"
    assert [each.on_order for each in await buying.suggested(sku="cup")] == [0]


async def test_others_see_nothing_and_each_step_needs_its_scope(buying: Purchasing) -> None:
    order = await buying.place(6)
    other = await Purchasing.begun(Shop(buying.shop.store))
    for step in (other.now(order), other.receive(order, 1), other.cancel(order)):
        with pytest.raises(StockNotFound):
            await step
    assert await other.listed() == []
    buying.shop.actor = Actor(buying.shop.actor.organization, "ann", frozenset({Scope.STOCK_READ}))
    assert await buying.now(order) == order
    for step in (buying.place(1), buying.receive(order, 1), buying.cancel(order)):
        with pytest.raises(PermissionDenied):
            await step
    buying.shop.actor = Actor(buying.shop.actor.organization, "ann", frozenset(Scope) - {Scope.STOCK_READ})
    with pytest.raises(PermissionDenied):
        await buying.listed()
    with pytest.raises(PermissionDenied):
        await buying.suggested()


async def test_orders_are_listed_by_supplier_and_by_what_is_open(buying: Purchasing) -> None:
    placed = []
    for count in (1, 2, 3):
        placed.append(await buying.place(count))
        buying.shop.clock.pass_s(1)
    first, second, third = placed
    first, second = await buying.receive(first, 1), await buying.receive(second, 1)
    assert await buying.listed() == [first, second, third]
    assert await buying.listed(is_open=True, supplier_id=buying.supplier.id) == [second, third]
    assert await buying.listed(supplier_id="another") == []


async def test_of_two_who_receive_the_last_units_one_does(buying: Purchasing) -> None:
    for quantity in range(2, 5):
        order = await buying.place(quantity)
        before = (await buying.totals())[0]
        told = await asyncio.gather(*(buying.receive(order, quantity - 1) for _ in range(4)), return_exceptions=True)
        refused = [each for each in told if isinstance(each, Refusal)]
        assert len(refused) == (2 if quantity == 2 else 3)
        assert {type(each) for each in refused} == {OverReceived}
        assert (await buying.totals())[0] == before + (quantity - 1) * (4 - len(refused))
    await buying.check()


async def test_each_step_is_told_once(buying: Purchasing) -> None:
    order = await buying.place(6)
    await buying.receive(order, 2, key="k")
    await buying.receive(order, 2, key="k")
    await buying.cancel(order)
    at = stock_rows.place(buying.shop.actor.organization, "cup", 1)
    events = (await buying.shop.store.read(at, Kind.EVENT)).values()
    told = [
        (str(row["type"]), json.loads(str(row["data"])))
        for row in sorted(events, key=lambda row: int(row["ordinal"] or 0))
    ]
    assert [kind.removeprefix("inventory.") for kind, _ in told] == [
        "purchase_ordered", "purchase_received", "stock_updated", "purchase_cancelled",
    ]  # fmt: skip
    assert [said["quantity"] for _, said in told if "quantity" in said] == [6, 2, 4]
    assert {said.get("purchaseOrderId", order.id) for _, said in told} == {order.id}


async def test_what_is_on_order_or_on_the_way_is_suggested_no_more(buying: Purchasing) -> None:
    shop = buying.shop
    entry = await shop.now(buying.cups)
    await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, 10, 4, entry.version))
    suggestion, plates = await buying.suggested()
    assert (suggestion.quantity, suggestion.on_order, suggestion.supplier_id) == (12, 0, "")
    assert (plates.entry.sku, plates.quantity) == ("plate", 50)
    order = await buying.place(7)
    (suggestion,) = await buying.suggested(sku="cup")
    assert (suggestion.quantity, suggestion.on_order, suggestion.supplier_id) == (4, 7, buying.supplier.id)
    await buying.place(4)
    assert await buying.suggested(sku="cup") == []
    await buying.cancel(order)
    assert [each.quantity for each in await buying.suggested(warehouse_id=entry.warehouse_id)] == [8]
    assert await buying.suggested(region="nowhere") == []


@pytest.mark.parametrize(
    ("point", "quantity", "on_order", "in_transit", "wanted"),
    [(10, 50, 0, 0, 50), (10, 5, 0, 0, 15), (10, 5, 1, 0, 10), (10, 5, 0, 11, 0), (0, 5, 0, 0, 5), (10, 0, 0, 0, 0)],
)
async def test_so_many_are_to_be_ordered_that_the_point_is_passed(
    buying: Purchasing, point: int, quantity: int, on_order: int, in_transit: int, wanted: int
) -> None:
    shop, entry = buying.shop, buying.cups
    entry = await shop.stock.keep.change(shop.actor, ChangeEntry(entry.id, point, quantity, entry.version))
    assert to_order(entry, on_order=on_order, in_transit=in_transit) == wanted
