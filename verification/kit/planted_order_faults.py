"""Writes beside the cups of a shop what no step of a purchase order ever writes: see `planted_stock_faults`."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from travio_inventory.protocol.batches import Row
from travio_inventory.stock.audit.findings import StockFault
from travio_inventory.stock.purchase import PurchaseLine, PurchaseOrder
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.records.purchase_rows import (
    ON_ORDER,
    ORDER,
    OnOrder,
    line_key,
    line_write,
    order_row,
    partition_of,
)
from travio_inventory.stock.records.stock_rows import STOCK
from verification.kit.planted_stock_faults import PlantedInStock, Shelves

QUANTITY = 5


def _ordered(shelves: Shelves) -> PurchaseOrder:
    """Five cups, which nobody has placed yet."""
    lines = [PurchaseLine("cup", "", shelves.cups.number // 64, QUANTITY)]
    organization, now_ms = shelves.cups.organization, shelves.now_ms
    return PurchaseOrder("the-order", organization, "s", lines, "", "ann", 0, False, "", 1, now_ms, now_ms)


async def _place(shelves: Shelves, order: PurchaseOrder, *, on_order: int = QUANTITY, received: int = 0) -> None:
    """The order, its line with so many received, and so many on order."""
    (ordered,) = order.lines
    line = replace(ordered, received=received, version=1)
    said = OnOrder().after(order, replace(ordered, quantity=on_order), shelves.now_ms)
    at, organization = shelves.cups, shelves.cups.organization
    await shelves.write(partition_of(organization, order.id), ORDER, order_row(order), 86_400)
    await shelves.write(at, line_key(order), line_write(order, ordered, line, shelves.now_ms).values, 86_400)
    await shelves.write(at, ON_ORDER, said.write(OnOrder(), shelves.now_ms).values)


async def _fewer(shelves: Shelves) -> None:
    await _place(shelves, _ordered(shelves), on_order=2)


async def _forgotten(shelves: Shelves) -> None:
    """Nothing is on order, says the row."""
    order = _ordered(shelves)
    await _place(shelves, order)
    empty = OnOrder().after(order, replace(order.lines[0], quantity=0), shelves.now_ms)
    await shelves.write(shelves.cups, ON_ORDER, empty.write(OnOrder(), shelves.now_ms).values)


async def _not_brought(shelves: Shelves) -> None:
    """Two are said to have come, and no movement brought them."""
    await _place(shelves, _ordered(shelves), on_order=QUANTITY - 2, received=2)


async def _brought_twice(shelves: Shelves) -> None:
    """Three came in one receipt, and three in another; they were ordered to be five."""
    order = _ordered(shelves)
    await _place(shelves, order, on_order=0, received=QUANTITY)
    entry = stock_rows.read_entry(shelves.cups, (await shelves.store.get(shelves.cups, [STOCK]))[STOCK])
    balance, version = entry.quantities.total, entry.version
    for key in ("r1", "r2"):
        balance, version = balance + 3, version + 1
        moved: Row = {"type": "INBOUND", "quantity": 3, "balance": balance, "reason": "purchase order received"}
        row: Row = {**moved, "cause": f"receipt {order.id} {key}", "at_ms": shelves.now_ms}
        await shelves.write(shelves.cups, stock_rows.movement_key(version), row, 86_400)
    await shelves.add(shelves.cups, STOCK, available=6, version=2)


async def _lost(shelves: Shelves) -> None:
    """The order is on order, and its line is not there."""
    order = _ordered(shelves)
    await _place(shelves, order)
    hidden = replace(order, id="another-order")
    row = (await shelves.store.get(shelves.cups, [ON_ORDER]))[ON_ORDER]
    await shelves.write(partition_of(order.organization, hidden.id), ORDER, order_row(hidden), 86_400)
    said = str(row["definition"]).replace(order.id, hidden.id)
    await shelves.write(shelves.cups, ON_ORDER, {"definition": said})
    closed = replace(order.lines[0], is_cancelled=True, version=2)
    values = line_write(order, order.lines[0], closed, shelves.now_ms).values
    await shelves.write(shelves.cups, line_key(order), values, 86_400)


async def _stray(shelves: Shelves) -> None:
    """A line of which there is no order."""
    order = _ordered(shelves)
    await _place(shelves, order)
    other = replace(order, lines=[replace(order.lines[0], warehouse_number=9)])
    await shelves.write(partition_of(order.organization, order.id), ORDER, order_row(other), 86_400)


async def _open_still(shelves: Shelves) -> None:
    """It was cancelled long ago."""
    order = _ordered(shelves)
    await _place(shelves, order)
    cancelled = replace(order, is_cancelled=True, cancelled_by="ann", version=2)
    await shelves.write(partition_of(order.organization, order.id), ORDER, order_row(cancelled), 86_400)


PLANTED_IN_ORDERS: Mapping[str, PlantedInStock] = MappingProxyType(
    {
        name: PlantedInStock(frozenset({fault}), is_repaired, plant)
        for name, fault, is_repaired, plant in (
            ("fewer are on order than its line says", StockFault.ON_ORDER, True, _fewer),
            ("what was ordered is not on order", StockFault.ON_ORDER, True, _forgotten),
            ("no movement brought what was received", StockFault.RECEIVED, True, _not_brought),
            ("more came than was ordered", StockFault.RECEIVED, False, _brought_twice),
            ("an order lost its line", StockFault.LOST_LINE, True, _lost),
            ("a line is of no order", StockFault.STRAY_LINE, True, _stray),
            ("a cancelled order has an open line", StockFault.UNFINISHED, True, _open_still),
        )
    }
)
"""By what is wrong."""
