"""What the client answers about stock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from travio_inventory.client.messages import moment, moment_or_none, number
from travio_inventory.stock.approval import ApprovalStatus
from travio_inventory.stock.bulk import LineState
from travio_inventory.stock.movement import MovementType
from travio_inventory.stock.warehouse import Site
from travio_inventory.wire.stock import v1 as wire


class StockShard(NamedTuple):
    """What one shard of an entry has; `on_the_way` left another one and has not come yet."""

    number: int
    takes_orders: bool
    available: int
    reserved: int
    on_the_way: int


@dataclass(frozen=True, slots=True)
class StockEntry:
    """What lies of a stock keeping unit in a warehouse; available and reserved together are the total. `in_shards` is
    told where one entry was asked for.
    """

    id: str
    sku: str
    warehouse_id: str
    product: str
    variant: str
    available: int
    reserved: int
    total: int
    reorder_point: int
    reorder_quantity: int
    version: int
    created_at: datetime
    updated_at: datetime
    is_deleted: bool
    shards: int = 1
    in_shards: tuple[StockShard, ...] = ()

    @property
    def is_low(self) -> bool:
        """Whether it is time to order more."""
        return self.available <= self.reorder_point


@dataclass(frozen=True, slots=True)
class StockMovement:
    """A change of a total that was made; `quantity` is signed, `balance` the total afterwards."""

    id: str
    entry: str
    type: MovementType
    quantity: int
    balance: int
    reason: str
    reference: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StockApproval:
    """A change that another person has to approve, or did, or rejected; `movement` is "" where it led to none."""

    id: str
    entry: str
    sku: str
    warehouse_id: str
    quantity: int
    type: MovementType
    reason: str
    reference: str
    status: ApprovalStatus
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    movement: str


@dataclass(frozen=True, slots=True)
class StockUpdate:
    """The entry, and the movement: None where the total stayed, or where an approval waits."""

    entry: StockEntry
    movement: StockMovement | None
    approval: StockApproval | None = None


@dataclass(frozen=True, slots=True)
class StockLineResult:
    """What came of a line: the entry's total and version then, or why not."""

    state: LineState
    entry: str
    total: int
    version: int
    movement: str
    reason: str
    detail: str
    approval: str = ""


@dataclass(frozen=True, slots=True)
class StockWarehouse:
    """A warehouse as it stands."""

    id: str
    code: str
    site: Site
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StockAvailability:
    """How many can be had in all, and in which warehouses, by their ids."""

    sku: str
    requested: int
    available: int
    is_available: bool
    warehouses: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class StockReservationLine:
    """So many units of an entry."""

    entry: str
    sku: str
    warehouse_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class StockReservation:
    """Units kept for an order until a moment; `status` is PENDING, COMMITTED, CANCELLED or EXPIRED."""

    id: str
    order: str
    lines: Sequence[StockReservationLine]
    status: str
    reserved_at: datetime
    expires_at: datetime
    committed_at: datetime | None
    cancelled_at: datetime | None


class StockAllocated(NamedTuple):
    """So many of a stock keeping unit, from there."""

    sku: str
    warehouse_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class StockAllocation:
    """Which warehouses would serve an order, and why, in sentences; `is_fewest` if fewer parcels are not enough."""

    lines: Sequence[StockAllocated]
    parcels: int
    is_fewest: bool
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class StockMoved:
    """What moved on a day, of one type."""

    day: date
    type: MovementType
    quantity: int
    movements: int


@dataclass(frozen=True, slots=True)
class StockRegion:
    """The stock of a region, and what moved there; `low` are entries of which it is time to order more, and
    `in_transit` is what transfers bring there.
    """

    region: str
    warehouses: int
    entries: int
    low: int
    available: int
    reserved: int
    total: int
    in_transit: int
    moved: Sequence[StockMoved]


def read_entry(entry: wire.Inventory | None) -> StockEntry:
    """An entry as plain values."""
    entry = entry or wire.Inventory()
    return StockEntry(
        entry.inventory_id,
        entry.sku,
        entry.warehouse_id,
        entry.product_id,
        entry.variant_id,
        entry.quantity_available,
        entry.quantity_reserved,
        entry.quantity_total,
        entry.reorder_point,
        entry.reorder_quantity,
        entry.version,
        moment(entry.created_at),
        moment(entry.updated_at),
        entry.is_deleted,
        entry.shards or 1,
    )


