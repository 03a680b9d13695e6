"""The rows of a purchase order: the order itself, its line beside each entry, and what is on order for an entry."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import ABSENT, Index, IndexEntry, Kind, Partition, Row, RowKey, Table, Write
from travio_inventory.stock.purchase import KEPT_MS, OPEN_MS, PurchaseLine, PurchaseOrder
from travio_inventory.stock.records import stock_rows

ORDER: Final = RowKey(Kind.PURCHASE_ORDER, "")
ON_ORDER: Final = RowKey(Kind.ON_ORDER, "")
CANCELLED: Final = "cancelled"


def partition_of(organization: str, order: str) -> Partition:
    """Where the order itself is."""
    return Partition(Table.WAREHOUSES, organization, f"order {order}")


def place_of(order: PurchaseOrder, line: PurchaseLine) -> Partition:
    """Where the line is: beside its entry."""
    return stock_rows.place(order.organization, line.sku, line.warehouse_number)


def line_key(order: PurchaseOrder) -> RowKey:
    """The row of a line of that order."""
    return RowKey(Kind.PURCHASE, order.id)


def bucket_of(organization: str, supplier: str) -> str:
    """Where the orders with a supplier are listed, or all."""
    return rows.SEPARATOR.join((organization, "orders", supplier))


def listed(order: PurchaseOrder) -> Sequence[IndexEntry]:
    """How it is found, oldest first."""
    named = rows.SEPARATOR.join((f"{order.created_at_ms:016d}", order.id))
    return [
        IndexEntry(Index.STOCK, bucket_of(order.organization, supplier), named, KEPT_MS // 1_000)
        for supplier in ("", order.supplier_id)
    ]


def kept_s(order: PurchaseOrder, now_ms: int) -> int:
    """How long a row of it is kept from now on: all of them end together."""
    return max((order.created_at_ms + KEPT_MS - now_ms) // 1_000, 1)


def order_row(order: PurchaseOrder) -> Row:
    """What the row of the order says."""
    said = {
        "supplier": order.supplier_id,
        "lines": [[line.sku, line.warehouse_id, line.warehouse_number, line.quantity] for line in order.lines],
        "reference": order.reference,
        "by": order.ordered_by,
        "automatic": order.automatic,
        "cancelled": order.cancelled_by if order.is_cancelled else None,
    }
    return {
        "definition": encode(said),
        "version": order.version,
        "created_at_ms": order.created_at_ms,
        "updated_at_ms": order.updated_at_ms,
    }


def read_order(organization: str, named: str, row: Row, now_ms: int) -> PurchaseOrder:
    """The order that the row says, its lines as if nothing had come yet."""
    said = json.loads(rows.text(row, "definition"))
    created_at_ms = rows.number(row, "created_at_ms")
    return PurchaseOrder(
        named,
        organization,
        said["supplier"],
        [PurchaseLine(*line) for line in said["lines"]],
        said["reference"],
        said["by"],
        said["automatic"],
        said["cancelled"] is not None,
        said["cancelled"] or "",
        rows.number(row, "version"),
        created_at_ms,
        rows.number(row, "updated_at_ms"),
        now_ms >= created_at_ms + OPEN_MS,
    )


def line_write(order: PurchaseOrder, before: PurchaseLine, after: PurchaseLine, now_ms: int) -> Write:
    """The row of the line, IF it is at the version that was seen."""
    is_whole = after.received == after.quantity
    values: Row = {
        "status": CANCELLED if after.is_cancelled else "received" if is_whole else "open",
        "quantity": after.quantity,
        "definition": encode({"received": after.received}),
        "version": after.version,
        "created_at_ms": order.created_at_ms,
        "updated_at_ms": now_ms,
    }
    condition = {"version": before.version} if before.version else ABSENT
    return Write(line_key(order), condition, values, kept_s(order, now_ms))


def read_line(line: PurchaseLine, row: Row | None) -> PurchaseLine:
    """The line of an order as its row says; as it was ordered, if nobody has placed it yet."""
    if row is None:
        return line
    received = json.loads(rows.text(row, "definition"))["received"]
    is_cancelled = row["status"] == CANCELLED
    return replace(line, received=received, is_cancelled=is_cancelled, version=rows.number(row, "version"))


@dataclass(frozen=True, slots=True)
class OnOrder:
    """What is on order for an entry: how many are outstanding of each open order, and since when it is there."""

    orders: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    supplier_id: str = ""
    automatic: int = 0
    """How many automatic orders there were."""
    is_paused: bool = False
    """Whether somebody cancelled the last one, and nobody ordered by hand since then."""
    version: int = 0

    def outstanding(self, now_ms: int) -> int:
        """Of all orders that may still be received."""
        return sum(count for _, count in self.open(now_ms))

    def open(self, now_ms: int) -> Iterator[tuple[str, int]]:
        """The orders that may still be received, and how many are outstanding of each."""
        return ((each, count) for each, (count, since_ms) in self.orders.items() if now_ms < since_ms + OPEN_MS)

    def after(self, order: PurchaseOrder, line: PurchaseLine, now_ms: int) -> "OnOrder":
        """With that line as it is now; orders that are past are left out."""
        orders = {each: self.orders[each] for each, _ in self.open(now_ms) if each != order.id}
        if line.outstanding:
            orders[order.id] = (line.outstanding, order.created_at_ms)
        is_new, is_automatic = order.id not in self.orders and bool(line.outstanding), bool(order.automatic)
        return OnOrder(
            orders,
            order.supplier_id if is_new else self.supplier_id,
            max(self.automatic, order.automatic),
            (self.is_paused or (is_automatic and line.is_cancelled)) and (is_automatic or not is_new),
            self.version + 1,
        )

    def write(self, before: "OnOrder", now_ms: int) -> Write:
        """The row, IF it is at the version that was seen."""
        said = {
            "orders": dict(self.orders),
            "supplier": self.supplier_id,
            "automatic": self.automatic,
            "paused": self.is_paused,
        }
        values: Row = {"definition": encode(said), "version": self.version, "updated_at_ms": now_ms}
        return Write(ON_ORDER, {"version": before.version} if before.version else ABSENT, values)


def read_on_order(row: Row | None) -> OnOrder:
    """What the row says; nothing is on order where there is none."""
    if row is None:
        return OnOrder()
    said = json.loads(rows.text(row, "definition"))
    orders = {each: (count, since_ms) for each, (count, since_ms) in said["orders"].items()}
    return OnOrder(orders, said["supplier"], said["automatic"], said["paused"], rows.number(row, "version"))
