"""What is told of a change of stock. The stock of an event is the total; what is low or out is the available one."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import chain
from typing import Final, TypeAlias

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Step
from travio_inventory.kernel.json_text import encode
from travio_inventory.stock.entry import InventoryEntry

VERSION: Final = 1


class StockEvent(StrEnum):
    """The types of events of stock."""

    STOCK_UPDATED = "inventory.stock_updated"
    LOW_STOCK = "inventory.low_stock"
    OUT_OF_STOCK = "inventory.out_of_stock"
    RESERVED = "inventory.reserved"
    COMMITTED = "inventory.committed"
    RELEASED = "inventory.released"
    RESERVATION_FAILED = "inventory.reservation_failed"
    TRANSFER_SHIPPED = "inventory.transfer_shipped"
    TRANSFER_RECEIVED = "inventory.transfer_received"
    ADJUSTMENT_REQUESTED = "inventory.adjustment_requested"
    ADJUSTMENT_APPROVED = "inventory.adjustment_approved"
    ADJUSTMENT_REJECTED = "inventory.adjustment_rejected"
    PURCHASE_ORDERED = "inventory.purchase_ordered"
    PURCHASE_RECEIVED = "inventory.purchase_received"
    PURCHASE_CANCELLED = "inventory.purchase_cancelled"


Said: TypeAlias = tuple[StockEvent, Mapping[str, int | str]]
"""An event beside those of the quantities, and what it says."""


def told(
    before: InventoryEntry | None,
    after: InventoryEntry,
    actor: ActorKind,
    said: Said | None = None,
    *,
    is_internal: bool = False,
) -> Iterator[Step]:
    """The events of a change: what is said beside, of the total, and of each mark that the available stock is not above
    since then, once per crossing, whether the stock fell or the mark was raised. Nothing is told of what is internal.
    """
    changed = () if is_internal else _told(before, after)
    for ordinal, (kind, data) in enumerate(chain([said] if said else [], changed), after.events):
        about = {"inventoryId": after.id.partition(".")[0], "productId": after.product_id, "sku": after.sku}
        yield Step(ordinal, kind, VERSION, actor, encode({**about, "warehouseId": after.warehouse_id, **data}))


def _told(before: InventoryEntry | None, after: InventoryEntry) -> Iterator[Said]:
    is_new = before is None or before.is_deleted
    old = 0 if before is None else before.quantities.total
    new, available = after.quantities.total, after.quantities.available
    if new != old:
        yield StockEvent.STOCK_UPDATED, {"oldStock": old, "newStock": new, **_shard(after)}
    if is_new or before is None or after.is_deleted or after.sharing is not None:
        return  # what is low or out is the sum of several rows
    if after.is_low and not before.is_low:
        yield StockEvent.LOW_STOCK, {"currentStock": available, "reorderPoint": after.reorder_point}
    if not available and before.quantities.available:
        yield StockEvent.OUT_OF_STOCK, {"currentStock": 0}


def _shard(entry: InventoryEntry) -> dict[str, int]:
    """Which row of several it is whose stock is told."""
    return {} if entry.sharing is None else {"shard": int(entry.id.partition(".")[2] or 0)}
