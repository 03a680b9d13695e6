"""Every call of `stock.v1`: what it does, who may make it, and its refusals; over both servers of gRPC."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import betterproto2
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.testing import ChannelFor

from tests.api.test_who_may_call import NOT_BELIEVED, told_of
from travio_inventory.api.auth.identity import Grant
from travio_inventory.api.auth.keys import SharedSecret
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.auth.tokens import WORDS, TokenAuthentication, TokenRules
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.refusals import SerializedDetails
from travio_inventory.api.grpc.service import STOCK_SERVICE
from travio_inventory.api.grpc.stock_service import StockService
from travio_inventory.app.service import running
from travio_inventory.app.stock import open_stock
from travio_inventory.grpc_server.codec import PassThroughCodec
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.wire.stock import v1
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

CALLS = {method.name: method.input_type.name for method in descriptors.pool().FindServiceByName(STOCK_SERVICE).methods}
TRANSFERS = {"DraftTransfer", "ShipTransfer", "ReceiveTransfer", "CancelTransfer"}
PURCHASES = {"PlacePurchaseOrder", "ReceivePurchaseOrder", "CancelPurchaseOrder"}
ADJUSTS = {"UpdateStock", "UpdateStockBulk", *TRANSFERS, *PURCHASES}
RESERVES = {"ReserveStock", "CommitReservation", "CancelReservation"}
ADMINISTERS = {
    "AddInventory", "ChangeInventory", "AddWarehouse", "ChangeWarehouse", "AddSupplier", "ChangeSupplier",
}  # fmt: skip
EXPECTED = {
    Grant.STOCK_ADJUST: ADJUSTS,
    Grant.STOCK_APPROVE: {"DecideAdjustment"},
    Grant.STOCK_RESERVE: RESERVES,
    Grant.STOCK_ADMIN: ADMINISTERS,
}
NEEDS = {name: next((grant for grant, names in EXPECTED.items() if name in names), Grant.STOCK_READ) for name in CALLS}
each_call = pytest.mark.parametrize("name", CALLS)
ORG: Any = {"organization_id": "org"}
LINE = v1.StockLine(sku="cup", warehouse_code="north", quantity=2, reason="delivery", type="INBOUND")


@asynccontextmanager
async def serving(authentication: Authentication) -> AsyncIterator[v1.StockServiceStub]:
    async with open_stock(settings_of()) as stock:
        service = StockService(stock, authentication=authentication, clock=SystemClock(), bulk_s=60)
        served = ChannelFor([service], codec=PassThroughCodec(), status_details_codec=SerializedDetails())
        async with served as channel:
            yield v1.StockServiceStub(channel)


@pytest.fixture
async def stub() -> AsyncIterator[v1.StockServiceStub]:
    async with serving(AuthenticationOff()) as made:
        yield made


@pytest.fixture(scope="module")
async def guarded() -> AsyncIterator[v1.StockServiceStub]:
    rules = TokenRules(ISSUER, AUDIENCE, organization_claim="org", organization_default="default", leeway_s=10)
    async with serving(TokenAuthentication(SharedSecret(SECRET.encode()), rules, clock=SystemClock())) as made:
        yield made


def request_of(name: str, **said: object) -> betterproto2.Message:
    kind: type[betterproto2.Message] = getattr(v1, CALLS[name])
    return kind(**said)


async def refusal(stub: v1.StockServiceStub, name: str, authorization: str, **said: object) -> tuple[Status, str, Any]:
    """The status of the call, its reason and metadata; OK without them."""
    call = getattr(stub, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    try:
        await call(request_of(name, **said), metadata={"authorization": authorization} if authorization else {})
    except GRPCError as refused:
        return refused.status, *told_of(refused.details)
    return Status.OK, "", {}


@pytest.mark.once
@pytest.mark.parametrize("shown", NOT_BELIEVED.values(), ids=NOT_BELIEVED)
@each_call
async def test_a_caller_who_is_not_believed_is_unauthenticated(
    guarded: v1.StockServiceStub, name: str, shown: str
) -> None:
    assert (await refusal(guarded, name, shown))[0] is Status.UNAUTHENTICATED


@each_call
async def test_a_caller_needs_the_scope_of_the_call_and_no_other(guarded: v1.StockServiceStub, name: str) -> None:
    others = " ".join(sorted(WORDS - {NEEDS[name]}))
    refused = await refusal(guarded, name, f"Bearer {token(org='org', sub='user', scope=others)}")
    assert refused == (Status.PERMISSION_DENIED, "PERMISSION_DENIED", {"scope": NEEDS[name]})
    alone = f"Bearer {token(org='org', sub='user', scope=NEEDS[name])}"
    assert (await refusal(guarded, name, alone))[0] not in {Status.UNAUTHENTICATED, Status.PERMISSION_DENIED}
    for named in ({"organization_id": "other"}, {"user_id": "other"}):
        assert (await refusal(guarded, name, alone, **named))[0] is Status.PERMISSION_DENIED


async def shop(stub: v1.StockServiceStub) -> v1.Inventory:
    """An entry of five cups in the north."""
    site = v1.Site(name="North", region="eu", latitude=48.1, longitude=11.6)
    north = (await stub.add_warehouse(v1.AddWarehouseRequest(code="north", site=site, **ORG))).warehouse
    assert north is not None
    added = await stub.add_inventory(
        v1.AddInventoryRequest(sku="cup", warehouse_id=north.warehouse_id, product_id="p", quantity=5, **ORG)
    )
    assert added.inventory is not None
    return added.inventory


async def test_an_entry_is_added_updated_read_and_listed(stub: v1.StockServiceStub) -> None:
    entry = await shop(stub)
    assert (entry.quantity_available, entry.reorder_point, entry.reorder_quantity, entry.version) == (5, 10, 50, 1)
    update = v1.UpdateStockRequest(change=LINE, idempotency_key="k", user_id="ann", **ORG)
    first, again = await stub.update_stock(update), await stub.update_stock(update)
    assert first.movement == again.movement
    assert first.movement is not None
    assert (first.movement.balance_after, first.movement.performed_by, first.movement.type) == (7, "ann", "INBOUND")
    counted = await stub.update_stock(
        v1.UpdateStockRequest(
            change=v1.StockLine(inventory_id=entry.inventory_id, quantity_total=0, version=2, reason="counted"), **ORG
        )
    )
    assert counted.inventory is not None
    assert (counted.inventory.quantity_total, counted.inventory.version) == (0, 3)
    read = await stub.get_inventory(v1.GetInventoryRequest(sku="cup", warehouse_code="north", **ORG))
    assert read.inventory == counted.inventory
    listed = await stub.list_inventory(v1.ListInventoryRequest(region="eu", low_stock=True, **ORG))
    assert (listed.items, listed.next_page_token) == ([counted.inventory], "")
    query = v1.ListMovementsRequest(inventory_id=entry.inventory_id, page_size=2, **ORG)
    page = await stub.list_movements(query)
    query.page_token = page.next_page_token
    rest = await stub.list_movements(query)
    assert [each.quantity for each in page.items + rest.items] == [5, 2, -7]


async def test_an_entry_and_a_warehouse_are_changed_at_the_version_that_was_seen(stub: v1.StockServiceStub) -> None:
    entry = await shop(stub)
    change = v1.ChangeInventoryRequest(inventory_id=entry.inventory_id, reorder_point=0, version=1, **ORG)
    changed = (await stub.change_inventory(change)).inventory
    assert changed is not None
    assert (changed.reorder_point, changed.reorder_quantity, changed.version) == (0, 50, 2)
    refused = await refusal(stub, "ChangeInventory", "", inventory_id=entry.inventory_id, version=1, **ORG)
    assert refused == (Status.FAILED_PRECONDITION, "VERSION_CONFLICT", {"version": "2"})
    (north,) = (await stub.list_warehouses(v1.ListWarehousesRequest(**ORG))).items
    assert north.site is not None
    assert (north.site.is_active, north.site.priority, north.site.latitude) == (True, 1, 48.1)
    site = v1.Site(name="North", is_active=False)
    request = v1.ChangeWarehouseRequest(warehouse_id=north.warehouse_id, site=site, version=1, **ORG)
    closed = (await stub.change_warehouse(request)).warehouse
    assert closed is not None
    assert closed.site is not None
    assert (closed.site.is_active, closed.site.latitude, closed.version) == (False, None, 2)


async def test_what_was_added_with_a_key_is_told_as_it_stands(stub: v1.StockServiceStub) -> None:
    adding = v1.AddWarehouseRequest(code="west", site=v1.Site(name="West"), idempotency_key="k", **ORG)
    west = (await stub.add_warehouse(adding)).warehouse
    assert west is not None
    moved = v1.ChangeWarehouseRequest(warehouse_id=west.warehouse_id, site=v1.Site(name="East"), version=1, **ORG)
    assert (await stub.add_warehouse(adding)).warehouse == west
    changed = (await stub.change_warehouse(moved)).warehouse
    assert (await stub.add_warehouse(adding)).warehouse == changed
    asking = v1.AddSupplierRequest(code="acme", contact=v1.Contact(name="Acme"), idempotency_key="k", **ORG)
    acme = (await stub.add_supplier(asking)).supplier
    assert acme is not None
    said = v1.Contact(name="Ltd")
    other = v1.ChangeSupplierRequest(supplier_id=acme.supplier_id, contact=said, version=1, **ORG)
    assert (await stub.change_supplier(other)).supplier == (await stub.add_supplier(asking)).supplier


async def test_what_each_shard_has_is_told_with_its_entry(stub: v1.StockServiceStub) -> None:
    entry = await shop(stub)
    asking = v1.GetInventoryRequest(inventory_id=entry.inventory_id, **ORG)
    (only,) = (await stub.get_inventory(asking)).shards
    assert only == v1.Shard(shard=0, takes_orders=True, quantity_available=5)
    await stub.change_inventory(v1.ChangeInventoryRequest(inventory_id=entry.inventory_id, shards=3, version=1, **ORG))
    item = v1.ReservedItem(sku="cup", quantity=5)
    await stub.reserve_stock(v1.ReserveStockRequest(order_id="o1", items=[item], **ORG))
    told = await stub.get_inventory(asking)
    assert told.inventory is not None
    assert (told.inventory.shards, told.inventory.quantity_reserved) == (3, 5)
    assert [(each.shard, each.takes_orders) for each in told.shards] == [(0, True), (1, True), (2, True)]
    assert sum(each.quantity_reserved for each in told.shards) == 5


async def test_lines_are_told_one_by_one_and_availability_and_reports_in_all(stub: v1.StockServiceStub) -> None:
    await shop(stub)
    lines = [LINE, v1.StockLine(sku="jug", warehouse_code="north", quantity=1, reason="x"), v1.StockLine(reason="x")]
    told = await stub.update_stock_bulk(v1.UpdateStockBulkRequest(lines=lines, idempotency_key="k", **ORG))
    assert [(each.status, each.reason) for each in told.results] == [
        ("DONE", ""),
        ("REFUSED", "NOT_FOUND"),
        ("REFUSED", "INVALID_REQUEST"),
    ]
    assert (told.done, told.refused, told.results[0].quantity_total) == (1, 2, 7)
    items = [v1.StockQuestion(sku="cup", quantity=7), v1.StockQuestion(sku="cup", quantity=1, region="us")]
    found = (await stub.check_availability(v1.CheckAvailabilityRequest(items=items, **ORG))).results
    assert [(each.available, each.is_available, len(each.warehouses)) for each in found] == [
        (7, True, 1),
        (0, False, 0),
    ]
    report = await stub.get_stock_report(v1.GetStockReportRequest(**ORG))
    (eu,) = report.regions
    assert (eu.region, eu.quantity_total, [(each.type, each.quantity) for each in eu.movements]) == (
        "eu",
        7,
        [("INBOUND", 7)],
    )


async def test_an_order_is_served_by_the_region_that_it_goes_to(stub: v1.StockServiceStub) -> None:
    north = await shop(stub)
    await stub.add_warehouse(v1.AddWarehouseRequest(code="south", site=v1.Site(name="South", region="us"), **ORG))
    added = await stub.add_inventory(
        v1.AddInventoryRequest(sku="cup", warehouse_code="south", product_id="p", quantity=2, **ORG)
    )
    assert added.inventory is not None
    items = [v1.ReservedItem(sku="cup", quantity=1)]
    near = v1.ReserveStockRequest(order_id="o", items=items, ship_to=v1.ShipTo(region="us"), **ORG)
    made = [
        (await stub.reserve_stock(each)).reservation
        for each in (near, v1.ReserveStockRequest(order_id="p", items=items, **ORG))
    ]
    assert [line.inventory_id for each in made if each for line in each.lines] == [
        added.inventory.inventory_id,
        north.inventory_id,
    ]
    wrong = v1.ReserveStockRequest(order_id="q", items=items, ship_to=v1.ShipTo(latitude=91, longitude=0), **ORG)
    with pytest.raises(GRPCError, match=r"ship_to\.latitude"):
        await stub.reserve_stock(wrong)


async def test_a_preview_says_why_and_an_order_that_names_these_rules_gets_what_it_says(
    stub: v1.StockServiceStub,
) -> None:
    north = await shop(stub)
    site = v1.Site(name="South", region="us", priority=2)
    await stub.add_warehouse(v1.AddWarehouseRequest(code="south", site=site, **ORG))
    south = (
        await stub.add_inventory(
            v1.AddInventoryRequest(sku="cup", warehouse_code="south", product_id="p", quantity=2, **ORG)
        )
    ).inventory
    assert south is not None
    items, to = [v1.ReservedItem(sku="cup", quantity=2)], v1.ShipTo(region="us")
    for number, (rules, entry) in enumerate(((["priority"], north), (["region", "priority"], south), ([], south))):
        told = await stub.preview_allocation(v1.PreviewAllocationRequest(items=items, ship_to=to, rules=rules, **ORG))
        assert told.lines == [v1.AllocatedLine(sku="cup", warehouse_id=entry.warehouse_id, quantity=2)]
        assert (told.parcels, told.is_fewest, "1 parcel: fewer are not enough." in told.reasons) == (1, True, True)
        asked = v1.ReserveStockRequest(order_id=f"o{number}", items=items, ship_to=to, rules=rules, **ORG)
        made = (await stub.reserve_stock(asked)).reservation
        assert made is not None
        assert [line.inventory_id for line in made.lines] == [entry.inventory_id]
        await stub.cancel_reservation(v1.CancelReservationRequest(order_id=f"o{number}", **ORG))
    named = [v1.ReservedItem(sku="cup", quantity=3, warehouse_code="south")]
    refused = await refusal(stub, "PreviewAllocation", "", items=named, **ORG)
    assert refused == (Status.FAILED_PRECONDITION, "INSUFFICIENT_STOCK", {"available": "2"})
    for name, order in (("PreviewAllocation", {}), ("ReserveStock", {"order_id": "o"})):
        status, reason, _ = await refusal(stub, name, "", items=items, rules=["luck"], **order, **ORG)
        assert (status, reason) == (Status.INVALID_ARGUMENT, "INVALID_REQUEST")


async def test_an_order_is_reserved_committed_and_cancelled(stub: v1.StockServiceStub) -> None:
    entry = await shop(stub)
    items = [v1.ReservedItem(sku="cup", quantity=2, warehouse_code="north")]
    request = v1.ReserveStockRequest(order_id="o", items=items, idempotency_key="k", **ORG)
    made, again = (await stub.reserve_stock(request)).reservation, (await stub.reserve_stock(request)).reservation
    assert made is not None
    assert made == again
    assert (made.status, made.expires_at - made.reserved_at, made.committed_at) == ("PENDING", 900, 0)
    assert [(line.inventory_id, line.quantity) for line in made.lines] == [(entry.inventory_id, 2)]
    found = await stub.get_reservation(v1.GetReservationRequest(order_id="o", **ORG))
    assert found.reservation == made
    named = v1.CommitReservationRequest(reservation_id=made.reservation_id, **ORG)
    committed = (await stub.commit_reservation(named)).reservation
    assert committed is not None
    assert (committed.status, committed.committed_at > 0) == ("COMMITTED", True)
    returned = (await stub.cancel_reservation(v1.CancelReservationRequest(order_id="o", **ORG))).reservation
    assert returned is not None
    assert returned.status == "CANCELLED"
    few = [v1.ReservedItem(sku="cup", quantity=6)]
    refused = await refusal(stub, "ReserveStock", "", order_id="o2", items=few, **ORG)
    assert refused == (Status.FAILED_PRECONDITION, "INSUFFICIENT_STOCK", {"available": "5"})


@pytest.mark.parametrize(
    ("name", "said", "fields"),
    [
        ("GetInventory", ORG, ["inventory_id"]),
        ("CheckAvailability", ORG, ["items"]),
        ("CheckAvailability", {"items": [v1.StockQuestion()]} | ORG, ["items[0].sku", "items[0].quantity"]),
        ("UpdateStock", ORG, ["inventory_id", "quantity"]),
        ("UpdateStockBulk", ORG, ["idempotency_key", "lines"]),
        ("ListInventory", {"page_size": 101, "page_token": "x"} | ORG, ["page_token", "page_size"]),
        ("GetStockReport", {"from_day": "soon"} | ORG, ["from_day"]),
        ("ReserveStock", ORG, ["order_id", "items"]),
        ("CommitReservation", ORG, ["reservation_id"]),
        ("ListWarehouses", {}, ["organization_id"]),
        ("AddWarehouse", ORG, ["name"]),
        ("AddWarehouse", {"code": "c", "site": v1.Site(name="C"), "idempotency_key": "\n"} | ORG, ["idempotency_key"]),
        (
            "AddSupplier",
            {"code": "c", "contact": v1.Contact(name="C"), "idempotency_key": "\n"} | ORG,
            ["idempotency_key"],
        ),
        ("AddInventory", {"idempotency_key": "\n"} | ORG, ["idempotency_key"]),
        ("UpdateStock", {"change": LINE, "idempotency_key": "\n"} | ORG, ["idempotency_key"]),
        (
            "UpdateStock",
            {"change": v1.StockLine(inventory_id="i", quantity_total=-1, version=1, reason="x")} | ORG,
            ["quantity_total"],
        ),
    ],
)
async def test_what_is_wrong_is_named(
    stub: v1.StockServiceStub, name: str, said: dict[str, Any], fields: list[str]
) -> None:
    call = getattr(stub, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    with pytest.raises(GRPCError) as refused:
        await call(request_of(name, **said))
    assert refused.value.status is Status.INVALID_ARGUMENT
    for field in fields:
        assert field in str(refused.value.message)


@pytest.mark.once
@pytest.mark.parametrize("engine", ["grpclib", "lean"])
async def test_both_servers_serve_it_beside_the_seats(engine: str) -> None:
    async with running(settings_of(server=engine), only="grpc") as app:
        channel = Channel("127.0.0.1", app.port)
        try:
            stub = v1.StockServiceStub(channel)
            await shop(stub)
            lines = [v1.StockLine(sku="cup", warehouse_code="north", quantity=1, reason="r" * 200)] * 500
            large = v1.UpdateStockBulkRequest(lines=lines, idempotency_key="k", **ORG)
            assert len(bytes(large)) > 65_536
            assert (await stub.update_stock_bulk(large)).done == 500
        finally:
            channel.close()


async def test_a_transfer_is_drafted_shipped_received_listed_and_cancelled(stub: v1.StockServiceStub) -> None:
    entry = await shop(stub)
    south = v1.AddWarehouseRequest(code="south", site=v1.Site(name="South", region="us"), **ORG)
    await stub.add_warehouse(south)
    await stub.add_inventory(v1.AddInventoryRequest(sku="cup", warehouse_code="south", product_id="p", **ORG))
    draft = v1.DraftTransferRequest(
        sku="cup", from_warehouse_id=entry.warehouse_id, to_warehouse_code="south", quantity=4, idempotency_key="k",
        user_id="ann", **ORG,
    )  # fmt: skip
    made, again = (await stub.draft_transfer(draft)).transfer, (await stub.draft_transfer(draft)).transfer
    assert made is not None
    assert (made, made.status, made.requested_by) == (again, "DRAFT", "ann")
    await stub.ship_transfer(v1.ShipTransferRequest(transfer_id=made.transfer_id, **ORG))
    receipt = v1.ReceiveTransferRequest(transfer_id=made.transfer_id, received=2, idempotency_key="r", **ORG)
    for _ in range(2):
        part = (await stub.receive_transfer(receipt)).transfer
    assert part is not None
    assert (part.status, part.quantity_in_transit, part.quantity_received) == ("PARTLY_RECEIVED", 2, 2)
    listed = await stub.list_transfers(v1.ListTransfersRequest(sku="cup", in_transit=True, **ORG))
    assert (listed.items, listed.next_page_token) == ([part], "")
    report = await stub.get_stock_report(v1.GetStockReportRequest(**ORG))
    assert {each.region: each.quantity_in_transit for each in report.regions} == {"eu": 0, "us": 2}
    with pytest.raises(GRPCError) as unclear:
        await stub.cancel_transfer(v1.CancelTransferRequest(transfer_id=made.transfer_id, **ORG))
    assert told_of(unclear.value.details)[0] == "NOT_IN_TRANSIT"
    with pytest.raises(GRPCError) as wrong:
        await stub.cancel_transfer(v1.CancelTransferRequest(transfer_id=made.transfer_id, in_transit="gone", **ORG))
    assert wrong.value.status is Status.INVALID_ARGUMENT
    cancel = v1.CancelTransferRequest(transfer_id=made.transfer_id, in_transit="BACK", **ORG)
    cancelled = (await stub.cancel_transfer(cancel)).transfer
    found = (await stub.get_transfer(v1.GetTransferRequest(transfer_id=made.transfer_id, **ORG))).transfer
    assert found == cancelled
    assert found is not None
    assert (found.status, found.quantity_returned, found.quantity_in_transit) == ("CANCELLED", 2, 0)
    assert (await stub.list_transfers(v1.ListTransfersRequest(in_transit=True, **ORG))).items == []
