"""What each event of stock says, by its type: its data in every shape."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NotRequired, TypedDict

from travio_inventory.stock.events import StockEvent


class OfEntry(TypedDict):
    """The entry that it is about."""

    inventoryId: str
    productId: str
    sku: str
    warehouseId: str


class StockUpdated(OfEntry):
    """The total changed; of an entry in several shards, that of one of them."""

    oldStock: int
    newStock: int
    shard: NotRequired[int]


class LowStock(OfEntry):
    """The available stock is not above its reorder point any more: once per crossing."""

    currentStock: int
    reorderPoint: int


class OutOfStock(OfEntry):
    """Nothing is available any more: once per crossing."""

    currentStock: Literal[0]


class LineTold(TypedDict):
    """So many units of an entry."""

    inventoryId: str
    sku: str
    warehouseId: str
    quantity: int


class ReservationTold(TypedDict):
    """A reservation as it is since then: made, committed or given back, whole or in part. `givenUp` are the entries of
    lines that it has no more, `expiresAtMs` is there while it is pending.
    """

    reservationId: str
    orderId: str
    status: Literal["PENDING", "COMMITTED", "CANCELLED", "EXPIRED"]
    lines: list[LineTold]
    givenUp: NotRequired[list[str]]
    expiresAtMs: NotRequired[int]


class ReservationFailed(TypedDict):
    """What another service asked for an order cannot be done; where it is paid the money is to go back. `sku` is empty
    where no order is known, `causedBy` is the event that asked.
    """

    orderId: str
    step: Literal["reserve", "commit"]
    reason: str
    isPaid: bool
    sku: str
    causedBy: str


class TransferTold(OfEntry):
    """So many left the source, or came: told of the entry there."""

    transferId: str
    fromWarehouseId: str
    toWarehouseId: str
    quantity: int


class AdjustmentRequested(OfEntry):
    """A change waits for another person."""

    approvalId: str
    quantity: int
    movementType: str
    reason: str
    requestedBy: str


class AdjustmentDecided(OfEntry):
    """Another person decided about a change."""

    approvalId: str
    quantity: int
    requestedBy: str
    decidedBy: str


class PurchaseTold(OfEntry):
    """So many of a line were ordered, came, or will not come."""

    purchaseOrderId: str
    supplierId: str
    quantity: int


DATA: Final[Mapping[StockEvent, type[Any]]] = MappingProxyType(
    {
        StockEvent.STOCK_UPDATED: StockUpdated,
        StockEvent.LOW_STOCK: LowStock,
        StockEvent.OUT_OF_STOCK: OutOfStock,
        StockEvent.RESERVED: ReservationTold,
        StockEvent.COMMITTED: ReservationTold,
        StockEvent.RELEASED: ReservationTold,
        StockEvent.RESERVATION_FAILED: ReservationFailed,
        StockEvent.TRANSFER_SHIPPED: TransferTold,
        StockEvent.TRANSFER_RECEIVED: TransferTold,
        StockEvent.ADJUSTMENT_REQUESTED: AdjustmentRequested,
        StockEvent.ADJUSTMENT_APPROVED: AdjustmentDecided,
        StockEvent.ADJUSTMENT_REJECTED: AdjustmentDecided,
        StockEvent.PURCHASE_ORDERED: PurchaseTold,
        StockEvent.PURCHASE_RECEIVED: PurchaseTold,
        StockEvent.PURCHASE_CANCELLED: PurchaseTold,
    }
)
