"""The calls of `stock.v1` about suppliers and purchase orders."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.stock.test_calls import serving
from tests.api.test_who_may_call import told_of
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.wire.stock import v1

ORG: Any = {"organization_id": "org", "user_id": "ann"}


@pytest.fixture
async def stub() -> AsyncIterator[v1.StockServiceStub]:
    """A shop with a warehouse, an entry and a supplier."""
    async with serving(AuthenticationOff()) as stub:
        site = v1.Site(name="North", region="eu")
        await stub.add_warehouse(v1.AddWarehouseRequest(code="north", site=site, **ORG))
        await stub.add_inventory(
            v1.AddInventoryRequest(sku="cup", warehouse_code="north", product_id="cup", quantity=3, **ORG)
        )
        await stub.add_supplier(v1.AddSupplierRequest(code="acme", contact=v1.Contact(name="Acme"), **ORG))
        yield stub


def line(quantity: int) -> v1.OrderedLine:
    return v1.OrderedLine(sku="cup", warehouse_code="north", quantity=quantity)


async def test_an_order_is_suggested_placed_received_and_cancelled(stub: v1.StockServiceStub) -> None:
    (suggested,) = (await stub.suggest_purchases(v1.SuggestPurchasesRequest(warehouse_code="north", **ORG))).items
    assert (suggested.quantity_suggested, suggested.quantity_on_order, suggested.supplier_id) == (50, 0, "")
    place = v1.PlacePurchaseOrderRequest(supplier_code="acme", lines=[line(10)], idempotency_key="k", **ORG)
    made, again = (await stub.place_purchase_order(place)).order, (await stub.place_purchase_order(place)).order
    assert made is not None
    assert (made, made.status, made.ordered_by, made.is_automatic) == (again, "ORDERED", "ann", False)
    named = made.purchase_order_id
    receive = v1.ReceivePurchaseOrderRequest(purchase_order_id=named, lines=[line(4)], idempotency_key="r", **ORG)
    for _ in range(2):
        part = (await stub.receive_purchase_order(receive)).order
    assert part is not None
    assert (part.status, part.lines[0].quantity_received, part.lines[0].quantity_outstanding) == (
        "PARTLY_RECEIVED", 4, 6,
    )  # fmt: skip
    with pytest.raises(GRPCError) as much:
        await stub.receive_purchase_order(
            v1.ReceivePurchaseOrderRequest(purchase_order_id=named, lines=[line(7)], **ORG)
        )
    assert (much.value.status, told_of(much.value.details)[0]) == (Status.FAILED_PRECONDITION, "OVER_RECEIVED")
    open_ones = v1.ListPurchaseOrdersRequest(supplier_code="acme", open=True, **ORG)
    assert (await stub.list_purchase_orders(open_ones)).items == [part]
    cancelled = (await stub.cancel_purchase_order(v1.CancelPurchaseOrderRequest(purchase_order_id=named, **ORG))).order
    found = (await stub.get_purchase_order(v1.GetPurchaseOrderRequest(purchase_order_id=named, **ORG))).order
    assert found is not None
    assert (found, found.status, found.cancelled_by) == (cancelled, "CANCELLED", "ann")
    assert (await stub.list_purchase_orders(open_ones)).items == []


async def test_a_supplier_is_changed_and_deleted_at_its_version(stub: v1.StockServiceStub) -> None:
    change = v1.ChangeSupplierRequest(supplier_code="acme", contact=v1.Contact(name="B", lead_days=4), version=1, **ORG)
    changed = (await stub.change_supplier(change)).supplier
    assert (await stub.list_suppliers(v1.ListSuppliersRequest(**ORG))).items == [changed]
    with pytest.raises(GRPCError) as stale:
        await stub.change_supplier(v1.ChangeSupplierRequest(supplier_code="acme", delete=True, version=1, **ORG))
    assert told_of(stale.value.details)[0] == "VERSION_CONFLICT"
    gone = await stub.change_supplier(v1.ChangeSupplierRequest(supplier_code="acme", delete=True, version=2, **ORG))
    assert gone.supplier is not None
    assert gone.supplier.is_deleted
    assert (await stub.list_suppliers(v1.ListSuppliersRequest(**ORG))).items == []


async def test_what_is_wrong_with_an_order_is_named(stub: v1.StockServiceStub) -> None:
    too_many = v1.PlacePurchaseOrderRequest(supplier_code="acme", lines=[line(1)] * 10_000, **ORG)
    with pytest.raises(GRPCError) as refused:
        await stub.place_purchase_order(too_many)
    assert refused.value.status is Status.INVALID_ARGUMENT
    assert "lines" in (refused.value.message or "")
