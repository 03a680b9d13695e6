"""Calls about stock, on the connection of a client."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from secrets import token_hex

from travio_inventory.client import stock_answers as answers
from travio_inventory.client.connection import Connection
from travio_inventory.client.holds import Account
from travio_inventory.client.messages import large_number, large_number_or_none, number
from travio_inventory.client.stock_answers import (
    StockAllocated,
    StockAllocation,
    StockApproval,
    StockAvailability,
    StockEntry,
    StockLineResult,
    StockMovement,
    StockRegion,
    StockReservation,
    StockReservationLine,
    StockShard,
    StockUpdate,
    StockWarehouse,
)
from travio_inventory.client.stock_purchases import (
    StockOrdered,
    StockPurchase,
    StockPurchaseLine,
    StockSuggestion,
    StockSupplier,
)
from travio_inventory.client.stock_reservations import ReservationCalls
from travio_inventory.client.stock_transfers import StockTransfer
from travio_inventory.stock.allocation import ShipTo
from travio_inventory.stock.approval import ApprovalStatus
from travio_inventory.stock.bulk import LineState, StockLine
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.purchase import PurchaseStatus
from travio_inventory.stock.refusals import (
    AdjustmentRejected,
    ApprovalEnded,
    BelowReserved,
    InsufficientStock,
    NotInTransit,
    OrderReserved,
    OverReceived,
    OwnAdjustment,
    PartlyReceived,
    PurchaseEnded,
    ReservationCancelled,
    ReservationCommitted,
    ReservationEnded,
    ReservationExpired,
    StockContended,
    StockExists,
    StockFull,
    StockLeft,
    StockNotFound,
    StockSharded,
    TooManyOrders,
    TransferEnded,
    VersionConflict,
)
from travio_inventory.stock.supplier import Contact
from travio_inventory.stock.transfer import OnTheWay, TransferStatus
from travio_inventory.stock.warehouse import Site
from travio_inventory.wire.stock import v1 as wire

__all__ = [
    "AdjustmentRejected",
    "ApprovalEnded",
    "ApprovalStatus",
    "BelowReserved",
    "Contact",
    "InsufficientStock",
    "LineState",
    "MovementType",
    "NotInTransit",
    "OnTheWay",
    "OrderReserved",
    "OverReceived",
    "OwnAdjustment",
    "PartlyReceived",
    "PurchaseEnded",
    "PurchaseStatus",
    "ReservationCancelled",
    "ReservationCommitted",
    "ReservationEnded",
    "ReservationExpired",
    "ShipTo",
    "Site",
    "StockAllocated",
    "StockAllocation",
    "StockApproval",
    "StockAvailability",
    "StockCalls",
    "StockContended",
    "StockEntry",
    "StockExists",
    "StockFull",
    "StockLeft",
    "StockLine",
    "StockLineResult",
    "StockMovement",
    "StockNotFound",
    "StockOrdered",
    "StockPurchase",
    "StockPurchaseLine",
    "StockRegion",
    "StockReservation",
    "StockReservationLine",
    "StockShard",
    "StockSharded",
    "StockSuggestion",
    "StockSupplier",
    "StockTransfer",
    "StockUpdate",
    "StockWarehouse",
    "TooManyOrders",
    "TransferEnded",
    "TransferStatus",
    "VersionConflict",
]
MOST_DEFAULT = 100_000


class StockCalls(ReservationCalls):
    """Stock of one organization, on behalf of one user: what `InventoryClient.stock` gives.

    Warehouses are named by their codes; `version` is the one that was seen. What changes something is safe to repeat:
    with the same `key` it happens once; without one the client makes one for its own retries. Besides what each method
    names, all raise InvalidRequest and PermissionDenied, and what every method of the client may raise.
    """

    def __init__(self, connection: Connection, account: Account) -> None:
        self._connection = connection
        self._account = account

    async def entry(self, sku: str, warehouse: str) -> StockEntry:
        """What lies of it there, and in each of its shards; a deleted entry too. Raises StockNotFound."""
        request = self._whose(wire.GetInventoryRequest(sku=sku, warehouse_code=warehouse))
        return answers.read_entry_in_shards(await self._connection.read(self.stub.get_inventory, request))

    async def entries(
        self,
        *,
        sku: str = "",
        product: str = "",
        warehouse: str = "",
        region: str = "",
        low: bool = False,
        most: int = MOST_DEFAULT,
    ) -> tuple[StockEntry, ...]:
        """The entries of which all of this is so, at most so many, read page by page."""
        request = self._whose(
            wire.ListInventoryRequest(
                sku=sku, product_id=product, region=region, low_stock=low, warehouse_code=warehouse
            )
        )
        found: list[StockEntry] = []
        while True:
            reply = await self._connection.read(self.stub.list_inventory, request)
            found += map(answers.read_entry, reply.items)
            if len(found) >= most or not reply.next_page_token:
                return tuple(found[:most])
            request = replace(request, page_token=reply.next_page_token)

    async def add(
        self,
        sku: str,
        warehouse: str,
        product: str,
        *,
        quantity: int = 0,
        variant: str = "",
        reorder_point: int | None = None,
        reorder_quantity: int | None = None,
        key: str = "",
    ) -> StockEntry:
        """Begin to keep it there, with so many. Raises StockExists, StockNotFound, IdempotencyKeyReused."""
        request = self._whose(
            wire.AddInventoryRequest(
                sku=sku,
                product_id=product,
                variant_id=variant,
                quantity=large_number("quantity", quantity),
                reorder_point=large_number_or_none("reorder_point", reorder_point),
                reorder_quantity=large_number_or_none("reorder_quantity", reorder_quantity),
                idempotency_key=key or token_hex(16),
                warehouse_code=warehouse,
            )
        )
        return answers.read_entry((await self._connection.write(self.stub.add_inventory, request)).inventory)

    async def change(
        self,
        entry: str,
        *,
        version: int,
        reorder_point: int | None = None,
        reorder_quantity: int | None = None,
        shards: int | None = None,
    ) -> StockEntry:
        """Set when and how much to order of the entry with that id, and in how many shards it lies. Raises
        StockNotFound, VersionConflict.
        """
        request = wire.ChangeInventoryRequest(
            inventory_id=entry,
            reorder_point=large_number_or_none("reorder_point", reorder_point),
            reorder_quantity=large_number_or_none("reorder_quantity", reorder_quantity),
            version=large_number("version", version),
            shards=None if shards is None else number("shards", shards),
        )
        return await self._change(request)

    async def delete(self, entry: str, *, version: int) -> StockEntry:
        """Keep no more there: nothing may be left. Raises StockNotFound, VersionConflict, StockLeft, StockSharded."""
        return await self._change(
            wire.ChangeInventoryRequest(inventory_id=entry, is_deleted=True, version=large_number("version", version))
        )

    async def _change(self, request: wire.ChangeInventoryRequest) -> StockEntry:
        reply = await self._connection.write(self.stub.change_inventory, self._whose(request))
        return answers.read_entry(reply.inventory)

    async def update(self, line: StockLine, *, key: str = "") -> StockUpdate:
        """Change how many there are: by so many, or to as many as were counted at a version. Raises StockNotFound,
        InsufficientStock, StockFull, VersionConflict, BelowReserved, AdjustmentRejected, IdempotencyKeyReused. Above
        the limit of the service nothing moves before another person approves it: `approval` is what waits.
        """
        request = wire.UpdateStockRequest(change=_line(line), idempotency_key=key or token_hex(16))
        reply = await self._connection.write(self.stub.update_stock, self._whose(request))
        movement = None if reply.movement is None else answers.read_movement(reply.movement)
        approval = None if reply.approval is None else answers.read_approval(reply.approval)
        return StockUpdate(answers.read_entry(reply.inventory), movement, approval)

    async def approvals(self, *, every: bool = False, most: int = MOST_DEFAULT) -> tuple[StockApproval, ...]:
        """The changes that wait for another person, oldest first; with `every` those that are decided too."""
        request = self._whose(wire.ListApprovalsRequest(all=every))
        found: list[StockApproval] = []
        while True:
            reply = await self._connection.read(self.stub.list_approvals, request)
            found += map(answers.read_approval, reply.items)
            if len(found) >= most or not reply.next_page_token:
                return tuple(found[:most])
            request = replace(request, page_token=reply.next_page_token)

    async def approval(self, approval: str) -> StockApproval:
        """The change with that id, which waits for another person, or did. Raises StockNotFound."""
        request = self._whose(wire.GetApprovalRequest(approval_id=approval))
        return answers.read_approval((await self._connection.read(self.stub.get_approval, request)).approval)

    async def approve(self, approval: str, *, note: str = "") -> StockApproval:
        """Do what another person asked for. Raises OwnAdjustment, ApprovalEnded, StockNotFound, InsufficientStock,
        StockFull.
        """
        return await self._decide(wire.DecideAdjustmentRequest(approval_id=approval, approve=True, note=note))

    async def reject(self, approval: str, *, note: str = "") -> StockApproval:
        """Refuse what another person asked for. Raises OwnAdjustment, ApprovalEnded, StockNotFound."""
        return await self._decide(wire.DecideAdjustmentRequest(approval_id=approval, note=note))

    async def _decide(self, request: wire.DecideAdjustmentRequest) -> StockApproval:
        reply = await self._connection.write(self.stub.decide_adjustment, self._whose(request))
        return answers.read_approval(reply.approval)

    async def update_many(self, lines: Sequence[StockLine], *, key: str) -> tuple[StockLineResult, ...]:
        """The same for up to 10,000 lines, each done or refused alone: what came of each, in their order. Those that
        are UNKNOWN or NOT_DONE are settled by the same call with the same key.
        """
        request = wire.UpdateStockBulkRequest(lines=list(map(_line, lines)), idempotency_key=key)
        reply = await self._connection.write(self.stub.update_stock_bulk, self._whose(request), whole_trip=True)
        return tuple(map(answers.read_result, reply.results))

    async def movements(self, entry: str, *, most: int = MOST_DEFAULT) -> tuple[StockMovement, ...]:
        """The movements of the entry with that id, oldest first, read page by page. Raises StockNotFound."""
        request = self._whose(wire.ListMovementsRequest(inventory_id=entry))
        found: list[StockMovement] = []
        while True:
            reply = await self._connection.read(self.stub.list_movements, request)
            found += map(answers.read_movement, reply.items)
            if len(found) >= most or not reply.next_page_token:
                return tuple(found[:most])
            request = replace(request, page_token=reply.next_page_token)

    async def warehouses(self) -> tuple[StockWarehouse, ...]:
        """Every warehouse, by priority."""
        reply = await self._connection.read(self.stub.list_warehouses, self._whose(wire.ListWarehousesRequest()))
        return tuple(map(answers.read_warehouse, reply.items))

    async def add_warehouse(self, code: str, site: Site, *, key: str = "") -> StockWarehouse:
        """Add a warehouse. Raises StockExists if there is another one with that code, IdempotencyKeyReused."""
        said = answers.site_message(site)
        request = self._whose(wire.AddWarehouseRequest(code=code, site=said, idempotency_key=key or token_hex(16)))
        return answers.read_warehouse((await self._connection.write(self.stub.add_warehouse, request)).warehouse)

    async def change_warehouse(self, warehouse: str, site: Site, *, version: int) -> StockWarehouse:
        """Say something else of the warehouse with that id. Raises StockNotFound, VersionConflict."""
        request = wire.ChangeWarehouseRequest(
            warehouse_id=warehouse, site=answers.site_message(site), version=large_number("version", version)
        )
        reply = await self._connection.write(self.stub.change_warehouse, self._whose(request))
        return answers.read_warehouse(reply.warehouse)

    async def availability(self, sku: str, quantity: int = 1, *, region: str = "") -> StockAvailability:
        """How many can be had, in all warehouses or in those of a region. It may be gone a moment later."""
        (found,) = await self.availabilities([(sku, quantity)], region=region)
        return found

    async def availabilities(
        self, wanted: Sequence[tuple[str, int]], *, region: str = ""
    ) -> tuple[StockAvailability, ...]:
        """The same of up to 1,000 at once: each a stock keeping unit and how many."""
        items = [
            wire.StockQuestion(sku=sku, quantity=large_number("quantity", quantity), region=region)
            for sku, quantity in wanted
        ]
        request = self._whose(wire.CheckAvailabilityRequest(items=items))
        reply = await self._connection.read(self.stub.check_availability, request)
        return tuple(map(answers.read_availability, reply.results))

    async def report(
        self, *, region: str = "", first: date | None = None, last: date | None = None
    ) -> tuple[StockRegion, ...]:
        """The stock of each region, and what moved there on each day; without days, in the last week."""
        request = wire.GetStockReportRequest(
            region=region,
            from_day=first.isoformat() if first else "",
            to_day=last.isoformat() if last else "",
        )
        reply = await self._connection.read(self.stub.get_stock_report, self._whose(request), whole_trip=True)
        return tuple(map(answers.read_region, reply.regions))


def _line(line: StockLine) -> wire.StockLine:
    return wire.StockLine(
        inventory_id=line.inventory_id,
        sku=line.sku,
        warehouse_id=line.warehouse_id,
        warehouse_code=line.warehouse_code,
        quantity=large_number_or_none("quantity", line.quantity),
        quantity_total=large_number_or_none("quantity_total", line.total),
        version=large_number("version", line.version),
        type=line.type,
        reason=line.reason,
        reference=line.reference,
    )