def read_entry_in_shards(reply: wire.GetInventoryResponse) -> StockEntry:
    """An entry with what each shard of it has."""
    shards = (
        StockShard(
            each.shard, each.takes_orders, each.quantity_available, each.quantity_reserved, each.quantity_on_the_way
        )
        for each in reply.shards
    )
    return replace(read_entry(reply.inventory), in_shards=tuple(shards))


def read_availability(answer: wire.StockAnswer) -> StockAvailability:
    """How many can be had as plain values."""
    there = [(each.warehouse_id, each.available) for each in answer.warehouses]
    return StockAvailability(answer.sku, answer.requested, answer.available, answer.is_available, there)


def read_allocation(reply: wire.PreviewAllocationResponse) -> StockAllocation:
    """A choice of warehouses as plain values."""
    lines = [StockAllocated(each.sku, each.warehouse_id, each.quantity) for each in reply.lines]
    return StockAllocation(lines, reply.parcels, reply.is_fewest, list(reply.reasons))


def read_movement(movement: wire.StockMovement) -> StockMovement:
    """A movement as plain values."""
    return StockMovement(
        movement.movement_id,
        movement.inventory_id,
        MovementType(movement.type),
        movement.quantity,
        movement.balance_after,
        movement.reason,
        movement.reference,
        movement.performed_by,
        moment(movement.created_at),
    )


def read_result(result: wire.StockLineResult) -> StockLineResult:
    """What came of a line, as plain values."""
    return StockLineResult(
        LineState(result.status),
        result.inventory_id,
        result.quantity_total,
        result.version,
        result.movement_id,
        result.reason,
        result.detail,
        result.approval_id,
    )


def read_approval(approval: wire.Approval | None) -> StockApproval:
    """An approval as plain values."""
    found = approval or wire.Approval()
    return StockApproval(
        found.approval_id,
        found.inventory_id,
        found.sku,
        found.warehouse_id,
        found.quantity,
        MovementType(found.type),
        found.reason,
        found.reference,
        ApprovalStatus(found.status),
        found.requested_by,
        moment(found.requested_at),
        moment(found.expires_at),
        found.decided_by,
        moment_or_none(found.decided_at),
        found.note,
        found.movement_id,
    )


def read_warehouse(warehouse: wire.Warehouse | None) -> StockWarehouse:
    """A warehouse as plain values."""
    warehouse = warehouse or wire.Warehouse()
    site = warehouse.site or wire.Site()
    return StockWarehouse(
        warehouse.warehouse_id,
        warehouse.code,
        Site(
            site.name,
            site.address,
            site.city,
            site.state,
            site.country,
            site.postal_code,
            site.region,
            site.is_active is not False,
            site.priority or 1,
            site.latitude,
            site.longitude,
        ),
        warehouse.version,
        moment(warehouse.created_at),
        moment(warehouse.updated_at),
    )


def read_reservation(reservation: wire.Reservation | None) -> StockReservation:
    """A reservation as plain values."""
    found = reservation or wire.Reservation()
    return StockReservation(
        found.reservation_id,
        found.order_id,
        [StockReservationLine(line.inventory_id, line.sku, line.warehouse_id, line.quantity) for line in found.lines],
        found.status,
        moment(found.reserved_at),
        moment(found.expires_at),
        moment_or_none(found.committed_at),
        moment_or_none(found.cancelled_at),
    )


def site_message(site: Site) -> wire.Site:
    """What is said of a warehouse, as a message."""
    return wire.Site(
        name=site.name,
        address=site.address,
        city=site.city,
        state=site.state,
        country=site.country,
        postal_code=site.postal_code,
        region=site.region,
        is_active=site.is_active,
        priority=number("priority", site.priority),
        latitude=site.latitude,
        longitude=site.longitude,
    )


def read_region(region: wire.RegionStock) -> StockRegion:
    """The stock of a region as plain values."""
    return StockRegion(
        region.region,
        region.warehouses,
        region.entries,
        region.low_stock_entries,
        region.quantity_available,
        region.quantity_reserved,
        region.quantity_total,
        region.quantity_in_transit,
        [
            StockMoved(date.fromisoformat(each.day), MovementType(each.type), each.quantity, each.movements)
            for each in region.movements
        ],
    )
