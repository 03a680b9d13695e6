"""Replies about stock."""

from collections.abc import Iterable, Sequence

from travio_inventory.stock.allocation import Allocation
from travio_inventory.stock.approval import Approval
from travio_inventory.stock.availability import StockAnswer
from travio_inventory.stock.bulk import LineOutcome, counted
from travio_inventory.stock.entry import InventoryEntry
from travio_inventory.stock.movement import Movement
from travio_inventory.stock.records.changing import Changed
from travio_inventory.stock.records.shard_stock import ShardStock
from travio_inventory.stock.reports import RegionReport, StockReportQuery
from travio_inventory.stock.reservation import Reservation, Status
from travio_inventory.stock.warehouse import Warehouse
from travio_inventory.wire.stock import v1

MS = 1_000


def inventory(entry: InventoryEntry) -> v1.Inventory:
    """An entry as it is told."""
    return v1.Inventory(
        inventory_id=entry.id,
        product_id=entry.product_id,
        variant_id=entry.variant_id,
        warehouse_id=entry.warehouse_id,
        sku=entry.sku,
        quantity_available=entry.quantities.available,
        quantity_reserved=entry.quantities.reserved,
        quantity_total=entry.quantities.total,
        reorder_point=entry.reorder_point,
        reorder_quantity=entry.reorder_quantity,
        version=entry.version,
        created_at=entry.created_at_ms // MS,
        updated_at=entry.updated_at_ms // MS,
        is_deleted=entry.is_deleted,
        shards=entry.shards,
    )


def shard(there: ShardStock) -> v1.Shard:
    """A shard of an entry as it is told."""
    return v1.Shard(
        shard=there.number,
        takes_orders=there.takes_orders,
        quantity_available=there.available,
        quantity_reserved=there.reserved,
        quantity_on_the_way=there.on_the_way,
    )


def movement(made: Movement) -> v1.StockMovement:
    """A movement as it is told."""
    return v1.StockMovement(
        movement_id=made.movement_id,
        inventory_id=made.inventory_id,
        type=made.type.value,
        quantity=made.quantity,
        reason=made.reason,
        reference=made.reference,
        performed_by=made.performed_by,
        created_at=made.created_at_ms // MS,
        balance_after=made.balance_after,
    )


def updated(changed: Changed) -> v1.UpdateStockResponse:
    """The entry, and the movement if there was one."""
    made = None if changed.movement is None else movement(changed.movement)
    waits = None if changed.waits is None else approval(changed.waits)
    return v1.UpdateStockResponse(inventory=inventory(changed.entry), movement=made, approval=waits)


def approval(found: Approval) -> v1.Approval:
    """An approval as it is told."""
    return v1.Approval(
        approval_id=found.id,
        inventory_id=found.inventory_id,
        sku=found.sku,
        warehouse_id=found.warehouse_id,
        quantity=found.quantity,
        type=found.type.value,
        reason=found.reason,
        reference=found.reference,
        status=found.status.value,
        requested_by=found.requested_by,
        requested_at=found.requested_at_ms // MS,
        expires_at=found.expires_at_ms // MS,
        decided_by=found.decided_by,
        decided_at=found.decided_at_ms // MS,
        note=found.note,
        movement_id=found.movement_id,
    )


def bulk(outcomes: Sequence[LineOutcome]) -> bytes:
    """The outcome of each line, serialized."""
    done, waiting, refused, unknown, not_done = counted(outcomes).values()
    results = list(map(_result, outcomes))
    return bytes(
        v1.UpdateStockBulkResponse(
            results=results, done=done, waiting=waiting, refused=refused, unknown=unknown, not_done=not_done
        )
    )


def _result(outcome: LineOutcome) -> v1.StockLineResult:
    entry, made = outcome.entry, outcome.movement
    told = v1.StockLineResult(status=outcome.state.value, reason=outcome.reason, detail=outcome.detail)
    if entry is not None:
        told.inventory_id, told.quantity_total, told.version = entry.id, entry.quantities.total, entry.version
    if made is not None:
        told.movement_id = made.movement_id
    if outcome.waits is not None:
        told.approval_id = outcome.waits.id
    return told


def availability(answers: Iterable[StockAnswer]) -> v1.CheckAvailabilityResponse:
    """An answer to each question."""
    return v1.CheckAvailabilityResponse(
        results=[
            v1.StockAnswer(
                sku=each.question.sku,
                requested=each.question.quantity,
                available=each.available,
                is_available=each.is_available,
                warehouses=[v1.AvailableThere(warehouse_id=there, available=count) for there, count in each.warehouses],
            )
            for each in answers
        ]
    )


def warehouse(found: Warehouse) -> v1.Warehouse:
    """A warehouse as it is told."""
    site = found.site
    return v1.Warehouse(
        warehouse_id=found.id,
        code=found.code,
        site=v1.Site(
            name=site.name,
            address=site.address,
            city=site.city,
            state=site.state,
            country=site.country,
            postal_code=site.postal_code,
            region=site.region,
            is_active=site.is_active,
            priority=site.priority,
            latitude=site.latitude,
            longitude=site.longitude,
        ),
        version=found.version,
        created_at=found.created_at_ms // MS,
        updated_at=found.updated_at_ms // MS,
    )


def reservation(found: Reservation) -> v1.Reservation:
    """A reservation as it is told."""
    status, created_at, updated_at = found.status, found.created_at_ms // MS, found.updated_at_ms // MS
    return v1.Reservation(
        reservation_id=found.known_as,
        order_id=found.order_id,
        lines=[
            v1.ReservationLine(
                inventory_id=line.inventory_id, sku=line.sku, warehouse_id=line.warehouse_id, quantity=line.quantity
            )
            for line in found.lines
        ],
        status=status.value,
        reserved_at=created_at,
        expires_at=found.expires_at_ms // MS,
        committed_at=updated_at if status is Status.COMMITTED else 0,
        cancelled_at=updated_at if status is Status.CANCELLED else 0,
        created_at=created_at,
        updated_at=updated_at,
    )


def allocation(found: Allocation, reasons: Sequence[str]) -> v1.PreviewAllocationResponse:
    """Which warehouses would serve an order, and why."""
    return v1.PreviewAllocationResponse(
        lines=[
            v1.AllocatedLine(sku=sku, warehouse_id=warehouse, quantity=quantity)
            for sku, warehouse, quantity in found.taken
        ],
        parcels=found.parcels,
        is_fewest=found.is_fewest,
        reasons=list(reasons),
    )


def report(query: StockReportQuery, regions: Iterable[RegionReport]) -> v1.GetStockReportResponse:
    """The stock of each region."""
    return v1.GetStockReportResponse(
        from_day=query.first.isoformat(),
        to_day=query.last.isoformat(),
        regions=[
            v1.RegionStock(
                region=each.region,
                warehouses=each.warehouses,
                entries=each.entries,
                low_stock_entries=each.low,
                quantity_available=each.available,
                quantity_reserved=each.reserved,
                quantity_total=each.total,
                quantity_in_transit=each.in_transit,
                movements=[
                    v1.MovedStock(day=day.isoformat(), type=kind.value, quantity=quantity, movements=movements)
                    for day, kind, quantity, movements in each.moved
                ],
            )
            for each in regions
        ],
    )
